/**
 * `readFiles(…)`: lines of a file, or of the files of a folder, become records: exactly once.
 *
 * ```
 *   lines of a file, from its position ──▶ records ─┐
 *   the position after them ─▶ `<name>.positions` ──┴─ one Kafka transaction
 * ```
 * RF1. Records and the position after them are in one transaction, so a reader with read_committed finds each line's record once, over any crash.
 * RF2. The transactional id is the source's name: a second reader of that name shuts out the first, which then stops with `FENCED`. Positions are read after that.
 * RF3. A file is known by its path below the folder. It may grow at its end; one that is shorter than its position was replaced, and the source stops with an error: it
 *      cannot know which of its lines are new.
 * RF4. Only lines with an end are taken, unless the source reads to the end and stops (`follow: false`): then the last one counts without.
 * RF5. Files in order of their names, lines in order of the file; the lines of a key stay in order.
 */
import { join } from 'node:path'
import { MillraceError } from '../base/errors.ts'
import { silentLogger, type Logger } from '../base/logger.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import type { SecurityOptions } from '../client/security.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import { Producer } from '../client/producer.ts'
import type { Topic } from '../dsl/topic.ts'
import type { DiskFile, Env } from '../env/env.ts'
import { realEnv } from '../env/real/env.ts'
import { partitionOf } from '../wire/partitioner.ts'
import { partitionsOf } from './ingest.ts'

export interface FileLine {
  /** Without its end. */
  readonly text: string
  /** Path below the folder; of a single file, its name. */
  readonly file: string
  /** Where the line begins, in bytes. */
  readonly position: number
}

export interface ReadFilesOptions<K, V> {
  /** Of this source, for ever: its transactional id, and the topic of its positions, `<name>.positions`. */
  readonly name: string
  readonly topic: Topic<K, V>
  readonly bootstrap: string
  /** TLS and log-in at the cluster. */
  readonly security?: SecurityOptions | undefined
  /** A folder, of which the files with this ending are read, not those of folders in it. */
  readonly directory: string
  /** Which files of it; every one whose name does not begin with `.` or `_` without it. */
  readonly files?: ((name: string) => boolean) | undefined
  /** The record of a line; `undefined` leaves the line out. What it throws stops the source, with file and position. */
  readonly read: (line: FileLine) => { readonly key: K; readonly value: V; readonly time?: number | undefined } | undefined
  /** Wait for more (the default), or stop at the end of what is there. */
  readonly follow?: boolean | undefined
  readonly logger?: Logger | undefined
  readonly env?: Env | undefined
  /** Aborted, it stops after the transaction under way. */
  readonly signal?: AbortSignal | undefined
}

export interface FilesRead {
  readonly lines: number
  readonly records: number
}

const CHUNK_BYTES = 256 << 10
const LINES_PER_TRANSACTION_MAX = 5_000
const LOOK_AGAIN_MS = 200
const LINE_BYTES_MAX = 16 << 20
const LINE_END = 10

/** Reads until its signal is aborted, or with `follow: false` to the end. Rejects with what stops it; started again, it goes on from its positions. */
export async function readFiles<K, V>(options: ReadFilesOptions<K, V>): Promise<FilesRead> {
  const env = options.env ?? realEnv
  const logger = (options.logger ?? silentLogger).child({ source: options.name })
  const cluster = await Cluster.connect(env, { bootstrap: options.bootstrap, security: options.security, clientId: options.name, logger })
  const producer = new Producer(cluster, { transactionalId: options.name })
  try {
    const source = new FileSource(options, env, cluster, producer)
    await source.start()
    return await source.run()
  } finally {
    await producer.close().catch(() => {}) // What was not committed is aborted by the next start, or the broker.
    await cluster.close()
  }
}

class FileSource<K, V> {
  readonly #options: ReadFilesOptions<K, V>
  readonly #env: Env
  readonly #cluster: Cluster
  readonly #producer: Producer
  readonly #positions = new Map<string, number>()
  #partitions = 1
  #keyless = 0
  #lines = 0
  #records = 0

  constructor(options: ReadFilesOptions<K, V>, env: Env, cluster: Cluster, producer: Producer) {
    this.#options = options
    this.#env = env
    this.#cluster = cluster
    this.#producer = producer
  }

