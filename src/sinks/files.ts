/**
 * `files(…)`: rows become lines of files, exactly once: what a reader finds in the folder is the rows of committed records, each once, over crashes, power cuts
 * and processes that do not know yet that they have lost their shard.
 *
 * ```
 *   <directory>/shop.sales.files-0-00000000.jsonl      whole, never changed again            ← what others read
 *   <directory>/_shop.sales.files-0.3.part             rows of the next file, under epoch 3  ─┐ renamed when it is
 *   <directory>/_shop.sales.files-0.3.journal          one line per commit                   ─┘ large or old enough
 * ```
 * FI1. A commit is: lines written and synced, then a journal line (offsets, file number, length in bytes, checksum) written and synced. The journal's last whole line is the
 *      truth: bytes of the part beyond its length are not in the sink, and a start cuts them off.
 * FI2. A file in the folder is whole: it is made by renaming a part whose length the journal has, and never written again. Numbers per partition have no gaps.
 * FI3. Each claim takes a new epoch, by making a file that must not be there yet; of several that try one gets it. It copies what is committed out of the part of the
 *      epoch before into a part of its own, so that whoever still has the old part open writes to a file that nobody reads.
 * FI4. A former owner cannot finish a file either: a claim first renames its part away, so its own rename finds nothing. It reads the journal after that: what was
 *      finished before is seen there.
 * FI5. All of it is in one folder, where a rename is one step also for a power cut. Names with `_` in front are the sink's own. Part and journal of older epochs are deleted only after the new journal's first line is durable.
 */
import { join } from 'node:path'
import { durationMs, type Duration } from '../base/duration.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import type { Disk, Timer } from '../env/env.ts'
import { RowsRejected } from '../topology/target.ts'
import type { RejectedRow, Target, TargetBatch, TargetContext, TargetOf, TargetPosition, TargetRow, TargetShard } from '../topology/target.ts'
import { FilesShard } from './files-shard.ts'

export interface FilesOptions<K, V> {
  /** Made where it does not exist. Several processes may share it, on a file system whose renames are atomic. */
  readonly directory: string
  /** The line of a row, without its end; the value as JSON without it. */
  readonly line?: ((row: TargetRow<K, V>) => string) | undefined
  /** Default `jsonl`. */
  readonly extension?: string | undefined
  /** A file is finished at this size. Default 64 MiB. */
  readonly bytesMax?: number | undefined
  /** And at this age, so that readers do not wait for long. Default `'1 minute'`. */
  readonly finishAfter?: Duration | undefined
}

const BYTES_MAX = 64 << 20
const FINISH_AFTER_MS = 60_000
const ROWS_MAX = 20_000

/**
 * Writes each row as a line of a file, exactly once.
 *
 * @example
 *   read(orders).to(files({ directory: '/data/orders' }))
 */
export function files<K, V>(options: FilesOptions<K, V>): TargetOf<K, V> {
  const { directory, extension = 'jsonl', bytesMax = BYTES_MAX } = options
  if (!/^[A-Za-z0-9][A-Za-z0-9.]*$/.test(extension)) throw new MillraceError('CONFIG_INVALID', `files: '${extension}' is no extension: letters, digits and dots`)
  const settings: FilesSettings = {
    directory, extension, bytesMax,
    finishAfterMs: options.finishAfter === undefined ? FINISH_AFTER_MS : durationMs(options.finishAfter, 'finishAfter'),
    // The stream that it is given to has rows of these types: `to` has checked it.
    line: options.line as ((row: TargetRow) => string) | undefined ?? jsonLine,
  }
  return {
    kind: 'files', delivery: 'exactlyOnce', detail: directory, rowsMax: ROWS_MAX, outside: false,
    open: context => Promise.resolve(new FilesTarget(context, settings)),
  }
}

function jsonLine(row: TargetRow): string {
  const text: string | undefined = JSON.stringify(row.value)
  if (text === undefined) throw new MillraceError('SINK_REFUSED', 'a row without a value has no line: filter it out, or give files a `line`')
  return text
}

interface FilesSettings {
  readonly directory: string
  readonly extension: string
  readonly bytesMax: number
  readonly finishAfterMs: number
  readonly line: (row: TargetRow) => string
}

class FilesTarget implements Target {
  readonly #context: TargetContext
  readonly #settings: FilesSettings
  readonly #shards = new Map<string, FilesShard>()
  readonly #timers = new Map<string, Timer>()
  #chain: Promise<unknown> = Promise.resolve()

