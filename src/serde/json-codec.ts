/** From a JSON shape to the functions that read and write it. */
import { ByteWriter } from './byte-writer.ts'
import { decodeReference, encodeReference } from './json-reference.ts'
import { compileScanner, GAVE_UP } from './json-scanner.ts'
import type { JsonShape } from './json-shape.ts'
import { compilePrinter } from './json-writer.ts'

/** Reads `buffer[start, end)`; throws `SERDE_FAILED`. */
export type JsonReader = (buffer: Buffer, start: number, end: number) => unknown

export interface JsonWriter {
  write(value: unknown, into: ByteWriter): void
  toBuffer(value: unknown): Buffer
}

export function compileReader(shape: JsonShape): JsonReader {
  const slow: JsonReader = (buffer, start, end) => decodeReference(shape, buffer.toString('utf8', start, end))
  const scan = compileScanner(shape)
  if (scan === undefined) return slow
  return (buffer, start, end) => {
    const value = scan(buffer, start, end)
    return value === GAVE_UP ? slow(buffer, start, end) : value
  }
}

export function compileWriter(shape: JsonShape): JsonWriter {
  const print = compilePrinter(shape)
  const write = (value: unknown, into: ByteWriter): void => {
    if (print === undefined || !print(value, into)) into.utf8(encodeReference(shape, value))
  }
  return {
    write,
    toBuffer: value => {
      scratch.reset()
      write(value, scratch)
      return scratch.toBuffer()
    },
  }
}

/** Shared by all writers: nothing is written while another value is being written. */
const scratch = new ByteWriter()
