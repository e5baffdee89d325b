/**
 * UpdateFeatures (57), versions 0–2: a feature may be set to the level it has; levels are fixed when the broker is started.
 *
 * Behaviour: all or nothing: the first refusal is the answer, without results, in every version, as Apache Kafka 4.1 gives it.
 */
import { updateFeatures } from '../../wire/apis/57-update-features.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { featuresAs } from '../as-version.ts'
import { handler } from '../handler.ts'

export const updateFeaturesHandler = handler(updateFeatures, [0, 2], (core, request) => {
  const features = featuresAs(core.options.asVersion)
  const results = request.featureUpdates.map(({ feature, maxVersionLevel }) => {
    const level = features.find(each => each.name === feature)?.level
    if (level === maxVersionLevel) return { feature, errorCode: 0, errorMessage: null }
    const message = level === undefined ? `Invalid update version ${maxVersionLevel} for feature ${feature}: the broker does not support this feature.`
      : `Invalid update version ${maxVersionLevel} for feature ${feature}: this broker is at ${level} and stays there while it runs.`
    return { feature, errorCode: errorCode('INVALID_UPDATE_VERSION'), errorMessage: message }
  })
  const refused = results.find(result => result.errorCode !== 0)
  if (refused === undefined) return { errorCode: 0, errorMessage: null, results }
  return { errorCode: refused.errorCode, errorMessage: `The update failed for all features since the following feature had an error: ${refused.errorMessage}`, results: [] }
})
