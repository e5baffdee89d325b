/**
 * Quotas of users, client ids and addresses: kept and told, and not enforced (a broker for one machine throttles nobody).
 *
 * Q1. They outlive a restart: what was answered without an error is in the file.
 * Q2. At most `ENTITIES_MAX` entities have quotas.
 */
import type { KafkaErrorName } from '../wire/error-codes.ts'
import type { StateFile } from './state-file.ts'

export interface QuotaComponent {
  readonly entityType: string
  /** `null`: the default of its type. */
  readonly entityName: string | null
}

export interface QuotaEntry {
  readonly entity: readonly QuotaComponent[]
  readonly values: ReadonlyMap<string, number>
}

export interface QuotaChange {
  readonly key: string
  readonly value: number
  readonly remove: boolean
}

export interface QuotaProblem {
  readonly error: KafkaErrorName
  readonly message: string
}

const ENTITIES_MAX = 1000
const CLIENT_KEYS = ['producer_byte_rate', 'consumer_byte_rate', 'request_percentage', 'controller_mutation_rate']
/** What may be limited, by type of entity; those given in whole numbers below. */
const KEYS: Readonly<Record<string, readonly string[]>> = { user: CLIENT_KEYS, 'client-id': CLIENT_KEYS, ip: ['connection_creation_rate'] }
/** Four numbers or an address of version 6: names are not looked up here. */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f.]*:[0-9a-f:.]*)$/i
const WHOLE = ['producer_byte_rate', 'consumer_byte_rate', 'connection_creation_rate']

export class ClientQuotas {
  readonly #file: StateFile
  #entries: Map<string, QuotaEntry>

  constructor(file: StateFile) {
    this.#file = file
    // What `#write` wrote; the file's checksum has been verified.
    const stored = (file.read() ?? []) as { entity: QuotaComponent[]; values: Record<string, number> }[]
    this.#entries = new Map(stored.map(({ entity, values }) => [keyOf(entity), { entity, values: new Map(Object.entries(values)) }]))
  }

  list(): QuotaEntry[] {
    return [...this.#entries.values()]
  }

  /** The reason why an entity's quotas cannot be changed so. */
  problem(entity: readonly QuotaComponent[], changes: readonly QuotaChange[]): QuotaProblem | undefined {
    const invalid = (message: string): QuotaProblem => ({ error: 'INVALID_REQUEST', message })
    if (entity.length === 0) return invalid('Invalid empty client quota entity')
    const types = entity.map(component => component.entityType)
    if (new Set(types).size < types.length) return invalid('Invalid client quota entity: one type is there twice')
    const unknown = types.find(type => KEYS[type] === undefined)
    if (unknown !== undefined) return invalid(`Unhandled client quota entity type: ${unknown}`)
    if (types.includes('ip') && types.length > 1) return invalid('Invalid quota entity combination, IP entity should not be used with user/client ID entity.')
    if (entity.some(component => component.entityName === '')) return invalid('Empty names are not quota entities; null is the default')
    const address = entity.find(component => component.entityType === 'ip')?.entityName
    if (typeof address === 'string' && !ADDRESS.test(address)) return invalid(`${address} is not a valid IP address.`)
    if (!this.#entries.has(keyOf(entity)) && this.#entries.size >= ENTITIES_MAX) return { error: 'POLICY_VIOLATION', message: `At most ${ENTITIES_MAX} entities have quotas here.` }
    const known = types.flatMap(type => KEYS[type] ?? [])
    for (const { key, value, remove } of changes) {
      if (!known.includes(key)) return invalid(`Invalid configuration key ${key}`)
      if (remove) continue
      if (!(value > 0)) return invalid(`Quota ${key} must be greater than 0`)
      if (WHOLE.includes(key) && !Number.isInteger(value)) return invalid(`Configuration ${key} cannot be a fractional value`)
    }
    return undefined
  }

  async change(entity: readonly QuotaComponent[], changes: readonly QuotaChange[]): Promise<void> {
    const key = keyOf(entity)
    const values = new Map(this.#entries.get(key)?.values)
    for (const { key: name, value, remove } of changes) {
      if (remove) values.delete(name)
      else values.set(name, value)
    }
    if (values.size === 0) this.#entries.delete(key)
    else this.#entries.set(key, { entity: entity.map(component => ({ ...component })), values })
    await this.#file.write(this.list().map(entry => ({ entity: entry.entity, values: Object.fromEntries(entry.values) })))
  }
}

function keyOf(entity: readonly QuotaComponent[]): string {
  return JSON.stringify(entity.map(({ entityType, entityName }) => [entityType, entityName]).sort())
}
