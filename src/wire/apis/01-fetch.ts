/**
 * Fetch (1): reads record batches from partitions.
 *
 * Version notes: v4 isolation level · v5 log start offset · v7 fetch sessions (KIP-227) · v9 leader epoch (KIP-320) · v10 zstd
 * · v11 rack and preferred replica (KIP-392) · v12 flexible, diverging epoch · v13 topic ids · v15 replica state tagged
 * · v16 node endpoints (KIP-951) · v17 replica directory id · v18 the replica's high watermark.
 */
import { array, defineApi, field, int16, int32, int64, int8, nullableArray, nullableString, records, string, struct, tagged, taggedStruct, uuid } from '../schema.ts'

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexibleFrom: 12,
  request: struct({
    clusterId: tagged(0, nullableString, { versions: '12+', default: null }),
    replicaId: field(int32, { versions: '0-14', default: -1 }),
    replicaState: taggedStruct(1, struct({ replicaId: int32, replicaEpoch: int64 }), { versions: '15+' }),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: field(int32, { versions: '3+', default: 0x7fff_ffff }),
    isolationLevel: field(int8, { versions: '4+', default: 0 }),
    sessionId: field(int32, { versions: '7+', default: 0 }),
    sessionEpoch: field(int32, { versions: '7+', default: -1 }),
    topics: array(struct({
      topic: field(string, { versions: '0-12' }),
      topicId: field(uuid, { versions: '13+' }),
      partitions: array(struct({
        partition: int32,
        currentLeaderEpoch: field(int32, { versions: '9+', default: -1 }),
        fetchOffset: int64,
        lastFetchedEpoch: field(int32, { versions: '12+', default: -1 }),
        logStartOffset: field(int64, { versions: '5+', default: -1 }),
        partitionMaxBytes: int32,
        replicaDirectoryId: tagged(0, uuid, { versions: '17+' }),
        // Of followers only. Kafka's default is 2^63 − 1 ("not supported"), which no number here can be.
        highWatermark: tagged(1, int64, { versions: '18+', default: Number.MAX_SAFE_INTEGER }),
      })),
    })),
    forgottenTopicsData: field(array(struct({
      topic: field(string, { versions: '7-12' }),
      topicId: field(uuid, { versions: '13+' }),
      partitions: array(int32),
    })), { versions: '7+' }),
    rackId: field(string, { versions: '11+', default: '' }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '1+' }),
    errorCode: field(int16, { versions: '7+' }),
    sessionId: field(int32, { versions: '7+', default: 0 }),
    responses: array(struct({
      topic: field(string, { versions: '0-12' }),
      topicId: field(uuid, { versions: '13+' }),
      partitions: array(struct({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: field(int64, { versions: '4+', default: -1 }),
        logStartOffset: field(int64, { versions: '5+', default: -1 }),
        divergingEpoch: taggedStruct(0, struct({ epoch: int32, endOffset: int64 }), { versions: '12+' }),
        currentLeader: taggedStruct(1, struct({ leaderId: int32, leaderEpoch: int32 }), { versions: '12+' }),
        snapshotId: taggedStruct(2, struct({ endOffset: int64, epoch: int32 }), { versions: '12+' }),
        abortedTransactions: field(nullableArray(struct({ producerId: int64, firstOffset: int64 })), { versions: '4+', default: null }),
        preferredReadReplica: field(int32, { versions: '11+', default: -1 }),
        records,
      })),
    })),
    nodeEndpoints: tagged(0, array(struct({ nodeId: int32, host: string, port: int32, rack: nullableString })), { versions: '16+' }),
  }),
})
