/**
 * The committed offsets of all groups, and those of open transactions, in memory: a mirror of `__consumer_offsets`.
 *
 * O1. What a read returns was appended to the log before; the caller answers a commit, and a read, only once the log has flushed it.
 * O2. A transactional commit is pending, and invisible, from its append until the marker of its transaction.
 * O3. Of two commits for one partition the one later in the log wins: a marker makes its offsets visible only where nothing
 *     later in the log has replaced them.
 */
import type { CommittedOffset } from './records.ts'

export interface StoredOffset extends CommittedOffset {
  /** Where in `__consumer_offsets` it was written. */
  readonly logOffset: number
}

interface PartitionOffsets {
  readonly topic: string
  readonly partition: number
  committed: StoredOffset | undefined
  /** By producer id. */
  readonly pending: Map<number, StoredOffset>
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export class GroupOffsets {
  /** group → topic → partition. */
  readonly #groups = new Map<string, Map<string, Map<number, PartitionOffsets>>>()
  /** producer id → groups with pending offsets of its open transaction. */
  readonly #groupsOfProducer = new Map<number, Set<string>>()

  commit(groupId: string, topic: string, partition: number, stored: StoredOffset): void {
    const entry = this.#entry(groupId, topic, partition)
    if (entry.committed === undefined || stored.logOffset >= entry.committed.logOffset) entry.committed = stored
  }

  addPending(producerId: number, groupId: string, topic: string, partition: number, stored: StoredOffset): void {
    this.#entry(groupId, topic, partition).pending.set(producerId, stored)
    const groups = this.#groupsOfProducer.get(producerId)
    if (groups === undefined) this.#groupsOfProducer.set(producerId, new Set([groupId]))
    else groups.add(groupId)
  }

  /** The marker of the producer's transaction is in the log: its offsets become visible, or go. */
  endTransaction(producerId: number, committed: boolean): void {
    const groups = this.#groupsOfProducer.get(producerId)
    if (groups === undefined) return
    this.#groupsOfProducer.delete(producerId)
    for (const groupId of groups) {
      for (const entry of this.#entries(groupId)) {
        const pending = entry.pending.get(producerId)
        if (pending === undefined) continue
        entry.pending.delete(producerId)
        if (committed) this.commit(groupId, entry.topic, entry.partition, pending)
        this.#dropIfEmpty(groupId, entry)
      }
    }
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition)?.committed
  }

  isPending(groupId: string, topic: string, partition: number): boolean {
    return (this.#groups.get(groupId)?.get(topic)?.get(partition)?.pending.size ?? 0) > 0
  }

  hasPending(groupId: string): boolean {
    for (const entry of this.#entries(groupId)) if (entry.pending.size > 0) return true
    return false
  }

  hasAny(groupId: string): boolean {
    return this.#groups.has(groupId)
  }

  /** Every partition with a committed or a pending offset. */
  partitionsOf(groupId: string): TopicPartition[] {
    return [...this.#entries(groupId)].map(entry => ({ topic: entry.topic, partition: entry.partition }))
  }

  groupsOfTopic(topic: string): string[] {
    return [...this.#groups].filter(([, topics]) => topics.has(topic)).map(([groupId]) => groupId)
  }

  groupIds(): string[] {
    return [...this.#groups.keys()]
  }

  /** The offset was deleted: committed value and, with `pendingToo`, what transactions hold. */
  remove(groupId: string, topic: string, partition: number, options: { readonly pendingToo: boolean }): void {
    const entry = this.#groups.get(groupId)?.get(topic)?.get(partition)
    if (entry === undefined) return
    entry.committed = undefined
    if (options.pendingToo) entry.pending.clear()
    this.#dropIfEmpty(groupId, entry)
  }

  *#entries(groupId: string): Generator<PartitionOffsets> {
    for (const partitions of [...this.#groups.get(groupId)?.values() ?? []]) yield* [...partitions.values()]
  }

  #entry(groupId: string, topic: string, partition: number): PartitionOffsets {
    let topics = this.#groups.get(groupId)
    if (topics === undefined) this.#groups.set(groupId, topics = new Map())
    let partitions = topics.get(topic)
    if (partitions === undefined) topics.set(topic, partitions = new Map())
    let entry = partitions.get(partition)
    if (entry === undefined) partitions.set(partition, entry = { topic, partition, committed: undefined, pending: new Map() })
    return entry
  }

  #dropIfEmpty(groupId: string, entry: PartitionOffsets): void {
    if (entry.committed !== undefined || entry.pending.size > 0) return
    const topics = this.#groups.get(groupId)
    const partitions = topics?.get(entry.topic)
    if (topics === undefined || partitions === undefined) return
    partitions.delete(entry.partition)
    if (partitions.size === 0) topics.delete(entry.topic)
    if (topics.size === 0) this.#groups.delete(groupId)
  }
}
