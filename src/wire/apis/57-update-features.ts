/**
 * UpdateFeatures (57): sets the finalized level of features (KIP-584). Upgrade types: 1 upgrade, 2 safe downgrade, 3 unsafe downgrade.
 *
 * Version notes: v0 is flexible already · v1 upgrade types, validate only · v2 all or nothing, without results.
 */
import { array, bool, defineApi, field, int16, int32, int8, nullableString, string, struct } from '../schema.ts'

export const updateFeatures = defineApi({
  key: 57,
  name: 'UpdateFeatures',
  versions: [0, 2],
  flexibleFrom: 0,
  request: struct({
    timeoutMs: field(int32, { default: 60_000 }),
    featureUpdates: array(struct({
      feature: string,
      maxVersionLevel: int16,
      allowDowngrade: field(bool, { versions: '0', default: false }),
      upgradeType: field(int8, { versions: '1+', default: 1 }),
    })),
    validateOnly: field(bool, { versions: '1+', default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    errorCode: int16,
    errorMessage: nullableString,
    results: field(array(struct({ feature: string, errorCode: int16, errorMessage: nullableString })), { versions: '0-1' }),
  }),
})