  /** RF2: the order matters. */
  async start(): Promise<void> {
    const { topic, name } = this.#options
    this.#partitions = await partitionsOf(this.#cluster, topic)
    const admin = new Admin(this.#cluster)
    await admin.createTopics([{ name: `${name}.positions`, partitions: 1, configs: { 'cleanup.policy': 'compact' } }], { existing: 'ok' })
    await this.#producer.init()
    await this.#readPositions(admin)
  }

  async run(): Promise<FilesRead> {
    const { follow = true, signal } = this.#options
    for (;;) {
      let moved = false
      for (const file of this.#names()) {
        if (signal?.aborted === true) break
        if (await this.#readOn(file)) moved = true
      }
      if (signal?.aborted === true || (!follow && !moved)) return { lines: this.#lines, records: this.#records }
      if (!moved) await this.#env.clock.sleep(LOOK_AGAIN_MS)
    }
  }

  #names(): string[] {
    const { directory, files = name => !/^[._]/.test(name) } = this.#options
    return this.#env.disk.list(directory).filter(name => files(name))
  }

  /** From its position to its end, a transaction at a time. */
  async #readOn(name: string): Promise<boolean> {
    const path = join(this.#options.directory, name)
    let at = this.#positions.get(name) ?? 0
    let moved = false
    const file = this.#env.disk.open(path, 'read')
    try {
      const size = file.size()
      if (size < at) throw new MillraceError('CONFIG_INVALID', `${path} has ${size} bytes, and ${at} of it were read before: it was replaced or cut off. Give what is new a name of its own; or start a source with another name, which reads everything anew.`)
      while (at < size && this.#options.signal?.aborted !== true) {
        const lines = this.#takeLines(file, { name, at, size })
        if (lines.length === 0) break
        this.#producer.begin()
        for (const line of lines) {
          this.#send(line)
          if (this.#producer.full) await this.#producer.drained()
        }
        at = lines.reduce((_, line) => line.end, at)
        await this.#commit(name, at)
        this.#lines += lines.length
        moved = true
      }
    } finally {
      file.close()
    }
    return moved
  }

  /** RF4. */
  #takeLines(file: DiskFile, { name, at, size }: { readonly name: string; readonly at: number; readonly size: number }): (FileLine & { readonly end: number })[] {
    const { follow = true } = this.#options
    for (let length = CHUNK_BYTES; ; length *= 2) {
      const chunk = Buffer.alloc(Math.min(length, size - at))
      const count = file.read(chunk, 0, chunk.length, at)
      const whole = at + count >= size && !follow
      const lines: (FileLine & { readonly end: number })[] = []
      let from = 0
      while (from < count && lines.length < LINES_PER_TRANSACTION_MAX) {
        const found = chunk.subarray(0, count).indexOf(LINE_END, from)
        if (found < 0 && !whole) break
        const end = found < 0 ? count : found
        const last = end > from && chunk[end - 1] === 13 ? end - 1 : end
        lines.push({ text: chunk.toString('utf8', from, last), file: name, position: at + from, end: at + Math.min(count, end + 1) })
        from = end + 1
      }
      if (lines.length > 0 || at + count >= size) return lines
      if (length > LINE_BYTES_MAX) throw new MillraceError('CONFIG_INVALID', `${name}: the line at byte ${at} is longer than ${LINE_BYTES_MAX} bytes.`)
    }
  }

  #send(line: FileLine): void {
    const { topic, read } = this.#options
    try {
      const record = read(line)
      if (record === undefined) return
      const key = record.key === undefined || record.key === null ? null : topic.key.serialize(record.key)
      const partition = key === null ? this.#keyless++ % this.#partitions : partitionOf(key, this.#partitions)
      this.#producer.send(topic.name, partition, record.time ?? this.#env.clock.now(), key, topic.value.serialize(record.value))
      this.#records++
    } catch (error) {
      if (error instanceof MillraceError && error.code !== 'SERDE_FAILED') throw error
      throw new MillraceError('USER_CODE', `${line.file}, byte ${line.position}: ${error instanceof Error ? error.message : String(error)}. Nothing from this line on is in ${topic.name}; mend \`read\` or the line, and start again.`, { cause: error, detail: { file: line.file, position: line.position } })
    }
  }

  /** RF1. */
  async #commit(name: string, position: number): Promise<void> {
    this.#producer.send(`${this.#options.name}.positions`, 0, this.#env.clock.now(), Buffer.from(name), Buffer.from(String(position)))
    await this.#producer.commit()
    this.#positions.set(name, position)
  }

  async #readPositions(admin: Admin): Promise<void> {
    const topic = `${this.#options.name}.positions`
    // Our own transaction before this start is over: `init` has ended it.
    const [end] = await admin.listOffsets([{ topic, partition: 0 }], 'latest', { isolation: 'read_committed' })
    const [first] = await admin.listOffsets([{ topic, partition: 0 }], 'earliest')
    if (end === undefined || first === undefined || end.offset <= first.offset) return
    let wake: () => void = () => {}
    let failure: Error | undefined
    const fetcher = new Fetcher(this.#cluster, { isolation: 'read_committed', onData: () => wake(), onError: (_topic, _partition, error) => { failure = error; wake() } })
    fetcher.assign(topic, 0, first.offset)
    const cursor = new FetchedCursor()
    try {
      for (let at = first.offset; at < end.offset;) {
        const batches = fetcher.poll()
        if (failure !== undefined) throw failure
        if (batches === undefined) {
          await new Promise<void>(resolve => { wake = resolve })
          continue
        }
        cursor.open(batches)
        while (cursor.next()) {
          const position = Number(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd))
          this.#positions.set(cursor.buffer.toString('utf8', cursor.keyStart, cursor.keyEnd), position)
        }
        at = batches.offsetNext
        batches.release()
      }
    } finally {
      await fetcher.close()
    }
  }
}
