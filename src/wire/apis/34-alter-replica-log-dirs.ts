/**
 * AlterReplicaLogDirs (34): moves a broker's replicas between its log directories (KIP-113).
 *
 * Version notes: v0 is gone since Kafka 4.0 · v2 flexible.
 */
import { array, defineApi, field, int16, int32, string, struct } from '../schema.ts'

export const alterReplicaLogDirs = defineApi({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: [1, 2],
  flexibleFrom: 2,
  request: struct({
    dirs: array(struct({ path: string, topics: array(struct({ name: string, partitions: array(int32) })) })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    results: array(struct({ topicName: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) })),
  }),
})
