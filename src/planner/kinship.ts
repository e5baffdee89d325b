/**
 * Whether one record came from another, told from what both carry: how a record is followed through tasks of any engine.
 *
 * Y1. Certain: the later one names the earlier one's coordinates (`partition@offset`, in a field or a header), or carries on one of its headers.
 * Y2. Likely: it has the same key, or its key is a field of the earlier one's value, and where it names a window, the earlier one's time lies in it.
 *     Of likely ones the first is meant; a sum says of which records it is made by its key and window alone.
 * Y3. Values are looked into as JSON; of others only key, headers and time are known.
 */
export interface FollowedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  /** Parsed; `undefined` where it is no JSON. */
  readonly value: unknown
  readonly headers: readonly { readonly key: string, readonly value: string }[]
}

export interface Kinship {
  readonly isCertain: boolean
  readonly how: 'coordinates' | 'header' | 'key' | 'field'
  /** The header's name, or the path of the field. */
  readonly by: string
}

const KEY_SEPARATOR = /[@|]/
const WINDOW_STARTS = ['from', 'start', 'windowStart', 'window_start']
const WINDOW_ENDS = ['to', 'end', 'windowEnd', 'window_end']

/** `trail`: the records on the way, the first one that is followed first. What it gives tells of a record whether it may come from the trail's last one. */
export function kinshipWith(trail: readonly FollowedRecord[]): (record: FollowedRecord) => Kinship | undefined {
  const parent = trail.at(-1)
  if (parent === undefined) return () => undefined
  const coordinates = new Set(trail.flatMap(({ topic, partition, offset }) => [`${partition}@${offset}`, `${topic}/${partition}@${offset}`]))
  const headers = new Set(parent.headers.map(headerText))
  const fields = textsOf(parent.value)
  return record => {
    const named = textsOf(record.value).find(({ text }) => coordinates.has(text))
    if (named !== undefined) return { isCertain: true, how: 'coordinates', by: named.path }
    for (const header of record.headers) {
      if (coordinates.has(header.value)) return { isCertain: true, how: 'coordinates', by: header.key }
      if (headers.has(headerText(header))) return { isCertain: true, how: 'header', by: header.key }
    }
    const window = windowOf(record.value)
    if (window !== undefined && (parent.timestamp < window.fromMs || parent.timestamp >= window.toMs)) return undefined
    const { key } = record
    if (key === null) return undefined
    if (key === parent.key) return { isCertain: false, how: 'key', by: key }
    // A window's row is often keyed by what it counts and the window's start.
    const [head] = key.split(KEY_SEPARATOR, 1)
    const field = fields.find(({ text }) => text !== '' && (text === key || text === head))
    return field === undefined ? undefined : { isCertain: false, how: 'field', by: field.path }
  }
}

const headerText = ({ key, value }: FollowedRecord['headers'][number]): string => JSON.stringify([key, value])

/** What a value says of its window; an end that is not said is open. `undefined` where no field is named like a window's start. */
export function windowOf(value: unknown): { readonly fromMs: number, readonly toMs: number } | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const fields = new Map(Object.entries(value))
  const at = (names: readonly string[]): number | undefined => names.map(name => epochMsOf(fields.get(name))).find(ms => ms !== undefined)
  const fromMs = at(WINDOW_STARTS)
  return fromMs === undefined ? undefined : { fromMs, toMs: at(WINDOW_ENDS) ?? Infinity }
}

function epochMsOf(value: unknown): number | undefined {
  if (typeof value === 'number' && value > 1e11) return value
  // SQL engines write times so, in UTC as Millrace has them do.
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(value)) return undefined
  const ms = Date.parse(/[zZ]|[+-]\d{2}:?\d{2}$/.test(value) ? value : `${value.replace(' ', 'T')}Z`)
  return Number.isFinite(ms) ? ms : undefined
}

/** Every text in a JSON value, with its path. */
function textsOf(value: unknown, path = ''): { readonly path: string, readonly text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => textsOf(inner, path === '' ? name : `${path}.${name}`))
}
