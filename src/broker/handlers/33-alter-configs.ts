/**
 * AlterConfigs (33), versions 0–2: replaces all that is set for a topic. The broker's own settings are fixed at start.
 */
import { alterConfigs } from '../../wire/apis/33-alter-configs.ts'
import { handler } from '../handler.ts'
import { alterOne } from '../alter-configs.ts'

export const alterConfigsHandler = handler(alterConfigs, [0, 2], async (core, request) => {
  const responses = []
  for (const { resourceType, resourceName, configs } of request.resources) {
    responses.push(await alterOne(core, resourceType, resourceName, request.validateOnly, () => new Map(configs.map(({ name, value }) => [name, value]))))
  }
  return { responses }
})
