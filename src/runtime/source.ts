/**
 * One input of a shard: a topic partition's fetched batches, and the record at its head, decoded.
 *
 * Q1. A record is decoded and its time extracted when it becomes the head (T1), once.
 * Q2. `position` is the offset to commit: that of the first record whose effects are not in state and output yet; where nothing waits, it has moved
 *     over control batches and aborted records too.
 * Q3. A batch's bytes are given back to the fetcher when its last record has been taken.
 * Q4. A record that does not decode is handed to `onBadRecord`, which throws (policy fail) or returns (skipped, or dead-lettered already): `position` moves over it.
 */
import { assert } from '../base/assert.ts'
import { MillraceError, messageOf } from '../base/errors.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import type { FetchedBatches } from '../client/fetched-batches.ts'
import type { Serde } from '../serde/serde.ts'
import type { Header, TimeExtractor } from '../topology/node.ts'
import { LATE_KEY, NO_HEADERS, type ByteSource, type Operator, type Origin } from './operators/operator.ts'

/** A node at the head of a sub-topology: how it decodes, and the operator it feeds. */
export interface SourceHead {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Event time of a value; the record's own timestamp where `undefined`. */
  readonly time: TimeExtractor | undefined
  /** A null value is a deletion and reaches the operator as `undefined`; elsewhere only an optional serde takes it. */
  readonly tombstones: boolean
  readonly operator: Operator
  /** No operator needs the key: where it is sure to decode it is not decoded, and `LATE_KEY` passed instead. */
  readonly lateKey?: boolean | undefined
  /** Takes values by their bytes where it can, in place of `operator`. */
  readonly bytes?: ByteSource | undefined
}

export interface SourceInput {
  readonly topic: string
  readonly partition: number
  /** At least one; the first one's time counts. */
  readonly heads: readonly SourceHead[]
}

/** The raw record that something went wrong with. Slices are valid during the call only. */
export interface BadRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  headers(): readonly Header[]
  readonly error: unknown
  readonly stage: 'decode' | 'time' | 'process' | 'deliver'
}

export interface SourceHooks {
  /** Whether `skips` may be true for anything: saves the call. */
  readonly skipping: boolean
  onBadRecord(record: BadRecord): void
  /** A negative time: dropped and counted (T1). */
  onNegativeTime(topic: string): void
  /** Whether the record is to be left out, because processing it failed before and the policy says so; dead-letters it then. */
  skips(topic: string, partition: number, offset: number, record: () => BadRecord): boolean
}

export class PartitionQueue {
  readonly input: SourceInput
  readonly #hooks: SourceHooks
  readonly #waiting: FetchedBatches[] = []
  readonly #cursor = new FetchedCursor()
  readonly #heads: readonly SourceHead[]
  readonly #decoded: DecodedRecord[]
  #open: FetchedBatches | undefined
  #headAtWork = 0
  #position = -1
  readonly #asSkipped = (): BadRecord => this.badHead(undefined, 'process')
  /** Bytes waiting, of all batches held. */
  bytes = 0
  hasHead = false
  headTime = -1
  headOffset = -1
  /** Highest time taken from this partition, −1 before the first; kept in the offset's metadata. */
  timeMax = -1
  recordsTaken = 0
  /** What the group has: `position` at the last freeze, or the offset that was committed when the queue started. */
  positionFrozen = -1
  leaderEpoch = -1

  constructor(input: SourceInput, hooks: SourceHooks) {
    assert(input.heads.length > 0, `${input.topic}: an input that nobody reads`)
    this.input = input
    this.#hooks = hooks
    this.#heads = input.heads
    this.#decoded = input.heads.map(() => ({ key: undefined, value: undefined, inBytes: false, time: -1 }))
  }

  get position(): number {
    return this.#position
  }

