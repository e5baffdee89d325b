/**
 * What a task's functions need of the runtime: the part of Millrace's `ProcessContext` they use, so that the same functions run in the
 * topology and in a plain loop (evaluate/local-run.ts).
 */
export interface TaskContext<S, O> {
  readonly key: string
  /** Event time of the record or timer at hand, epoch milliseconds. */
  readonly time: number
  /** Coordinates of the record at hand; −1 behind a timer. */
  readonly partition: number
  readonly offset: number
  readonly state: { get(): S | undefined; set(state: S): void; delete(): void }
  readonly timers: { set(time: number, name?: string): void; cancel(name?: string): void; now(): number }
  emit(value: O, time?: number): void
}

/** Rows of a global table. */
export interface Lookup<V> {
  get(key: string): V | undefined
}

export interface DueTimer {
  readonly name: string
  readonly time: number
}

/**
 * Lists, tops, models and sums are published so long after the first change that is not published yet, in event time: so at most once in that time per key,
 * and a replay publishes the same. A paced replay takes the length of its slices for lists and reports, so that nothing is published within a slice.
 */
export const PUBLISH_MS = 1000

/**
 * Keys that start like this are no visitors and no items: they mark a moment of a paced replay. A marker travels from topic to topic
 * behind everything that came before it, and comes out of a task's timer, so behind whatever its time made due.
 */
const MARK = '#'

export function isMark(key: string): boolean {
  return key.startsWith(MARK)
}

/** The marker for one partition's key; `suffix` is chosen so that the key lands there. */
export function markKey(suffix: number): string {
  return `${MARK}mark/${suffix}`
}
