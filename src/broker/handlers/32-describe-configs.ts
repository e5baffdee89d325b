/**
 * DescribeConfigs (32), versions 1–4: every entry of a topic, of the broker, of a group (none are set here).
 *
 * Version notes: v1 sources, synonyms · v3 types, documentation · v4 flexible.
 */
import { describeConfigs } from '../../wire/apis/32-describe-configs.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { brokerConfigs, describedEntry, effectiveConfigs, RESOURCE_BROKER, RESOURCE_BROKER_LOGGER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC } from '../describe-configs.ts'
import type { EffectiveConfig } from '../describe-configs.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { NODE_ID } from '../options.ts'
import { nameProblem } from '../topics.ts'

type Found = { readonly configs: readonly EffectiveConfig[] } | { readonly error: KafkaErrorName; readonly message: string }

export const describeConfigsHandler = handler(describeConfigs, [1, 4], (core, request) => ({
  results: request.resources.map(({ resourceType, resourceName, configurationKeys }) => {
    const found = find(core, resourceType, resourceName)
    if ('error' in found) return { errorCode: errorCode(found.error), errorMessage: found.message, resourceType, resourceName, configs: [] }
    const wanted = configurationKeys === null || configurationKeys.length === 0 ? undefined : new Set(configurationKeys)
    const configs = found.configs.filter(config => wanted === undefined || wanted.has(config.name))
    const options = { synonyms: request.includeSynonyms, documentation: request.includeDocumentation }
    return { errorCode: 0, errorMessage: '', resourceType, resourceName, configs: configs.map(config => describedEntry(config, options)) }
  }),
}))

function find(core: Core, resourceType: number, resourceName: string): Found {
  switch (resourceType) {
    case RESOURCE_TOPIC: {
      const topic = core.topics.get(resourceName)
      if (topic !== undefined) return { configs: effectiveConfigs(topic.configs) }
      const invalid = nameProblem(resourceName)
      return invalid === undefined
        ? { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'This server does not host this topic-partition.' }
        : { error: 'INVALID_TOPIC_EXCEPTION', message: invalid }
    }
    case RESOURCE_BROKER:
      // The empty name asks for what is set for all brokers together: nothing is.
      if (resourceName === '') return { configs: [] }
      return resourceName === String(NODE_ID)
        ? { configs: brokerConfigs(core.options, core.options.directory) }
        : { error: 'INVALID_REQUEST', message: `Unexpected broker id, expected ${NODE_ID}, but received ${resourceName}` }
    case RESOURCE_GROUP:
    case RESOURCE_CLIENT_METRICS:
    case RESOURCE_BROKER_LOGGER:
      return { configs: [] }
    default:
      return { error: 'INVALID_REQUEST', message: `Unsupported resource type: ${resourceType}` }
  }
}
