/**
 * `topic tail -f`: one record as text. %t topic, %p partition, %o offset, %k key, %v value, %T time (ISO), %d epoch ms,
 * %h headers, %S value bytes; \n \t \\ and %% as usual.
 */
export interface ShownRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string, readonly value: Buffer | null }[]
}

export function formatRecord(format: string, record: ShownRecord): string {
  return format.replace(/%([tpokvTdhS%])|\\([nt\\])/g, (_, directive: string | undefined, escape: string | undefined) =>
    escape !== undefined ? { n: '\n', t: '\t', '\\': '\\' }[escape] ?? '' : directiveOf(directive ?? '', record))
}

function directiveOf(directive: string, record: ShownRecord): string {
  switch (directive) {
    case 't': return record.topic
    case 'p': return String(record.partition)
    case 'o': return String(record.offset)
    case 'k': return text(record.key)
    case 'v': return text(record.value)
    case 'T': return isoTime(record.timestamp)
    case 'd': return String(record.timestamp)
    case 'h': return record.headers.map(header => `${header.key}=${text(header.value)}`).join(',')
    case 'S': return String(record.value?.length ?? -1)
    default: return '%'
  }
}

/** For `--json`: JSON values stay JSON, other text is a string, other bytes are base64 under `valueBase64`. */
export function recordDocument(record: ShownRecord): Record<string, unknown> {
  return {
    topic: record.topic, partition: record.partition, offset: record.offset, timestamp: record.timestamp,
    ...bytesDocument('key', record.key), ...bytesDocument('value', record.value),
    ...(record.headers.length === 0 ? {} : { headers: Object.fromEntries(record.headers.map(header => [header.key, header.value === null ? null : header.value.toString()])) }),
  }
}

export function isoTime(timestamp: number): string {
  return timestamp < 0 ? '-' : new Date(timestamp).toISOString()
}

function text(bytes: Buffer | null): string {
  return bytes === null ? 'null' : bytes.toString()
}

function bytesDocument(name: string, bytes: Buffer | null): Record<string, unknown> {
  if (bytes === null) return { [name]: null }
  const string = bytes.toString()
  if (Buffer.from(string).compare(bytes) !== 0) return { [`${name}Base64`]: bytes.toString('base64') }
  if (name === 'value' && /^\s*[[{"\d-]|^(true|false|null)$/.test(string)) {
    try {
      return { [name]: JSON.parse(string) }
    } catch {
      return { [name]: string }
    }
  }
  return { [name]: string }
}
