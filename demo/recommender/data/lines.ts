/** Lines of a text file, gzipped or not, one at a time with their numbers. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { MillraceError } from 'millrace'

export interface Line {
  readonly text: string
  /** From 1. */
  readonly number: number
}

export async function* linesOf(path: string): AsyncGenerator<Line> {
  const file = createReadStream(path)
  const plain = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  // An error of the file does not reach the end of the pipe by itself.
  if (plain !== file) file.once('error', error => plain.destroy(error))
  let number = 0
  try {
    for await (const text of createInterface({ input: plain, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1
      yield { text, number }
    }
  } catch (error) {
    throw new MillraceError('USAGE', `${path} cannot be read after line ${number}: ${error instanceof Error ? error.message : String(error)}. Is it whole${path.endsWith('.gz') ? ', and gzip' : ''}?`, { cause: error })
  }
}
