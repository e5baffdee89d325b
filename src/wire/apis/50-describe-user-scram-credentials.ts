/** DescribeUserScramCredentials (50, KIP-554): which mechanisms users have credentials for, and with how many iterations. Flexible from the start. */
import { array, defineApi, field, int16, int32, int8, nullableArray, nullableString, string, struct } from '../schema.ts'

export const describeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({ users: nullableArray(struct({ name: string })) }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    errorMessage: nullableString,
    results: array(struct({
      user: string,
      errorCode: int16,
      errorMessage: nullableString,
      credentialInfos: array(struct({ mechanism: int8, iterations: int32 })),
    })),
  }),
})
