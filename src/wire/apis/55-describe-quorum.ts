/**
 * DescribeQuorum (55): voters and observers of the metadata quorum (KIP-595).
 *
 * Version notes: v0 is flexible already · v1 fetch times (KIP-836) · v2 error text, directory ids, listeners (KIP-853).
 */
import { array, defineApi, field, int16, int32, int64, nullableString, string, struct, uint16, uuid } from '../schema.ts'

const replica = struct({
  replicaId: int32,
  replicaDirectoryId: field(uuid, { versions: '2+' }),
  logEndOffset: int64,
  lastFetchTimestamp: field(int64, { versions: '1+', default: -1 }),
  lastCaughtUpTimestamp: field(int64, { versions: '1+', default: -1 }),
})

export const describeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  versions: [0, 2],
  flexibleFrom: 0,
  request: struct({
    topics: array(struct({ topicName: string, partitions: array(struct({ partitionIndex: int32 })) })),
  }),
  response: struct({
    errorCode: int16,
    errorMessage: field(nullableString, { versions: '2+', default: null }),
    topics: array(struct({
      topicName: string,
      partitions: array(struct({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: field(nullableString, { versions: '2+', default: null }),
        leaderId: int32,
        leaderEpoch: int32,
        highWatermark: int64,
        currentVoters: array(replica),
        observers: array(replica),
      })),
    })),
    nodes: field(array(struct({
      nodeId: int32,
      listeners: array(struct({ name: string, host: string, port: uint16 })),
    })), { versions: '2+' }),
  }),
})
