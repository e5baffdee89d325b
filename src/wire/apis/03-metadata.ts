/**
 * Metadata (3): brokers, topics, partitions and their leaders.
 *
 * Version notes: v1 null asks for all topics and [] for none; in v0 [] asks for all · v4 auto-creation can be refused
 * · v7 leader epoch · v8 authorized operations · v9 flexible · v10 topic ids · v11 cluster operations moved to DescribeCluster
 * · v12 a topic may be asked for by id alone · v13 an error code for the whole answer.
 */
import { array, bool, defineApi, field, int16, int32, nullableArray, nullableString, string, struct, uuid } from '../schema.ts'

/** What `authorizedOperations` is where it was not asked for. */
export const OPERATIONS_UNKNOWN = -0x8000_0000

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleFrom: 9,
  request: struct({
    topics: field(nullableArray(struct({ topicId: field(uuid, { versions: '10+' }), name: field(nullableString, { nullableFrom: 10, default: null }) })), { nullableFrom: 1, default: null }),
    allowAutoTopicCreation: field(bool, { versions: '4+', default: true }),
    includeClusterAuthorizedOperations: field(bool, { versions: '8-10', default: false }),
    includeTopicAuthorizedOperations: field(bool, { versions: '8+', default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, { versions: '3+' }),
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: field(nullableString, { versions: '1+', default: null }) })),
    clusterId: field(nullableString, { versions: '2+', default: null }),
    controllerId: field(int32, { versions: '1+', default: -1 }),
    topics: array(struct({
      errorCode: int16,
      name: field(nullableString, { nullableFrom: 12, default: null }),
      topicId: field(uuid, { versions: '10+' }),
      isInternal: field(bool, { versions: '1+', default: false }),
      partitions: array(struct({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: field(int32, { versions: '7+', default: -1 }),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: field(array(int32), { versions: '5+' }),
      })),
      topicAuthorizedOperations: field(int32, { versions: '8+', default: OPERATIONS_UNKNOWN }),
    })),
    clusterAuthorizedOperations: field(int32, { versions: '8-10', default: OPERATIONS_UNKNOWN }),
    errorCode: field(int16, { versions: '13+', default: 0 }),
  }),
})
