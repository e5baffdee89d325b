/** What AlterConfigs and IncrementalAlterConfigs have in common: find the topic, work out its new configuration, check it, store it. */
import { errorCode } from '../wire/error-codes.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'
import { RESOURCE_BROKER, RESOURCE_TOPIC } from './describe-configs.ts'
import type { Core } from './handler.ts'
import { configProblem } from './topic-configs.ts'

/** Thrown by `change` where the request contradicts itself. */
export class ConfigRefused extends Error {
  override readonly name = 'ConfigRefused'
  readonly error: KafkaErrorName

  constructor(error: KafkaErrorName, message: string) {
    super(message)
    this.error = error
  }
}

export interface AlterResult {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resourceType: number
  readonly resourceName: string
}

export async function alterOne(core: Core, resourceType: number, resourceName: string, validateOnly: boolean, change: (before: ReadonlyMap<string, string>) => ReadonlyMap<string, string | null>): Promise<AlterResult> {
  const result = (error: KafkaErrorName, errorMessage: string | null): AlterResult => ({ errorCode: errorCode(error), errorMessage, resourceType, resourceName })
  if (resourceType === RESOURCE_BROKER) return result('INVALID_REQUEST', "The broker's settings are fixed when it is started: start it with other options.")
  if (resourceType !== RESOURCE_TOPIC) return result('INVALID_REQUEST', `Unsupported resource type: ${resourceType}`)
  const topic = core.topics.get(resourceName)
  if (topic === undefined) return result('UNKNOWN_TOPIC_OR_PARTITION', 'This server does not host this topic-partition.')
  const configs = new Map<string, string>()
  try {
    for (const [name, value] of change(topic.configs)) {
      const problem = configProblem(name, value)
      if (value === null) return result('INVALID_REQUEST', `Null value not supported for topic configs: ${name}`)
      if (problem !== undefined) return result('INVALID_CONFIG', problem)
      configs.set(name, value)
    }
  } catch (error) {
    if (error instanceof ConfigRefused) return result(error.error, error.message)
    throw error
  }
  if (validateOnly) return result('NONE', null)
  const problem = await core.topics.configure(resourceName, configs)
  return result(problem?.error ?? 'NONE', problem?.message ?? null)
}
