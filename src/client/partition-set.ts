/** A set of topic partitions, in the order in which they were added. */
import type { TopicPartition } from './types.ts'

export class PartitionSet<T = TopicPartition> {
  readonly #topics = new Map<string, Map<number, T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(at: TopicPartition): boolean {
    return this.#topics.get(at.topic)?.has(at.partition) ?? false
  }

  get(at: TopicPartition): T | undefined {
    return this.#topics.get(at.topic)?.get(at.partition)
  }

  set(at: TopicPartition, value: T): void {
    let partitions = this.#topics.get(at.topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.#topics.set(at.topic, partitions)
    }
    if (!partitions.has(at.partition)) this.#size++
    partitions.set(at.partition, value)
  }

  delete(at: TopicPartition): void {
    if (this.#topics.get(at.topic)?.delete(at.partition) === true) this.#size--
  }

  *values(): Generator<T> {
    for (const partitions of this.#topics.values()) yield* partitions.values()
  }

  static of(partitions: Iterable<TopicPartition>): PartitionSet {
    const set = new PartitionSet()
    for (const at of partitions) set.set(at, at)
    return set
  }
}

/** Those of `from` that are not in `without`, in order. */
export function difference(from: readonly TopicPartition[], without: readonly TopicPartition[]): TopicPartition[] {
  const set = PartitionSet.of(without)
  return from.filter(at => !set.has(at))
}
