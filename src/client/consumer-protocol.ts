/**
 * What members of a consumer group tell each other inside of JoinGroup and SyncGroup (the "consumer" protocol type).
 *
 * ```text
 * subscription  version int16 │ topics │ user data │ v1: owned partitions │ v2: generation │ v3: rack
 * assignment    version int16 │ partitions by topic │ user data
 * ```
 * Q1. What other members sent is read within its bytes; a version beyond 3 is read as far as 3 goes.
 * Q2. We write version 3; older members read the part they know.
 */
import { WireReader } from '../wire/reader.ts'
import { WireWriter } from '../wire/writer.ts'
import { groupByTopic } from './topic-groups.ts'
import type { TopicPartition } from './types.ts'

export const CONSUMER_PROTOCOL_TYPE = 'consumer'
const VERSION = 3

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

export function encodeSubscription(subscription: Subscription): Buffer {
  const writer = new WireWriter()
  writer.int16(VERSION)
  writer.count(subscription.topics.length)
  for (const topic of subscription.topics) writer.string(topic)
  writer.nullableBytes(subscription.userData ?? null)
  writePartitions(writer, subscription.owned)
  writer.int32(subscription.generation)
  writer.nullableString(null)
  return writer.toBuffer()
}

/** Throws `FRAME_MALFORMED`. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new WireReader(bytes)
  const version = reader.int16()
  const topics: string[] = []
  for (let left = reader.count(2); left > 0; left--) topics.push(reader.string())
  const userData = reader.nullableBytes() ?? undefined
  const owned = version >= 1 ? readPartitions(reader) : []
  const generation = version >= 2 ? reader.int32() : -1
  return { topics, userData, owned, generation }
}

export function encodeAssignment(assignment: Assignment): Buffer {
  const writer = new WireWriter()
  writer.int16(VERSION)
  writePartitions(writer, assignment.partitions)
  writer.nullableBytes(assignment.userData ?? null)
  return writer.toBuffer()
}

/** An empty Buffer is an empty assignment (the leader left this member out). Throws `FRAME_MALFORMED`. */
export function decodeAssignment(bytes: Buffer): Assignment {
  if (bytes.length === 0) return { partitions: [], userData: undefined }
  const reader = new WireReader(bytes)
  reader.int16()
  const partitions = readPartitions(reader)
  return { partitions, userData: reader.remaining > 0 ? reader.nullableBytes() ?? undefined : undefined }
}

function writePartitions(writer: WireWriter, partitions: readonly TopicPartition[]): void {
  const groups = groupByTopic(partitions, each => each.partition)
  writer.count(groups.length)
  for (const { topic, items } of groups) {
    writer.string(topic)
    writer.count(items.length)
    for (const partition of items) writer.int32(partition)
  }
}

function readPartitions(reader: WireReader): TopicPartition[] {
  const partitions: TopicPartition[] = []
  for (let topics = reader.count(6); topics > 0; topics--) {
    const topic = reader.string()
    for (let left = reader.count(4); left > 0; left--) partitions.push({ topic, partition: reader.int32() })
  }
  return partitions
}
