/**
 * Two brokers' answers to the same requests, made comparable and compared leaf by leaf.
 *
 * C1. What must differ is replaced by a name: ids by the order in which they appear ("memberId#2"), the broker's own port by "port",
 *     wall-clock times by "time", wordings by "text". Whether it is there, null, empty or zero stays visible.
 * C2. Record batches are compared decoded: offsets, epochs, sequences, attributes, keys, values, headers, times.
 * C3. Arrays of named or numbered things are compared by name: Kafka gives many in no order.
 * C4. Beside an error its wording is each broker's own: Kafka leaves it null in many places, and clients then print the error's name.
 *     Where there is no error, a wording must be there, null or empty as Kafka has it.
 */
import { errorName } from '../../../src/wire/error-codes.ts'
import { RecordCursor, walkBatches } from '../../../src/wire/record-batch.ts'
import { ZERO_UUID } from '../../../src/wire/uuid.ts'

export interface Difference {
  /** `.topics.c1-3.errorCode`: fields of the answer; an array's element stands under its name. */
  readonly path: string
  readonly theirs: string
  readonly ours: string
}

const WORDINGS = new Set(['errorMessage', 'batchIndexErrorMessage', 'documentation', 'logDir'])
const IDS = new Set(['memberId', 'topicId', 'producerId', 'leader', 'directoryId', 'replicaDirectoryId', 'clusterId'])
const TIMES = new Set(['transactionStartTimeMs', 'lastFetchTimestamp', 'lastCaughtUpTimestamp', 'logAppendTimeMs', 'lastTimestamp'])
const SIZES = new Set(['totalBytes', 'usableBytes'])
const KEYS = ['name', 'topic', 'topicName', 'groupId', 'resourceName', 'partitionIndex', 'partition', 'index', 'transactionalId', 'apiKey', 'memberId', 'entityType', 'partitionId', 'key', 'resourceType', 'user', 'entity']

/** Makes one broker's answers comparable; one for each run of a scenario. */
export class Normalizer {
  readonly #port: number
  readonly #ids = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  constructor(port: number) {
    this.#port = port
  }

  value(value: unknown, name = ''): unknown {
    if (Array.isArray(value)) return value.map(item => this.value(item, name))
    if (Buffer.isBuffer(value)) return name === 'records' ? this.#batches(value) : value.toString('latin1')
    if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, this.value(field, key)]))
    return this.#leaf(value, name)
  }

  #leaf(value: unknown, name: string): unknown {
    if (value === null || value === '') return value
    if (name.toLowerCase().endsWith('errorcode') && typeof value === 'number') return errorName(value)
    if (WORDINGS.has(name)) return 'text'
    if (IDS.has(name) && value !== -1 && value !== 0 && value !== ZERO_UUID) return this.#id(name === 'leader' ? 'memberId' : name, String(value))
    if (TIMES.has(name)) return value === -1 || value === 0 ? value : 'time'
    if (SIZES.has(name)) return typeof value === 'number' && value > 0 ? 'bytes' : value
    if (name === 'port') return value === this.#port ? 'port' : value
    return value
  }

  #id(kind: string, value: string): string {
    const known = this.#ids.get(`${kind} ${value}`)
    if (known !== undefined) return known
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    this.#ids.set(`${kind} ${value}`, `${kind}#${count}`)
    return `${kind}#${count}`
  }

  #batches(buffer: Buffer): unknown {
    const cursor = new RecordCursor()
    return [...walkBatches(buffer)].map(view => {
      const records: string[] = []
      view.records(cursor)
      while (cursor.next()) {
        const key = cursor.keyStart < 0 ? 'null' : cursor.buffer.toString('latin1', cursor.keyStart, cursor.keyEnd)
        const value = cursor.valueStart < 0 ? 'null' : cursor.buffer.toString('latin1', cursor.valueStart, cursor.valueEnd)
        records.push(view.isControl ? `control ${key.length}` : `${cursor.offset} ${key} ${value}`)
      }
      return {
        baseOffset: view.baseOffset, lastOffset: view.lastOffset, leaderEpoch: view.leaderEpoch, attributes: view.attributes, bytes: view.sizeBytes,
        producerId: this.#leaf(view.producerId, 'producerId'), producerEpoch: view.producerEpoch, baseSequence: view.baseSequence, records,
      }
    })
  }
}

/** Where the two differ; `theirs` is Kafka's. */
export function differencesOf(theirs: unknown, ours: unknown, path = ''): Difference[] {
  const [a, b] = [keyed(theirs), keyed(ours)]
  const bothObjects = a !== null && b !== null && typeof a === 'object' && typeof b === 'object' && Array.isArray(a) === Array.isArray(b)
  if (!bothObjects) return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ path, theirs: JSON.stringify(a) ?? 'nothing', ours: JSON.stringify(b) ?? 'nothing' }]
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  if (failed(a) && failed(b)) keys.delete('errorMessage')
  return [...keys].flatMap(key => differencesOf(Reflect.get(a, key), Reflect.get(b, key), `${path}.${key}`))
}

function failed(answer: object): boolean {
  return Object.entries(answer).some(([name, field]) => name.toLowerCase().endsWith('errorcode') && field !== 'NONE')
}

function keyed(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const items: readonly unknown[] = value
  const keys = items.map(item => item !== null && typeof item === 'object' ? KEYS.flatMap(key => key in item ? [label(Reflect.get(item, key))] : []).join('/') : '')
  return new Set(keys).size === keys.length && !keys.includes('') ? Object.fromEntries(keys.map((key, index) => [key, items[index]])) : value
}

/** Of quotas the name is an array, in no order. */
function label(value: unknown): string {
  return Array.isArray(value) ? value.map(part => JSON.stringify(part)).sort().join() : String(value)
}

/** Every leaf of an answer, as a path. */
export function leavesOf(value: unknown): (readonly (string | number)[])[] {
  if (value === null || typeof value !== 'object') return [[]]
  return Object.entries(value).flatMap(([key, field]) => leavesOf(field).map(path => [key, ...path]))
}

/** The answer with one leaf changed; what it was stays where it was. */
export function withLeafChanged(value: unknown, path: readonly (string | number)[]): unknown {
  const [key, ...rest] = path
  if (key === undefined) return changed(value)
  if (Array.isArray(value)) return value.map((item: unknown, index) => String(index) === key ? withLeafChanged(item, rest) : item)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, name === key ? withLeafChanged(field, rest) : field]))
}

function changed(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 1 : 0
  if (typeof value === 'boolean') return !value
  if (typeof value === 'string') return value === '' ? 'planted' : ''
  return 'planted'
}
