/**
 * ElectLeaders (43). Election types: 0 preferred, 1 unclean; null partitions ask for all.
 *
 * Version notes: v1 election type (KIP-460) · v2 flexible.
 */
import { array, defineApi, field, int16, int32, int8, nullableArray, nullableString, string, struct } from '../schema.ts'

export const electLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    electionType: field(int8, { versions: '1+', default: 0 }),
    topicPartitions: nullableArray(struct({ topic: string, partitions: array(int32) })),
    timeoutMs: field(int32, { default: 60_000 }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: field(int16, { versions: '1+' }),
    replicaElectionResults: array(struct({
      topic: string,
      partitionResult: array(struct({ partitionId: int32, errorCode: int16, errorMessage: nullableString })),
    })),
  }),
})
