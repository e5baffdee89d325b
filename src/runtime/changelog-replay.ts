/**
 * Applies changelogs to a store, from where each stands to its end.
 *
 * C1. Records are read while the chunk before is written: at most one chunk is read and one written at any time.
 * C2. A turn of the event loop reads for `TURN_MS` at most, or hands one chunk to the store, whatever a fetch has brought: a member that runs inline must
 *     send its heartbeats meanwhile. A chunk is as large as that allows, because a store writes a whole page for each row that changed on it.
 * C3. No record is copied before the store does: keys and values are views of what was fetched, which they keep alive for a chunk's time.
 * C4. A chunk is written with the position behind it, and with no other changelog's position beyond what of it is written (R3 of `restore.ts`).
 */
import type { Logger } from '../base/logger.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import type { FetchedBatches } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { Env } from '../env/env.ts'
import type { ShardState } from './state/shard-state.ts'
import type { ChangelogPosition } from './state/store.ts'

export interface RestoreProgress {
  /** Changelog offsets read so far, and to read in all. */
  readonly done: number
  readonly total: number
}

export interface ReplayOptions {
  readonly env: Env
  readonly cluster: Cluster
  readonly logger: Logger
  readonly bootId: string
  readonly partition: number
  readonly state: ShardState
  readonly onProgress: (progress: RestoreProgress) => void
  /** Looked at between turns: the shard was taken away meanwhile. */
  readonly cancelled: () => boolean
}

/** One changelog partition on its way to `end`. */
export interface Changelog {
  readonly store: string
  readonly topic: string
  readonly topicId: string
  readonly start: number
  readonly end: number
  /** Of the log's end as `end` was read, -1 where the broker does not tell. */
  readonly endEpoch: number
  /** Where the epoch of the store's position ended, by OffsetForLeaderEpoch; -1: the log knows no epoch that high. `undefined` where there is none to ask for. */
  readonly epochEnd: number | undefined
  next: number
  /** With `epochOffset` as in `ChangelogPosition`. */
  leaderEpoch: number
  epochOffset: number
}

export const CHUNK_RECORDS = 8_192
export const CHUNK_BYTES = 1024 * 1024
const TURN_MS = 5
/** The clock is looked at each time that so many records were read. */
const LOOK_EVERY = 64
const FETCH_BYTES_MAX = 16 * 1024 * 1024
/** What is fetched is checked as a whole in one turn. */
const PARTITION_BYTES_MAX = 2 * 1024 * 1024
/** A shard that is taken away while it waits is let go of after this long. */
const LOOK_AGAIN_MS = 500
const WAITS_PER_LOG = 20

export function positionsOf(changelogs: readonly Changelog[]): Record<string, ChangelogPosition> {
  return Object.fromEntries(changelogs.map(one => [one.store, { topicId: one.topicId, offsetNext: one.next, leaderEpoch: one.leaderEpoch, epochOffset: one.epochOffset }]))
}

/** Records of one changelog that are read and not written. */
interface Chunk {
  readonly keys: Buffer[]
  readonly values: (Buffer | undefined)[]
  bytes: number
}

export class ChangelogReplay {
  readonly #options: ReplayOptions
  readonly #changelogs: readonly Changelog[]
  readonly #total: number
  readonly #clocks: string
  readonly #fetcher: Fetcher
  readonly #cursor = new FetchedCursor()
  readonly #chunks = new Map<Changelog, Chunk>()
  /** Never rejects: what goes wrong is in `#failure`. */
  #writing: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #turnEndsAt = 0
  #wake: () => void = () => {}
  #waits = 0
  #records = 0

