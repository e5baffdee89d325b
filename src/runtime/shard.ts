/**
 * A shard: one sub-topology × one partition number, with its input queues, clocks and state. Everything in it is synchronous.
 *
 * H1. `slice` processes whole records and stops between two of them; `freeze` is called between two of them only.
 * H2. Record choice (T3): the input whose head has the lowest time, once every input has a head or is known to be at its end.
 * H3. A freeze names every input's position if any effect happened since the last one, even where an input did not move: the offsets
 *     carry the clocks, and the commit of the offsets is what fences a former owner.
 */
import { assert } from '../base/assert.ts'
import type { FetchedBatches } from '../client/fetched-batches.ts'
import type { OffsetEntry } from '../client/types.ts'
import type { SubTopologyRun } from './operators/operator.ts'
import { shardKey } from './assignor.ts'
import type { ShardId } from './assignor.ts'
import { HeadOrigin } from './source.ts'
import type { BadRecord, PartitionQueue } from './source.ts'
import type { FrozenState, ShardState } from './state/shard-state.ts'

export interface ShardParts {
  readonly id: ShardId
  readonly run: SubTopologyRun
  readonly state: ShardState
  readonly queues: readonly PartitionQueue[]
}

/** What of a shard goes into one commit. */
export interface FrozenShard {
  readonly shard: Shard
  readonly offsets: readonly OffsetEntry[]
  readonly state: FrozenState
  readonly clocks: string
}

/** Thrown by `slice`: user code failed on `record`; the shard's state is changed by half and must be rolled back (O6). */
export class RecordFailure extends Error {
  readonly record: BadRecord
  constructor(record: BadRecord) {
    super('processing a record failed', { cause: record.error })
    this.record = record
  }
}

export class Shard {
  readonly id: ShardId
  readonly key: string
  readonly run: SubTopologyRun
  readonly state: ShardState
  readonly queues: readonly PartitionQueue[]
  readonly #origin: HeadOrigin
  /** `recordsTaken` of all queues at the last freeze. */
  #takenAtFreeze = 0
  #timerFired = false
  /** Whether input `index` is known to be at the end of its log (H2). Asked for only while its queue is empty. */
  atEnd: (queue: PartitionQueue) => boolean = () => true

  constructor(parts: ShardParts) {
    this.id = parts.id
    this.key = shardKey(parts.id)
    this.run = parts.run
    this.state = parts.state
    this.queues = parts.queues
    const [first] = parts.queues
    assert(first !== undefined, `shard ${this.key} has no input`)
    this.#origin = new HeadOrigin(first)
  }

  get recordsTaken(): number {
    let taken = 0
    for (const queue of this.queues) taken += queue.recordsTaken
    return taken
  }

  /** Something has happened since the last freeze. */
  get dirty(): boolean {
    return this.#timerFired || this.recordsTaken !== this.#takenAtFreeze
  }

  /** There is a position to commit, if only behind control batches, aborted records, or rows that a target has already: without it an idle reader would show a lag for ever. */
  get moved(): boolean {
    return this.dirty || this.queues.some(queue => queue.position > queue.positionFrozen)
  }

  push(batches: FetchedBatches): void {
    for (const queue of this.queues) {
      if (queue.input.topic !== batches.topic) continue
      if (this.queues.length > 1) this.run.setIdle(batches.topic, false)
      queue.push(batches)
      return
    }
    batches.release()
  }

  /** Time of the record that `slice` would process next; `undefined`: nothing may be processed now. */
  headTime(): number | undefined {
    return this.#choose()?.headTime
  }

  /** Processes records until `recordsMax`, `deadline` (in `clock()`'s milliseconds, looked at every 64 records) or the end of what is queued. Returns how many. */
  slice(recordsMax: number, deadline: number, clock: () => number): number {
    let count = 0
    while (count < recordsMax) {
      const queue = this.#choose()
      if (queue === undefined) break
      this.#origin.queue = queue
      try {
        queue.process(this.#origin)
      } catch (error) {
        throw new RecordFailure(queue.badHead(error, 'process'))
      }
      queue.take()
      count++
      if ((count & 63) === 0 && clock() >= deadline) break
    }
    if (this.state.overBudget) this.state.trim()
    return count
  }

  /** Fires what is due by the wall clock. */
  tick(nowMs: number): boolean {
    if (this.run.wallClockDueMs > nowMs) return false
    this.#timerFired = true
    this.run.wallClock(nowMs)
    return true
  }

  /** Does what its clocks already ask for, before the first record. What that emits is to be committed with positions, as all is (H3). */
  begin(): void {
    if (this.run.advance()) this.#timerFired = true
  }

  /** Lets the watermark pass an input that is at its end (M3). */
  setIdle(topic: string): void {
    this.run.setIdle(topic, true)
    this.#timerFired = true
    this.run.advance()
  }

  /** Lets the operators emit what they hold back; right before `freeze`, and it may send records (O7). */
  flush(): void {
    this.run.flush()
  }

  /** `commitId` travels with the offsets, so that an unknown outcome can be decided by reading them back. */
  freeze(commitId: string): FrozenShard {
    this.#takenAtFreeze = this.recordsTaken
    this.#timerFired = false
    for (const queue of this.queues) queue.positionFrozen = queue.position
    const clocks = this.run.clocks()
    const offsets = this.queues.filter(queue => queue.position >= 0).map((queue): OffsetEntry => ({
      topic: queue.input.topic, partition: queue.input.partition, offset: queue.position, leaderEpoch: queue.leaderEpoch,
      metadata: encodeOffsetMetadata({ timeMax: queue.timeMax, commitId, clocks }),
    }))
    return { shard: this, offsets, state: this.state.freeze(), clocks }
  }

  #choose(): PartitionQueue | undefined {
    if (this.queues.length === 1) {
      const only = this.queues[0]
      return only !== undefined && only.prepare() ? only : undefined
    }
    let best: PartitionQueue | undefined
    for (const queue of this.queues) {
      if (queue.prepare()) {
        if (best === undefined || queue.headTime < best.headTime) best = queue
      } else if (!this.atEnd(queue)) return undefined
    }
    return best
  }
}

export interface OffsetMetadata {
  /** Highest time taken from the partition. */
  readonly timeMax: number
  /** Which commit wrote it, unique over processes. */
  readonly commitId: string
  /** `SubTopologyRun.clocks()`; '' where they were too long to travel with an offset. */
  readonly clocks: string
}

/** Kafka's default `offset.metadata.max.bytes` is 4,096. */
const METADATA_BYTES_MAX = 4_000

/** `1;<timeMax>;<commitId>;<clocks>`: a version in front, because a group's offsets outlive a release. */
export function encodeOffsetMetadata(metadata: OffsetMetadata): string {
  const start = `1;${metadata.timeMax};${metadata.commitId};`
  const full = `${start}${metadata.clocks}`
  return full.length <= METADATA_BYTES_MAX ? full : start
}

/** What another program committed (a reset by a tool) has no clocks: they start anew. */
export function decodeOffsetMetadata(text: string | undefined): OffsetMetadata {
  const match = /^1;(-?\d+);([^;]*);(.*)$/s.exec(text ?? '')
  if (match === null) return { timeMax: -1, commitId: '', clocks: '' }
  return { timeMax: Number(match[1]), commitId: match[2] ?? '', clocks: match[3] ?? '' }
}
