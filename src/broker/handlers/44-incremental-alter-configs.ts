/**
 * IncrementalAlterConfigs (44), versions 0–1: SET 0, DELETE 1, and for lists APPEND 2 and SUBTRACT 3.
 */
import { incrementalAlterConfigs } from '../../wire/apis/44-incremental-alter-configs.ts'
import { alterOne, ConfigRefused } from '../alter-configs.ts'
import { handler } from '../handler.ts'
import { listItems, topicConfigRow } from '../topic-configs.ts'

const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

interface Change {
  readonly name: string
  readonly configOperation: number
  readonly value: string | null
}

export const incrementalAlterConfigsHandler = handler(incrementalAlterConfigs, [0, 1], async (core, request) => {
  const responses = []
  for (const { resourceType, resourceName, configs } of request.resources) {
    responses.push(await alterOne(core, resourceType, resourceName, request.validateOnly, before => changed(before, configs)))
  }
  return { responses }
})

function changed(before: ReadonlyMap<string, string>, changes: readonly Change[]): Map<string, string | null> {
  const after = new Map<string, string | null>(before)
  const seen = new Set<string>()
  for (const { name, configOperation, value } of changes) {
    if (seen.has(name)) throw new ConfigRefused('INVALID_REQUEST', `Error due to duplicate config keys: ${name}`)
    seen.add(name)
    if (configOperation === SET) after.set(name, value)
    else if (configOperation === DELETE) after.delete(name)
    else if (configOperation === APPEND || configOperation === SUBTRACT) after.set(name, changedList(before, name, value, configOperation))
    else throw new ConfigRefused('INVALID_REQUEST', `Unknown operation ${configOperation} for ${name}`)
  }
  return after
}

function changedList(before: ReadonlyMap<string, string>, name: string, value: string | null, operation: number): string {
  const row = topicConfigRow(name)
  if (row?.type !== 'list') throw new ConfigRefused('INVALID_CONFIG', `Can't ${operation === APPEND ? 'APPEND' : 'SUBTRACT'} to key ${name} because its type is not LIST.`)
  const items = listItems(before.get(name) ?? row.default)
  const given = listItems(value ?? '')
  const after = operation === APPEND ? [...items, ...given.filter(item => !items.includes(item))] : items.filter(item => !given.includes(item))
  return after.join(',')
}
