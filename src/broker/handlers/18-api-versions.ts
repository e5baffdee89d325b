/**
 * ApiVersions (18), versions 0–4: what is served, from the one list in `index.ts`, and the features of the
 * release that the broker is (`as-version.ts`).
 *
 * Behaviour: a version that is too high is answered in version 0 by `dispatch.ts`. The client's software name and version are
 * checked and kept for whoever wants to know who is connected (KIP-511).
 * Version notes: v3 flexible, features · v4 features with minimum version 0.
 */
import { apiVersions } from '../../wire/apis/18-api-versions.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { featuresAs } from '../as-version.ts'
import { handler } from '../handler.ts'

const SOFTWARE_PATTERN = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const apiVersionsHandler = handler(apiVersions, [0, 4], (core, request, call) => {
  if (call.version >= 3) {
    if (!SOFTWARE_PATTERN.test(request.clientSoftwareName) || !SOFTWARE_PATTERN.test(request.clientSoftwareVersion)) return { errorCode: errorCode('INVALID_REQUEST'), apiKeys: [] }
    const client = core.clients.get(call.connectionId)
    if (client !== undefined) {
      client.softwareName = request.clientSoftwareName
      client.softwareVersion = request.clientSoftwareVersion
      core.clients.identified()
    }
  }
  const features = featuresAs(core.options.asVersion)
  // Before v4 clients refuse a minimum of 0 (KAFKA-17011).
  const supported = features.filter(feature => call.version >= 4 || feature.minVersion > 0)
  return {
    errorCode: 0,
    apiKeys: core.served.map(({ api, versionMin, versionMax, advertisedFrom }) => ({ apiKey: api.key, minVersion: advertisedFrom ?? versionMin, maxVersion: versionMax })),
    supportedFeatures: supported.map(({ name, minVersion, level }) => ({ name, minVersion, maxVersion: level })),
    finalizedFeaturesEpoch: features.length === 0 ? -1 : 0,
    finalizedFeatures: features.map(({ name, level }) => ({ name, minVersionLevel: level, maxVersionLevel: level })),
  }
})
