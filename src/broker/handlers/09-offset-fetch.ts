/**
 * OffsetFetch (9), versions 1–9.
 *
 * Behaviour: a partition without a commit, and a group nobody knows, answer offset −1 without an error. With requireStable a
 * partition with offsets of an open transaction answers UNSTABLE_OFFSET_COMMIT. Null topics: all that have a commit. What is answered
 * is durable: else a power cut could take back what was read, and an offset be seen before the records of its transaction can be.
 * Version notes: v2 all topics, top-level error · v5 leader epoch · v6 flexible · v7 requireStable · v8 many groups · v9 member epochs
 * of consumer groups (KIP-848): UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH for the group.
 */
import { offsetFetch } from '../../wire/apis/09-offset-fetch.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf, ResponseInput } from '../../wire/schema.ts'
import { handler } from '../handler.ts'
import type { Call, Core } from '../handler.ts'
import { GROUPS_TOPIC } from '../topics.ts'

interface FetchedPartition {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string
  readonly errorCode: number
}

type Wanted = readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null

export const offsetFetchHandler = handler(offsetFetch, [1, 9], async (core, request, call) => {
  const answer = answerNow(core, request, call)
  const log = core.topics.log(GROUPS_TOPIC, 0)
  await log?.flushed(log.logEndOffset)
  return answer
})

function answerNow(core: Core, request: RequestOf<typeof offsetFetch>, call: Call): ResponseInput<typeof offsetFetch> {
  if (call.version >= 8) {
    const groups = request.groups.map(({ groupId, memberId, memberEpoch, topics }) => {
      const error = memberError(core, groupId, memberId, memberEpoch)
      return { groupId, topics: error === 'NONE' ? fetched(core, groupId, topics, request.requireStable) : [], errorCode: errorCode(error) }
    })
    return { groups, errorCode: 0 }
  }
  return { topics: fetched(core, request.groupId, request.topics, request.requireStable), errorCode: 0 }
}

/** Who says which member it is must be one, and up to date: else it would read offsets that another one is about to commit. */
function memberError(core: Core, groupId: string, memberId: string | null, memberEpoch: number): KafkaErrorName {
  const group = core.groups.consumerGroups.get(groupId)
  if (group === undefined || (memberId === null && memberEpoch < 0)) return 'NONE'
  const member = group.members.get(memberId ?? '')
  if (member === undefined) return 'UNKNOWN_MEMBER_ID'
  return member.current.memberEpoch === memberEpoch ? 'NONE' : 'STALE_MEMBER_EPOCH'
}

function fetched(core: Core, groupId: string, wanted: Wanted, requireStable: boolean): { name: string; partitions: FetchedPartition[] }[] {
  return (wanted ?? allTopics(core, groupId)).map(({ name, partitionIndexes }) => ({
    name, partitions: partitionIndexes.map(partition => fetchedPartition(core, groupId, name, partition, requireStable)),
  }))
}

function fetchedPartition(core: Core, groupId: string, topic: string, partitionIndex: number, requireStable: boolean): FetchedPartition {
  const { offsets } = core.groups
  if (requireStable && offsets.isPending(groupId, topic, partitionIndex)) {
    return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: errorCode('UNSTABLE_OFFSET_COMMIT') }
  }
  const committed = offsets.get(groupId, topic, partitionIndex)
  return { partitionIndex, committedOffset: committed?.offset ?? -1, committedLeaderEpoch: committed?.leaderEpoch ?? -1, metadata: committed?.metadata ?? '', errorCode: 0 }
}

function allTopics(core: Core, groupId: string): { name: string; partitionIndexes: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of core.groups.offsets.partitionsOf(groupId)) {
    const partitions = topics.get(topic)
    if (partitions === undefined) topics.set(topic, [partition])
    else partitions.push(partition)
  }
  return [...topics].map(([name, partitionIndexes]) => ({ name, partitionIndexes: partitionIndexes.sort((a, b) => a - b) }))
}