  /** Starts at `offset` (−1: not known yet, the first fetch tells), forgetting everything queued. */
  reset(offset: number, timeMax: number): void {
    this.#open?.release()
    this.#open = undefined
    for (const batches of this.#waiting) batches.release()
    this.#waiting.length = 0
    this.bytes = 0
    this.hasHead = false
    this.#position = offset
    this.positionFrozen = offset
    this.timeMax = timeMax
  }

  push(batches: FetchedBatches): void {
    if (this.#position < 0) this.positionFrozen = this.#position = batches.offsetWanted
    this.#waiting.push(batches)
    this.bytes += batches.batches.length
  }

  /** Makes the next record the head; false where none is queued. */
  prepare(): boolean {
    while (!this.hasHead) {
      if (this.#open === undefined) {
        const next = this.#waiting.shift()
        if (next === undefined) return false
        this.#open = next
        this.#cursor.open(next)
      }
      if (this.#cursor.next()) this.#decodeHead()
      else this.#closeBatches(this.#open)
    }
    return true
  }

  /** Runs the head through its operators; then `take()`. */
  process(origin: Origin): void {
    for (let index = 0; index < this.#heads.length; index++) {
      const decoded = this.#decoded[index]
      this.#headAtWork = index
      const head = this.#heads[index]
      if (decoded === undefined || head === undefined) continue
      if (decoded.inBytes) head.bytes?.operator.process(decoded.key, undefined, this.headTime, origin)
      else head.operator.process(decoded.key, decoded.value, this.headTime, origin)
    }
  }

  /** The head has been processed, with all its effects. */
  take(): void {
    this.hasHead = false
    this.#position = this.headOffset + 1
    if (this.headTime > this.timeMax) this.timeMax = this.headTime
    this.recordsTaken++
  }

  /** The raw record at the head, for error handling. */
  badHead(error: unknown, stage: BadRecord['stage']): BadRecord {
    const cursor = this.#cursor
    return {
      topic: this.input.topic, partition: this.input.partition, offset: cursor.offset, timestamp: cursor.timestamp, error, stage,
      key: this.keyBytes() ?? null,
      value: this.valueBytes() ?? null,
      headers: () => cursor.readHeaders(),
    }
  }

  keyBytes(): Buffer | undefined {
    const { keyStart, keyEnd, buffer } = this.#cursor
    return keyStart < 0 ? undefined : buffer.subarray(keyStart, keyEnd)
  }

  valueBytes(): Buffer | undefined {
    const { valueStart, valueEnd, buffer } = this.#cursor
    return valueStart < 0 ? undefined : buffer.subarray(valueStart, valueEnd)
  }

  headers(): readonly Header[] {
    return this.#cursor.headerCount === 0 ? NO_HEADERS : this.#cursor.readHeaders()
  }

  /** The head's key, decoded now. */
  lateKey(): unknown {
    const { buffer, keyStart, keyEnd } = this.#cursor
    return keyStart < 0 ? undefined : this.#heads[this.#headAtWork]?.key.deserialize(buffer, keyStart, keyEnd)
  }

  /** Broker timestamp of the head, for lag in seconds. */
  get headTimestamp(): number {
    return this.hasHead ? this.#cursor.timestamp : -1
  }

  #closeBatches(batches: FetchedBatches): void {
    this.#open = undefined
    this.#position = Math.max(this.#position, batches.offsetNext)
    this.bytes -= batches.batches.length
    batches.release()
  }

  #decodeHead(): void {
    const cursor = this.#cursor
    const { input } = this
    this.headOffset = cursor.offset
    this.leaderEpoch = cursor.leaderEpoch
    if (this.#hooks.skipping && this.#hooks.skips(input.topic, input.partition, cursor.offset, this.#asSkipped)) return this.#pass()
    let stage: BadRecord['stage'] = 'decode'
    let time = cursor.timestamp
    try {
      for (let index = 0; index < this.#heads.length; index++) {
        const head = this.#heads[index]
        const slot = this.#decoded[index]
        assert(head !== undefined && slot !== undefined, 'a head without its slot')
        stage = 'decode'
        this.#decode(head, slot)
        stage = 'time'
        if (index === 0 && slot.inBytes) time = slot.time
        else if (index === 0 && head.time !== undefined && slot.value !== undefined) time = extractTime(head.time, slot.value, time, input.topic)
      }
    } catch (error) {
      this.#hooks.onBadRecord(this.badHead(error, stage))
      return this.#pass()
    }
    if (time < 0) {
      this.#hooks.onNegativeTime(this.input.topic)
      return this.#pass()
    }
    this.headTime = time
    this.hasHead = true
  }

  #decode(head: SourceHead, into: DecodedRecord): void {
    const cursor = this.#cursor
    const { buffer } = cursor
    if (cursor.keyStart >= 0) into.key = head.lateKey === true && head.key.surelyReads?.(buffer, cursor.keyStart, cursor.keyEnd) === true ? LATE_KEY : head.key.deserialize(buffer, cursor.keyStart, cursor.keyEnd)
    else if (head.tombstones || head.key.optional) into.key = undefined
    else throw new MillraceError('SERDE_FAILED', `no key, but ${this.input.topic} is declared with a ${head.key.kind} key. Declare it optional(…).`)
    into.inBytes = false
    if (cursor.valueStart >= 0 && head.bytes?.reader.read(buffer, cursor.valueStart, cursor.valueEnd) === true) {
      into.time = head.bytes.reader.time(cursor.timestamp)
      into.inBytes = Number.isSafeInteger(into.time)
    }
    if (into.inBytes) into.value = undefined
    else if (cursor.valueStart >= 0) into.value = head.value.deserialize(buffer, cursor.valueStart, cursor.valueEnd)
    else if (head.tombstones || head.value.optional) into.value = undefined
    else throw new MillraceError('SERDE_FAILED', `value: null, but ${this.input.topic} is declared with a ${head.value.kind} value that is never null. Declare it optional(…), or read the topic as a table.`)
  }

  #pass(): void {
    this.#position = this.headOffset + 1
    this.recordsTaken++
  }
}

interface DecodedRecord {
  key: unknown
  value: unknown
  /** The head's `bytes` has read the value, of this time. */
  inBytes: boolean
  time: number
}

function extractTime(extract: TimeExtractor, value: unknown, recordTime: number, topic: string): number {
  const time = extract(value, recordTime)
  if (!Number.isSafeInteger(time)) throw new MillraceError('USER_CODE', `The time of a record of ${topic} is ${String(time)}, not whole milliseconds since 1970.`)
  return time
}

/** The one `Origin` of a shard (O3): points at whichever queue's head is being processed. */
export class HeadOrigin implements Origin {
  queue: PartitionQueue

  constructor(queue: PartitionQueue) {
    this.queue = queue
  }

  get topic(): string { return this.queue.input.topic }
  get partition(): number { return this.queue.input.partition }
  get offset(): number { return this.queue.headOffset }
  get keyBytes(): Buffer | undefined { return this.queue.keyBytes() }
  get valueBytes(): Buffer | undefined { return this.queue.valueBytes() }
  headers(): readonly Header[] { return this.queue.headers() }
  lateKey(): unknown { return this.queue.lateKey() }
}

/** `orders/2@8121`, for messages. */
export function coordinatesOf(record: { readonly topic: string; readonly partition: number; readonly offset: number }): string {
  return `${record.topic}/${record.partition}@${record.offset}`
}

export function describeBadRecord(record: BadRecord): string {
  return `${coordinatesOf(record)}: ${messageOf(record.error)}`
}
