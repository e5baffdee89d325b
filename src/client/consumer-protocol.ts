/** Subscriptions and assignments as the client handles them: flat lists of partitions over the wire's tables. */
import * as wire from '../wire/consumer-protocol.ts'
import { groupByTopic } from './topic-groups.ts'
import type { TopicPartition } from './types.ts'

export const CONSUMER_PROTOCOL_TYPE: string = wire.CONSUMER_PROTOCOL_TYPE

export interface Subscription {
  readonly topics: readonly string[]
  readonly userData: Buffer | undefined
  readonly owned: readonly TopicPartition[]
  /** -1 where not known. */
  readonly generation: number
}

export interface Assignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Buffer | undefined
}

export function encodeSubscription({ topics, userData, owned, generation }: Subscription): Buffer {
  return wire.encodeSubscription({ topics, userData: userData ?? null, ownedPartitions: grouped(owned), generationId: generation })
}

/** Throws `FRAME_MALFORMED`. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const { topics, userData, ownedPartitions, generationId } = wire.decodeSubscription(bytes)
  return { topics, userData: userData ?? undefined, owned: flat(ownedPartitions), generation: generationId }
}

export function encodeAssignment({ partitions, userData }: Assignment): Buffer {
  return wire.encodeAssignment({ assignedPartitions: grouped(partitions), userData: userData ?? null })
}

/** An empty Buffer is an empty assignment (the leader left this member out). Throws `FRAME_MALFORMED`. */
export function decodeAssignment(bytes: Buffer): Assignment {
  const { assignedPartitions, userData } = wire.decodeAssignment(bytes)
  return { partitions: flat(assignedPartitions), userData: userData ?? undefined }
}

function grouped(partitions: readonly TopicPartition[]): { topic: string, partitions: number[] }[] {
  return groupByTopic(partitions, each => each.partition).map(({ topic, items }) => ({ topic, partitions: items }))
}

function flat(topics: readonly { readonly topic: string, readonly partitions: readonly number[] }[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map(partition => ({ topic, partition })))
}
