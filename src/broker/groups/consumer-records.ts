/**
 * The records of consumer groups (KIP-848) in `__consumer_offsets`, in Apache Kafka's own format.
 *
 *   key 3  group                     value  group epoch, hash of the topics
 *   key 5  group, member             value  what the member says of itself
 *   key 6  group                     value  epoch of the target assignment
 *   key 7  group, member             value  the member's target
 *   key 8  group, member             value  epochs, state, what it has, what it is to give up
 *   key 16 group, expression         value  the topics that it matches
 *
 * Keys are plain strings behind an int16; values are flexible structs behind an int16, version 0. A null value is a tombstone.
 */
import { WireReader } from '../../wire/reader.ts'
import { array, Codec, field, int32, int64, int8, nullableString, string, struct, tagged, uuid } from '../../wire/schema.ts'
import type { In, Type } from '../../wire/schema.ts'
import { WireWriter } from '../../wire/writer.ts'
import { NOTHING_ASSIGNED } from './assignors.ts'
import type { Assignment } from './assignors.ts'
import type { ConsumerGroup, MemberFacts, StoredPart } from './consumer-group.ts'
import type { CurrentAssignment, MemberState } from './reconcile.ts'

const STATES: readonly MemberState[] = ['stable', 'unrevoked', 'unreleased']
const KEYS = { epoch: 3, member: 5, targetEpoch: 6, target: 7, current: 8, regex: 16 } as const
const KINDS = new Map<number, keyof typeof KEYS>(Object.entries(KEYS).map(([kind, key]) => [key, kind as keyof typeof KEYS])) // `KEYS` has these names.

const topicPartitions = array(struct({ topicId: uuid, partitions: array(int32) }))
const epochValue = codec('ConsumerGroupMetadata', struct({ epoch: int32, metadataHash: tagged(0, int64, { default: 0 }) }))
const memberValue = codec('ConsumerGroupMemberMetadata', struct({
  instanceId: nullableString, rackId: nullableString, clientId: string, clientHost: string, subscribedTopicNames: array(string),
  subscribedTopicRegex: nullableString, rebalanceTimeoutMs: field(int32, { default: -1 }), serverAssignor: nullableString,
}))
const targetEpochValue = codec('ConsumerGroupTargetAssignmentMetadata', struct({ assignmentEpoch: int32 }))
const targetValue = codec('ConsumerGroupTargetAssignmentMember', struct({ topicPartitions }))
const currentValue = codec('ConsumerGroupCurrentMemberAssignment', struct({
  memberEpoch: int32, previousMemberEpoch: int32, state: int8, assignedPartitions: topicPartitions, partitionsPendingRevocation: topicPartitions,
}))
const regexValue = codec('ConsumerGroupRegularExpression', struct({ topics: array(string), version: int64, timestamp: int64 }))

export interface ConsumerKey {
  readonly groupId: string
  readonly part: StoredPart
}

/** What a record says; `undefined` for a tombstone. */
export type ConsumerValue =
  | { readonly kind: 'epoch'; readonly epoch: number; readonly metadataHash: number }
  | { readonly kind: 'member'; readonly facts: MemberFacts }
  | { readonly kind: 'targetEpoch'; readonly targetEpoch: number }
  | { readonly kind: 'target'; readonly target: Assignment }
  | { readonly kind: 'current'; readonly current: CurrentAssignment }
  | { readonly kind: 'regex'; readonly topics: readonly string[]; readonly resolvedAtMs: number }

/** The record for one part as it is now: a tombstone where the group has it no more. */
export function consumerRecord(group: ConsumerGroup, part: StoredPart): { readonly key: Buffer; readonly value: Buffer | null } {
  return { key: consumerKey(group.groupId, part), value: valueOf(group, part) }
}

export function consumerTombstone(groupId: string, part: StoredPart): { readonly key: Buffer; readonly value: null } {
  return { key: consumerKey(groupId, part), value: null }
}

/** `undefined` where the key is of another kind of record. */
export function readConsumerKey(key: Buffer): ConsumerKey | undefined {
  const reader = new WireReader(key)
  const kind = KINDS.get(reader.int16())
  if (kind === undefined) return undefined
  const groupId = reader.string()
  switch (kind) {
    case 'epoch':
    case 'targetEpoch':
      return { groupId, part: { kind } }
    case 'regex':
      return { groupId, part: { kind, regex: reader.string() } }
    default:
      return { groupId, part: { kind, memberId: reader.string() } }
  }
}

