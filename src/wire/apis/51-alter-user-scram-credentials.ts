/** AlterUserScramCredentials (51, KIP-554): sets and takes away credentials; passwords come salted. Flexible from the start. */
import { array, bytes, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const alterUserScramCredentials = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({
    deletions: array(struct({ name: string, mechanism: int8 })),
    upsertions: array(struct({ name: string, mechanism: int8, iterations: int32, salt: bytes, saltedPassword: bytes })),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    results: array(struct({ user: string, errorCode: int16, errorMessage: nullableString })),
  }),
})
