/**
 * What members of a classic consumer group say to each other inside of JoinGroup and SyncGroup (protocol type `consumer`):
 * a version, then subscription or assignment. Brokers do not look inside.
 *
 * Version notes: subscription v1 owned partitions (KIP-429) · v2 generation (KIP-792) · v3 rack (KIP-881). Assignments never changed.
 * A newer version than v3 is read as v3 and the rest left alone, as Kafka's clients do; an empty assignment is one of nothing.
 */
import { WireReader } from './reader.ts'
import { array, Codec, field, int32, nullableBytes, nullableString, string, struct } from './schema.ts'
import type { In, Out } from './schema.ts'
import { WireWriter } from './writer.ts'

export const CONSUMER_PROTOCOL_TYPE = 'consumer'
const VERSION_MAX = 3

const topicPartitions = struct({ topic: string, partitions: array(int32) })

const subscriptionType = struct({
  topics: array(string),
  userData: field(nullableBytes, { default: null }),
  ownedPartitions: field(array(topicPartitions), { versions: '1+' }),
  generationId: field(int32, { versions: '2+', default: -1 }),
  rackId: field(nullableString, { versions: '3+', default: null }),
})

const assignmentType = struct({
  assignedPartitions: array(topicPartitions),
  userData: field(nullableBytes, { default: null }),
})

const subscriptionCodec = new Codec('consumer subscription', subscriptionType, [0, VERSION_MAX], Infinity)
const assignmentCodec = new Codec('consumer assignment', assignmentType, [0, VERSION_MAX], Infinity)

export type ConsumerSubscription = Out<typeof subscriptionType>
export type ConsumerSubscriptionInput = In<typeof subscriptionType>
export type ConsumerAssignment = Out<typeof assignmentType>
export type ConsumerAssignmentInput = In<typeof assignmentType>

export function encodeSubscription(subscription: ConsumerSubscriptionInput, version: number = VERSION_MAX): Buffer {
  const writer = new WireWriter()
  writer.int16(version)
  subscriptionCodec.encode(writer, version, subscription)
  return writer.toBuffer()
}

export function decodeSubscription(buffer: Buffer): ConsumerSubscription {
  const reader = new WireReader(buffer)
  return subscriptionCodec.decode(reader, readVersion(reader))
}

export function encodeAssignment(assignment: ConsumerAssignmentInput, version: number = VERSION_MAX): Buffer {
  const writer = new WireWriter()
  writer.int16(version)
  assignmentCodec.encode(writer, version, assignment)
  return writer.toBuffer()
}

export function decodeAssignment(buffer: Buffer): ConsumerAssignment {
  if (buffer.length === 0) return { assignedPartitions: [], userData: null }
  const reader = new WireReader(buffer)
  return assignmentCodec.decode(reader, readVersion(reader))
}

function readVersion(reader: WireReader): number {
  return Math.min(VERSION_MAX, Math.max(0, reader.int16()))
}
