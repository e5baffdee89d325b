/**
 * How long records take from the input of a task to the end of its work on them, whichever engine runs it, from what Kafka tells of everybody.
 *
 * LT1. The age of a position is how long ago its partition ended where the task has come to. Its looks come when they come, so over a steady flow ages are spread
 *      like the latencies of the records: from when a record can be read to when the task has committed that it is done with it. So results that become visible
 *      with that commit are this old then; results of a task at least once are there earlier.
 * LT2. When a partition ended where is known at looks alone. Between two of them it is taken to have grown evenly: no figure is nearer than the time between two
 *      looks, which is told with it.
 * LT3. A position that has come to the end since the last look is less than that old: 0. One that stood there before tells nothing, and is left out.
 * LT4. Where a partition ended so long ago that it is not remembered, the age of the record says it (`lag.ts`), if that is known.
 * LT5. An engine that keeps its positions to itself tells them in its log, as late as it does: then that is in the figure.
 */
import type { TopicPartition } from '../client/types.ts'

const WINDOW_MS = 60_000
/** Of a partition: ten minutes of looks a second apart. */
const ENDS_MAX = 600
/** Of a task, in the window: partitions times looks. */
const AGES_MAX = 6_000

export interface Latency {
  /** Milliseconds, over the last minute. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** LT2: how far apart looks were. */
  readonly withinMs: number
}

export type Place = TopicPartition & { readonly offset: number }

interface End { readonly atMs: number, readonly offset: number }
interface Age { readonly atMs: number, readonly ms: number }

export class Latencies {
  /** By place: where it ended when, oldest first. */
  readonly #ends = new Map<string, End[]>()
  readonly #ages = new Map<string, Age[]>()
  /** By task and place. */
  readonly #before = new Map<string, number>()
  #looks: readonly number[] = []

  /** One look: where partitions end (as far as they can be read), at `atMs`, which never goes back. */
  takeEnds(atMs: number, ends: readonly Place[]): void {
    this.#looks = [...this.#looks.filter(look => atMs - look <= WINDOW_MS), atMs]
    for (const end of ends) {
      const known = this.#ends.get(name(end)) ?? []
      const last = known.at(-1)
      if (last !== undefined && last.atMs === atMs) continue
      // Of a partition that stands still, when it began to and until when.
      if (last?.offset === end.offset && known.at(-2)?.offset === end.offset) known.pop()
      known.push({ atMs, offset: end.offset })
      if (known.length > ENDS_MAX) known.shift()
      this.#ends.set(name(end), known)
    }
  }

  /** How far `task` has come, asked in the same look; `waitedMs` is the age of the first record that it is not done with, where somebody has read that. */
  takePosition(task: string, atMs: number, position: Place & { readonly waitedMs?: number | null | undefined }): void {
    const key = `${task} ${name(position)}`
    const moved = this.#before.get(key) !== position.offset
    const isNew = !this.#before.has(key)
    this.#before.set(key, position.offset)
    const ends = this.#ends.get(name(position)) ?? []
    const last = ends.at(-1)
    if (last === undefined || isNew) return
    if (position.offset >= last.offset) {
      if (moved) this.#add(task, { atMs, ms: 0 })
      return
    }
    const since = writtenAt(ends, position.offset)
    const ms = since === undefined ? position.waitedMs : atMs - since
    if (ms !== null && ms !== undefined) this.#add(task, { atMs, ms: Math.max(0, ms) })
  }

  /** `null`: nothing went through in the last minute. */
  of(task: string, nowMs: number): Latency | null {
    const ages = (this.#ages.get(task) ?? []).filter(age => nowMs - age.atMs <= WINDOW_MS).map(age => age.ms).sort((a, b) => a - b)
    const at = (share: number): number => ages[Math.min(ages.length - 1, Math.floor(share * ages.length))] ?? 0
    const gaps = this.#looks.slice(1).map((look, index) => look - (this.#looks[index] ?? look))
    return ages.length === 0 || gaps.length === 0 ? null : { p50Ms: Math.round(at(0.5)), p99Ms: Math.round(at(0.99)), withinMs: Math.round(Math.max(...gaps)) }
  }

  #add(task: string, age: Age): void {
    const ages = this.#ages.get(task)?.filter(each => age.atMs - each.atMs <= WINDOW_MS) ?? []
    this.#ages.set(task, [...ages, age].slice(-AGES_MAX))
  }
}

/** When the partition ended at `offset`; `undefined` where that was before the first look that is remembered. */
function writtenAt(ends: readonly End[], offset: number): number | undefined {
  const after = ends.findIndex(end => end.offset > offset)
  const [before, next] = [ends[after - 1], ends[after]]
  if (before === undefined || next === undefined) return undefined
  return before.atMs + (next.atMs - before.atMs) * (offset - before.offset) / (next.offset - before.offset)
}

function name({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** As people read it: what is less than the time between two looks is no more than that. */
export function latencyText(latency: Latency | null): string {
  if (latency === null) return '—'
  const each = (ms: number): string => ms < latency.withinMs ? `< ${(latency.withinMs / 1000).toFixed(1)}` : `≈ ${(ms / 1000).toFixed(1)}`
  return `${each(latency.p50Ms)} · ${each(latency.p99Ms)} s`
}