  constructor(context: TargetContext, settings: FilesSettings) {
    this.#context = context
    this.#settings = settings
  }

  claim(shard: TargetShard): Promise<readonly TargetPosition[]> {
    return this.#alone(async () => {
      this.#drop(shard.key)
      const { directory, extension } = this.#settings
      const opened = await FilesShard.claim(this.#context.env.disk, { directory, extension, name: `${this.#context.name}-${shard.partition}` })
      this.#shards.set(shard.key, opened)
      if (opened.bytes > 0) this.#finishLater(shard.key)
      return opened.ends.filter(end => shard.inputs.some(input => input.topic === end.topic && input.partition === end.partition))
    })
  }

  deliver(batches: readonly TargetBatch[]): Promise<void> {
    return this.#alone(async () => {
      const refused: RejectedRow[] = []
      const texts = batches.map(({ rows }) => this.#linesOf(rows, refused))
      if (refused.length > 0) throw new RowsRejected(refused)
      for (const [index, { shard, ends }] of batches.entries()) {
        const open = this.#shards.get(shard.key)
        if (open === undefined) throw new MillraceError('FENCED', `${this.#context.name}: shard ${shard.key} is not claimed`)
        await open.append(Buffer.from(texts[index] ?? ''), ends, () => this.#context.reach())
        if (open.bytes >= this.#settings.bytesMax) await this.#finish(shard.key)
        else if (open.bytes > 0) this.#finishLater(shard.key)
      }
    })
  }

  release(shard: TargetShard, clean: boolean): Promise<void> {
    return this.#alone(async () => {
      if (clean) await this.#finish(shard.key)
      this.#drop(shard.key)
    })
  }

  close(): Promise<void> {
    return this.#alone(async () => {
      for (const key of this.#shards.keys()) this.#drop(key)
      return Promise.resolve()
    })
  }

  #linesOf(rows: readonly TargetRow[], refused: RejectedRow[]): string {
    let text = ''
    for (const row of rows) {
      try {
        const line = this.#settings.line(row)
        if (line.includes('\n')) throw new MillraceError('SINK_REFUSED', 'its line has a line end in it')
        text += `${line}\n`
      } catch (error) {
        refused.push({ row, error })
      }
    }
    return text
  }

  async #finish(key: string): Promise<void> {
    this.#timers.get(key)?.cancel()
    this.#timers.delete(key)
    await this.#shards.get(key)?.finish()
  }

  #finishLater(key: string): void {
    if (this.#timers.has(key)) return
    this.#timers.set(key, this.#context.env.clock.setTimer(() => {
      void this.#alone(() => this.#finish(key)).catch((error: unknown) => {
        // The next delivery meets the same and says so to the task.
        this.#context.logger.warn('a file cannot be finished', { shard: key, problem: messageOf(error) })
      })
    }, this.#settings.finishAfterMs, { background: true }))
  }

  #drop(key: string): void {
    this.#timers.get(key)?.cancel()
    this.#timers.delete(key)
    this.#shards.get(key)?.close()
    this.#shards.delete(key)
  }

  /** One after the other: a timer's work never meets a delivery. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#chain.then(work).catch((error: unknown) => { throw asTargetError(this.#context.name, this.#settings.directory, error) })
    this.#chain = next.catch(() => {})
    return next
  }
}

function asTargetError(name: string, directory: string, error: unknown): unknown {
  if (error instanceof MillraceError || error instanceof RowsRejected) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC') return new MillraceError('DISK_FULL', `${name}: no room in ${directory}. Make some and start again: nothing of this commit is in the sink, and nothing is lost.`, { cause: error })
  if (typeof code === 'string') return new MillraceError('DISK_FAILED', `${name}: ${messageOf(error)}. The folder is ${directory}; mend it and start again: nothing of this commit is in the sink, and nothing is lost.`, { cause: error })
  return error
}

/** Everything that a reader of the folder would read, in order: for tests and for the curious. By partition. */
export function readFinished(disk: Disk, directory: string, read: (path: string) => string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>()
  for (const name of disk.exists(directory) ? disk.list(directory) : []) {
    const match = /^(.*-\d+)-\d{8}\./.exec(name)
    if (match?.[1] !== undefined) parts.set(match[1], (parts.get(match[1]) ?? '') + read(join(directory, name)))
  }
  return parts
}
