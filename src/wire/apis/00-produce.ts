/**
 * Produce (0): appends record batches to partitions.
 *
 * Version notes: v3 record batches of format 2 and transactional id · v5 log start offset · v7 zstd · v8 errors of single records
 * · v9 flexible · v10 the current leader in the answer (KIP-951) · v12 adds partitions to a transaction (KIP-890) · v13 topic ids.
 * v0 to v2 carry older record formats and are not described.
 */
import { array, defineApi, field, int16, int32, int64, nullableString, records, string, struct, tagged, taggedStruct, uuid } from '../schema.ts'

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  flexibleFrom: 9,
  request: struct({
    transactionalId: field(nullableString, { versions: '3+', default: null }),
    acks: int16,
    timeoutMs: int32,
    topicData: array(struct({
      name: field(string, { versions: '0-12' }),
      topicId: field(uuid, { versions: '13+' }),
      partitionData: array(struct({ index: int32, records })),
    })),
  }),
  response: struct({
    responses: array(struct({
      name: field(string, { versions: '0-12' }),
      topicId: field(uuid, { versions: '13+' }),
      partitionResponses: array(struct({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: field(int64, { versions: '2+', default: -1 }),
        logStartOffset: field(int64, { versions: '5+', default: -1 }),
        recordErrors: field(array(struct({ batchIndex: int32, batchIndexErrorMessage: field(nullableString, { default: null }) })), { versions: '8+' }),
        errorMessage: field(nullableString, { versions: '8+', default: null }),
        currentLeader: taggedStruct(0, struct({ leaderId: int32, leaderEpoch: int32 }), { versions: '10+' }),
      })),
    })),
    throttleTimeMs: field(int32, { versions: '1+' }),
    nodeEndpoints: tagged(0, array(struct({ nodeId: int32, host: string, port: int32, rack: nullableString })), { versions: '10+' }),
  }),
})