export function readConsumerValue(kind: StoredPart['kind'], value: Buffer): ConsumerValue {
  const reader = new WireReader(value)
  const version = reader.int16()
  switch (kind) {
    case 'epoch':
      return { kind, ...epochValue.decode(reader, version) }
    case 'member': {
      const { subscribedTopicNames, subscribedTopicRegex, ...facts } = memberValue.decode(reader, version)
      return { kind, facts: { ...facts, subscribedNames: subscribedTopicNames, subscribedRegex: subscribedTopicRegex === '' ? null : subscribedTopicRegex } }
    }
    case 'targetEpoch':
      return { kind, targetEpoch: targetEpochValue.decode(reader, version).assignmentEpoch }
    case 'target':
      return { kind, target: assignmentOf(targetValue.decode(reader, version).topicPartitions) }
    case 'current': {
      const read = currentValue.decode(reader, version)
      return {
        kind, current: {
          memberEpoch: read.memberEpoch, previousMemberEpoch: read.previousMemberEpoch, state: STATES[read.state] ?? 'stable',
          assigned: assignmentOf(read.assignedPartitions), pendingRevocation: assignmentOf(read.partitionsPendingRevocation),
        },
      }
    }
    case 'regex': {
      const { topics, timestamp } = regexValue.decode(reader, version)
      return { kind, topics, resolvedAtMs: timestamp }
    }
  }
}

/** The lists of the protocol as an assignment, and back. */
export function assignmentOf(lists: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]): Assignment {
  if (lists.length === 0) return NOTHING_ASSIGNED
  const sets = new Map<string, Set<number>>()
  for (const { topicId, partitions } of lists) {
    const set = sets.get(topicId) ?? new Set()
    for (const partition of partitions) set.add(partition)
    if (set.size > 0) sets.set(topicId, set)
  }
  return new Map([...sets].map(([topicId, set]) => [topicId, [...set].sort((a, b) => a - b)]))
}

export function listsOf(assignment: Assignment): { topicId: string; partitions: readonly number[] }[] {
  return [...assignment].map(([topicId, partitions]) => ({ topicId, partitions }))
}

function consumerKey(groupId: string, part: StoredPart): Buffer {
  const writer = new WireWriter(64 + groupId.length)
  writer.int16(KEYS[part.kind])
  writer.string(groupId)
  if ('memberId' in part) writer.string(part.memberId)
  if ('regex' in part) writer.string(part.regex)
  return writer.toBuffer()
}

function valueOf(group: ConsumerGroup, part: StoredPart): Buffer | null {
  switch (part.kind) {
    case 'epoch':
      return encoded(epochValue, { epoch: group.epoch, metadataHash: group.metadataHash })
    case 'targetEpoch':
      return encoded(targetEpochValue, { assignmentEpoch: group.targetEpoch })
    case 'member': {
      const member = group.members.get(part.memberId)
      if (member === undefined) return null
      const { subscribedNames, subscribedRegex, ...facts } = member.facts
      return encoded(memberValue, { ...facts, subscribedTopicNames: subscribedNames, subscribedTopicRegex: subscribedRegex })
    }
    case 'target': {
      const target = group.targets.get(part.memberId)
      return target === undefined ? null : encoded(targetValue, { topicPartitions: listsOf(target) })
    }
    case 'current': {
      const current = group.members.get(part.memberId)?.current
      if (current === undefined) return null
      return encoded(currentValue, {
        memberEpoch: current.memberEpoch, previousMemberEpoch: current.previousMemberEpoch, state: STATES.indexOf(current.state),
        assignedPartitions: listsOf(current.assigned), partitionsPendingRevocation: listsOf(current.pendingRevocation),
      })
    }
    case 'regex': {
      const resolved = group.regexes.get(part.regex)
      return resolved === undefined ? null : encoded(regexValue, { topics: resolved.topics, version: Math.max(0, group.catalogueVersion), timestamp: resolved.resolvedAtMs })
    }
  }
}

function encoded<T extends Type<unknown>>(type: Codec<T>, value: In<T>): Buffer {
  const writer = new WireWriter(128)
  writer.int16(0)
  type.encode(writer, 0, value)
  return writer.toBuffer()
}

function codec<T extends Type<unknown>>(name: string, type: T): Codec<T> {
  return new Codec(name, type, [0, 0], 0)
}
