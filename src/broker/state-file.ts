/**
 * A small file of the broker's own state (topics, producer ids, identity), replaced as a whole.
 *
 *   line 1   millrace-<kind> <version> <crc32c of the rest, hex>
 *   rest     one JSON value
 *
 * F1. A reader sees the old content or the new, never a mixture: write aside, sync, rename, sync the directory.
 * F2. Content that does not match its checksum is never used: the start is refused, nothing is changed.
 */
import { MillraceError } from '../base/errors.ts'
import { parseJson } from '../base/json-parse.ts'
import { diskError } from '../log/disk-error.ts'
import type { Env } from '../env/env.ts'
import { readFile } from '../env/whole-file.ts'
import { crc32c } from '../wire/crc32c.ts'

export interface StateFileOptions {
  readonly directory: string
  /** The file's name, and the word in its first line. */
  readonly kind: string
  readonly version: number
}

export class StateFile {
  readonly #env: Env
  readonly #options: StateFileOptions
  readonly #path: string
  #writing: Promise<void> = Promise.resolve()

  constructor(env: Env, options: StateFileOptions) {
    this.#env = env
    this.#options = options
    this.#path = `${options.directory}/${options.kind}`
  }

  /** The value last written, or `undefined` where the file does not exist. Throws `LOG_CORRUPT` or `DATA_DIR_VERSION`. */
  read(): unknown {
    const { disk } = this.#env
    return disk.exists(this.#path) ? this.#parse(readFile(disk, this.#path)) : undefined
  }

  /** Replaces the content durably. Writes happen in the order of the calls; `value` is taken as it is at the call. */
  write(value: unknown): Promise<void> {
    const body = Buffer.from(JSON.stringify(value))
    const done = this.#writing.then(() => this.#replace(body)).catch((error: unknown) => { throw diskError(this.#options.directory, error) })
    this.#writing = done.catch(() => { /* Told to that write's caller; the next write is tried on its own. */ })
    return done
  }

  async #replace(body: Buffer): Promise<void> {
    const { disk } = this.#env
    const head = Buffer.from(`millrace-${this.#options.kind} ${this.#options.version} ${crc32c(body, 0, body.length).toString(16)}\n`)
    const aside = `${this.#path}.new`
    const file = disk.open(aside, 'create')
    try {
      file.truncate(0)
      file.write(Buffer.concat([head, body]), 0)
      await file.datasync()
    } finally {
      file.close()
    }
    disk.rename(aside, this.#path)
    await disk.syncDirectory(this.#options.directory)
  }

  #parse(bytes: Buffer): unknown {
    const lineEnd = bytes.indexOf(10)
    const [word, version, crc] = bytes.toString('latin1', 0, Math.max(0, lineEnd)).split(' ')
    const body = bytes.subarray(lineEnd + 1)
    if (word !== `millrace-${this.#options.kind}` || version === undefined || crc === undefined) throw this.#corrupt('its first line is not what Millrace writes')
    if (Number(version) > this.#options.version) {
      throw new MillraceError('DATA_DIR_VERSION', `${this.#path} was written in version ${version}; this Millrace reads up to ${this.#options.version}. Start it with the newer Millrace that wrote it.`)
    }
    if (crc32c(body, 0, body.length).toString(16) !== crc) throw this.#corrupt('its checksum does not match')
    return parseJson(body.toString('utf8'))
  }

  #corrupt(why: string): MillraceError {
    return new MillraceError('LOG_CORRUPT', `${this.#path} is damaged: ${why}. Restore the data directory from a copy.`)
  }
}
