/**
 * Rates of what tells none itself, from what Kafka tells of everybody: how far offsets move from one look to the next.
 *
 * OR1. Offsets per second, over the last ten seconds where there were looks enough: an engine that commits once a second would else show as 0, n, 0, n.
 *      The ends of transactions are offsets too, so where transactions are short and records few it is more than the records.
 * OR2. `null` until two looks have told of the same partition. An offset that was put back counts as none.
 */
import type { TopicPartition } from '../client/types.ts'
import type { AppGraph } from '../topology/describe.ts'

const WINDOW_MS = 10_000

interface Look {
  readonly atMs: number
  /** By `<topic>/<partition>`. */
  readonly offsets: ReadonlyMap<string, number>
}

export class OffsetRates {
  readonly #looks = new Map<string, readonly Look[]>()

  /** `what` is any name for what is measured; `atMs` never goes back. */
  take(what: string, atMs: number, offsets: readonly (TopicPartition & { readonly offset: number })[]): void {
    const kept = this.#looks.get(what)?.filter((look, index, looks) => atMs - look.atMs <= WINDOW_MS || index === looks.length - 1) ?? []
    this.#looks.set(what, [...kept, { atMs, offsets: new Map(offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset])) }])
  }

  perSecond(what: string): number | null {
    const looks = this.#looks.get(what) ?? []
    const [first, last] = [looks[0], looks.at(-1)]
    if (first === undefined || last === undefined || last.atMs === first.atMs) return null
    let moved = 0
    let known = 0
    for (const [place, offset] of last.offsets) {
      const before = first.offsets.get(place)
      if (before === undefined) continue
      moved += Math.max(0, offset - before)
      known++
    }
    return known === 0 ? null : moved / ((last.atMs - first.atMs) / 1000)
  }
}

/** By task: the topics it writes, where no other task of the graph writes to any of them; else none, since what is whose cannot be told apart. */
export function writtenAlone({ tasks, edges }: AppGraph): Map<string, readonly string[]> {
  const writes = edges.filter(edge => edge.as === 'write' || edge.as === 'deadLetter')
  return new Map(tasks.map(({ name }) => {
    const topics = writes.filter(edge => edge.from === `task:${name}`).map(edge => edge.to)
    const isAlone = topics.every(topic => writes.every(edge => edge.to !== topic || edge.from === `task:${name}`))
    return [name, isAlone ? topics.map(topic => topic.slice('topic:'.length)) : []]
  }))
}