  /** `clocks` goes into the store's position. */
  constructor(options: ReplayOptions, changelogs: readonly Changelog[], clocks: string) {
    this.#options = options
    this.#changelogs = changelogs
    this.#total = this.#left()
    this.#clocks = clocks
    this.#fetcher = new Fetcher(options.cluster, {
      isolation: 'read_committed', bytesInFlightMax: FETCH_BYTES_MAX, bytesPerPartitionMax: PARTITION_BYTES_MAX,
      onData: () => this.#wake(),
      onError: (_topic, _partition, error) => this.#fail(error),
    })
  }

  /** Returns how many records there were, once all ends are reached and written, or the shard was taken away. */
  async run(): Promise<number> {
    try {
      for (const { topic, next, start, end } of this.#changelogs) if (next < end) this.#fetcher.assign(topic, this.#options.partition, Math.max(next, start))
      this.#beginTurn()
      while (this.#left() > 0 && !this.#over()) {
        const batches = this.#fetcher.poll()
        if (batches === undefined) await this.#dataArrives()
        else {
          try {
            await this.#apply(batches)
          } finally {
            batches.release()
          }
        }
      }
    } finally {
      await this.#fetcher.close()
      await this.#writing
    }
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#records
  }

  async #apply(batches: FetchedBatches): Promise<void> {
    const changelog = this.#changelogs.find(candidate => candidate.topic === batches.topic)
    if (changelog === undefined) return
    const cursor = this.#cursor.open(batches)
    for (let read = 1; cursor.next(); read++) {
      if (cursor.offset >= changelog.next && cursor.keyStart >= 0) {
        const chunk = this.#take(changelog)
        if (chunk.keys.length >= CHUNK_RECORDS || chunk.bytes >= CHUNK_BYTES) await this.#write(changelog, cursor.offsetNext, cursor.leaderEpoch)
      }
      if (read % LOOK_EVERY === 0 && this.#options.env.clock.monotonic() >= this.#turnEndsAt) await this.#nextTurn()
      if (this.#over()) return
    }
    const next = Math.max(changelog.next, cursor.offsetNext)
    if (next >= changelog.end) await this.#write(changelog, next, Math.max(cursor.leaderEpoch, changelog.endEpoch))
  }

  /** The cursor's record into the chunk. */
  #take(changelog: Changelog): Chunk {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = this.#cursor
    const chunk = this.#chunkOf(changelog)
    chunk.keys.push(buffer.subarray(keyStart, keyEnd))
    chunk.values.push(valueStart < 0 ? undefined : buffer.subarray(valueStart, valueEnd))
    chunk.bytes += keyEnd - keyStart + valueEnd - valueStart
    this.#records++
    return chunk
  }

  #chunkOf(changelog: Changelog): Chunk {
    let chunk = this.#chunks.get(changelog)
    if (chunk === undefined) this.#chunks.set(changelog, chunk = { keys: [], values: [], bytes: 0 })
    return chunk
  }

  /** Hands the chunk of a changelog that was read up to `next` to the store, once the one before it is written. */
  async #write(changelog: Changelog, next: number, leaderEpoch: number): Promise<void> {
    await this.#writing
    await this.#nextTurn()
    if (this.#over()) return
    const { keys, values } = this.#chunkOf(changelog)
    this.#chunks.delete(changelog)
    changelog.next = next
    changelog.leaderEpoch = leaderEpoch
    changelog.epochOffset = next
    const { state, env, bootId, onProgress } = this.#options
    const progress = { done: this.#total - this.#left(), total: this.#total }
    const position = { changelogs: { ...state.position()?.changelogs, ...positionsOf(this.#changelogs) }, committedAtMs: env.clock.now(), bootId, cleanClose: false, clocks: this.#clocks }
    this.#writing = state.restore(changelog.store, keys, values, position).then(() => onProgress(progress), (error: unknown) => this.#fail(error))
    await this.#nextTurn()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake()
  }

  #over(): boolean {
    return this.#failure !== undefined || this.#options.cancelled()
  }

  #left(): number {
    return this.#changelogs.reduce((sum, one) => sum + Math.max(0, one.end - one.next), 0)
  }

  #beginTurn(): void {
    this.#turnEndsAt = this.#options.env.clock.monotonic() + TURN_MS
  }

  #nextTurn(): Promise<void> {
    return new Promise(resolve => this.#options.env.clock.defer(() => {
      this.#beginTurn()
      resolve()
    }))
  }

  async #dataArrives(): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = this.#options.env.clock.setTimer(() => { this.#waits++; resolve() }, LOOK_AGAIN_MS)
      this.#wake = () => { this.#waits = 0; timer.cancel(); resolve() }
    })
    this.#beginTurn()
    if (this.#waits > 0 && this.#waits % WAITS_PER_LOG === 0) this.#logStall()
  }

  #logStall(): void {
    const waitsFor = this.#changelogs.filter(one => one.next < one.end).map(one => `${one.topic}/${this.#options.partition} at ${one.next} of ${one.end}`)
    this.#options.logger.info('restore waits for its changelogs: a transaction may be open on them until its timeout', { waitsFor: waitsFor.join(', ') })
  }
}
