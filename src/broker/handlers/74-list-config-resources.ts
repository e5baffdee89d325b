/** ListConfigResources (74), versions 0–1: topics and the broker have configurations here; client metrics and groups have none. */
import { listConfigResources } from '../../wire/apis/74-list-config-resources.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { RESOURCE_BROKER, RESOURCE_BROKER_LOGGER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC } from '../describe-configs.ts'
import { handler } from '../handler.ts'
import { NODE_ID } from '../options.ts'

const TYPES = [RESOURCE_TOPIC, RESOURCE_BROKER, RESOURCE_BROKER_LOGGER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP]

export const listConfigResourcesHandler = handler(listConfigResources, [0, 1], (core, request, call) => {
  const types = call.version === 0 ? [RESOURCE_CLIENT_METRICS] : request.resourceTypes.length === 0 ? TYPES : [...new Set(request.resourceTypes)]
  if (types.some(type => !TYPES.includes(type))) return { errorCode: errorCode('UNSUPPORTED_VERSION'), configResources: [] }
  return {
    errorCode: 0,
    configResources: types.flatMap(resourceType => {
      if (resourceType === RESOURCE_TOPIC) return core.topics.all().map(topic => ({ resourceName: topic.name, resourceType }))
      const isBroker = resourceType === RESOURCE_BROKER || resourceType === RESOURCE_BROKER_LOGGER
      return isBroker ? [{ resourceName: String(NODE_ID), resourceType }] : []
    }),
  }
})
