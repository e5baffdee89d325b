/** JSON as a whole: what `JSON.parse` (without its defect of escaped names) and `JSON.stringify` make of it. Slower than `record`, which reads declared fields only. */
import { messageOf } from '../base/errors.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { JsonShape } from './json-shape.ts'
import { serdeError, type FieldSerde } from './serde.ts'
import { parseJson } from '../base/json-parse.ts'

const ANY: JsonShape = { kind: 'any' }

class JsonSerde implements FieldSerde<unknown> {
  readonly kind = 'json'
  readonly optional = false
  readonly shape = ANY

  serialize(value: unknown): Buffer {
    return Buffer.from(textOf(value), 'utf8')
  }

  write(value: unknown, into: ByteWriter): void {
    into.utf8(textOf(value))
  }

  deserialize(buffer: Buffer, start: number, end: number): unknown {
    const text = buffer.toString('utf8', start, end)
    try {
      return parseJson(text)
    } catch (error) {
      throw serdeError('', `not JSON: ${messageOf(error)}`, error)
    }
  }
}

function textOf(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw serdeError('', `cannot be written as JSON: ${messageOf(error)}`, error)
  }
  if (text === undefined) throw serdeError('', `${typeof value} cannot be written as JSON`)
  return text
}

/** The one instance, for places that hold values of unknown type. */
export const ANY_JSON: FieldSerde<unknown> = new JsonSerde()

/**
 * Any JSON value. `T` is what the caller says it is: nothing checks it at run time. `record` does, and is faster.
 *
 * @example
 *   topic('settings', { key: text, value: json<{ theme: string }>() })
 */
export function json<T>(): FieldSerde<T> {
  // JSON.parse's result is declared, not checked: that is what this serde is for.
  return ANY_JSON as FieldSerde<T>
}
