/**
 * The records of `__consumer_offsets`, in Kafka's own format, so that Kafka's formatters read them.
 *
 *   key    int16 1 · group string · topic string · partition int32            value  offset commit, version 3
 *   key    int16 2 · group string                                             value  group metadata, version 3
 *
 * A null value is a tombstone: the offset or the group is gone. Keys of other versions belong to newer software and are
 * reported as `unknown`, never guessed at.
 */
import { WireReader } from '../../wire/reader.ts'
import { WireWriter } from '../../wire/writer.ts'
import type { Group } from './group.ts'

const OFFSET_KEY_VERSIONS_MAX = 1
const GROUP_KEY_VERSION = 2
const OFFSET_VALUE_VERSION = 3
const GROUP_VALUE_VERSION = 3

export interface CommittedOffset {
  readonly offset: number
  /** −1 where the client gave none. */
  readonly leaderEpoch: number
  readonly metadata: string
  readonly committedAtMs: number
}

export type GroupsKey =
  | { readonly kind: 'offset'; readonly groupId: string; readonly topic: string; readonly partition: number }
  | { readonly kind: 'group'; readonly groupId: string }
  | { readonly kind: 'unknown'; readonly version: number }

export interface StoredMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly subscription: Buffer
  readonly assignment: Buffer
}

export interface StoredGroup {
  readonly protocolType: string
  readonly generationId: number
  readonly protocolName: string | null
  readonly leaderId: string | null
  readonly stateChangedAtMs: number
  readonly members: readonly StoredMember[]
}

export function offsetKey(groupId: string, topic: string, partition: number): Buffer {
  const writer = new WireWriter(32 + groupId.length + topic.length)
  writer.int16(OFFSET_KEY_VERSIONS_MAX)
  writer.string(groupId)
  writer.string(topic)
  writer.int32(partition)
  return writer.toBuffer()
}

export function groupKey(groupId: string): Buffer {
  const writer = new WireWriter(16 + groupId.length)
  writer.int16(GROUP_KEY_VERSION)
  writer.string(groupId)
  return writer.toBuffer()
}

export function readGroupsKey(key: Buffer): GroupsKey {
  const reader = new WireReader(key)
  const version = reader.int16()
  if (version >= 0 && version <= OFFSET_KEY_VERSIONS_MAX) return { kind: 'offset', groupId: reader.string(), topic: reader.string(), partition: reader.int32() }
  if (version === GROUP_KEY_VERSION) return { kind: 'group', groupId: reader.string() }
  return { kind: 'unknown', version }
}

export function offsetValue(committed: CommittedOffset): Buffer {
  const writer = new WireWriter(64 + committed.metadata.length)
  writer.int16(OFFSET_VALUE_VERSION)
  writer.int64(committed.offset)
  writer.int32(committed.leaderEpoch)
  writer.string(committed.metadata)
  writer.int64(committed.committedAtMs)
  return writer.toBuffer()
}

export function readOffsetValue(value: Buffer): CommittedOffset {
  const reader = new WireReader(value)
  const version = reader.int16()
  const offset = reader.int64()
  const leaderEpoch = version >= 3 ? reader.int32() : -1
  return { offset, leaderEpoch, metadata: reader.string(), committedAtMs: reader.int64() }
}

export function groupValue(group: Group): Buffer {
  const writer = new WireWriter(256)
  writer.int16(GROUP_VALUE_VERSION)
  writer.string(group.protocolType ?? '')
  writer.int32(group.generationId)
  writer.nullableString(group.protocolName)
  writer.nullableString(group.leaderId)
  writer.int64(group.stateChangedAt)
  writer.count(group.members.size)
  for (const member of group.members.values()) {
    writer.string(member.memberId)
    writer.nullableString(member.groupInstanceId)
    writer.string(member.clientId)
    writer.string(member.clientHost)
    writer.int32(member.rebalanceTimeoutMs)
    writer.int32(member.sessionTimeoutMs)
    writer.bytes(member.metadataOf(group.protocolName))
    writer.bytes(member.assignment)
  }
  return writer.toBuffer()
}

export function readGroupValue(value: Buffer): StoredGroup {
  const reader = new WireReader(value)
  const version = reader.int16()
  const protocolType = reader.string()
  const generationId = reader.int32()
  const protocolName = reader.nullableString()
  const leaderId = reader.nullableString()
  const stateChangedAtMs = version >= 2 ? reader.int64() : -1
  const members: StoredMember[] = []
  const count = reader.count(12)
  for (let index = 0; index < count; index++) {
    const memberId = reader.string()
    const groupInstanceId = version >= 3 ? reader.nullableString() : null
    const clientId = reader.string()
    const clientHost = reader.string()
    const rebalanceTimeoutMs = version >= 1 ? reader.int32() : -1
    const sessionTimeoutMs = reader.int32()
    // Copied: a group outlives the piece of log it was read from.
    members.push({ memberId, groupInstanceId, clientId, clientHost, rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs, sessionTimeoutMs, subscription: Buffer.from(reader.bytes()), assignment: Buffer.from(reader.bytes()) })
  }
  return { protocolType, generationId, protocolName, leaderId, stateChangedAtMs, members }
}
