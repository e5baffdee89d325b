/**
 * One assigned partition of a fetcher: where it is, what is queued, and in which state.
 *
 * ```text
 * resolving ──start offset known──> fetching <──position still exists── validating
 *     ▲                                │  └──────leader epoch rose──────────▲
 *     └───────seek, reset policy───────┴──fatal error──> stopped
 * ```
 * `version` rises with every seek and with the end of the assignment: an answer to an older one is dropped.
 */
import type { AbortedTransaction } from './fetched-batches.ts'

/** A start offset: a number, or resolved by asking the broker. */
export type StartOffset = number | 'earliest' | 'latest'

export interface QueuedPart {
  readonly batches: Buffer
  readonly offsetWanted: number
  readonly offsetNext: number
  readonly aborted: readonly AbortedTransaction[]
}

export class PartitionFetch {
  readonly topic: string
  readonly partition: number
  state: 'resolving' | 'fetching' | 'validating' | 'stopped' = 'fetching'
  version = 0
  paused = false
  /** In a fetch, a lookup or a validation on the wire. */
  busy = false
  /** What is to be resolved while `resolving`. */
  start: StartOffset = 0
  /** Next offset to fetch; -1 while resolving. */
  offset = -1
  /** Leader epoch that fetches go out with; -1 before the first. */
  leaderEpoch = -1
  /** Leader epoch of the last batch fetched, or of the commit that was resumed; -1 unknown. */
  epochLast = -1
  readonly queue: QueuedPart[] = []
  bytesQueued = 0
  /** In the fetcher's list of partitions with something to poll. */
  listed = false
  highWatermark = -1
  lastStableOffset = -1
  logStartOffset = -1
  /** Monotonic clock: nothing is asked for before. */
  notBefore = 0
  failures = 0
  /** When it last got data, as a counter: who waited longest is asked for first. */
  servedAt = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  seek(start: StartOffset, epochLast: number): void {
    this.version++
    this.busy = false
    this.start = start
    this.state = typeof start === 'number' ? 'fetching' : 'resolving'
    this.offset = typeof start === 'number' ? start : -1
    this.epochLast = epochLast
    // With an epoch to check against, the first fetch is preceded by a validation.
    this.leaderEpoch = -1
    this.queue.length = 0
    this.bytesQueued = 0
    this.notBefore = 0
    this.failures = 0
  }

  end(): void {
    this.version++
    this.busy = false
    this.state = 'stopped'
    this.queue.length = 0
    this.bytesQueued = 0
  }
}
