/**
 * ApiVersions (18): what a broker serves.
 *
 * Version notes: v1 throttle time · v2 nothing · v3 flexible, client software name and version, features (KIP-511, KIP-584)
 * · v4 features with minimum version 0. The response header is version 0 in every version.
 */
import { array, bool, defineApi, field, int16, int32, int64, string, struct, tagged } from '../schema.ts'

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({
    clientSoftwareName: field(string, { versions: '3+' }),
    clientSoftwareVersion: field(string, { versions: '3+' }),
  }),
  response: struct({
    errorCode: int16,
    apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: field(int32, { versions: '1+' }),
    supportedFeatures: tagged(0, array(struct({ name: string, minVersion: int16, maxVersion: int16 })), { versions: '3+' }),
    finalizedFeaturesEpoch: tagged(1, int64, { versions: '3+', default: -1 }),
    finalizedFeatures: tagged(2, array(struct({ name: string, maxVersionLevel: int16, minVersionLevel: int16 })), { versions: '3+' }),
    zkMigrationReady: tagged(3, bool, { versions: '3+', default: false }),
  }),
})
