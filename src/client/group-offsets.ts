/** Offsets that a group has committed: reading and writing them, as a member or (without members) from outside. */
import { MillraceError } from '../base/errors.ts'
import { offsetCommit } from '../wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../wire/apis/09-offset-fetch.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import type { Cluster } from './cluster.ts'
import { groupByTopic } from './topic-groups.ts'
import type { GroupIdentity, OffsetEntry, TopicPartition } from './types.ts'

export interface CommittedOffset extends OffsetEntry {
  /** -1: the group has no commit for the partition. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

const MEMBER_GONE = new Set([errorCode('ILLEGAL_GENERATION'), errorCode('UNKNOWN_MEMBER_ID'), errorCode('FENCED_INSTANCE_ID')])
const REBALANCING = errorCode('REBALANCE_IN_PROGRESS')
const UNSTABLE = errorCode('UNSTABLE_OFFSET_COMMIT')
/** Longer than a transaction may stay open by default, so that an abandoned one ends meanwhile. */
const UNSTABLE_WAIT_MS = 120_000

/** Rejects with `GROUP_ERROR` where the identity's generation is over (retriable while the group is only rebalancing). */
export async function commitGroupOffsets(cluster: Cluster, identity: GroupIdentity, offsets: readonly OffsetEntry[]): Promise<void> {
  const topics = groupByTopic(offsets, each => ({
    partitionIndex: each.partition, committedOffset: each.offset, committedLeaderEpoch: each.leaderEpoch ?? -1, committedMetadata: each.metadata ?? '',
  })).map(({ topic, items }) => ({ name: topic, partitions: items }))
  const answer = await cluster.request({ group: identity.groupId }, offsetCommit, {
    groupId: identity.groupId, generationIdOrMemberEpoch: identity.generation, memberId: identity.memberId, groupInstanceId: identity.groupInstanceId ?? null, topics,
  }, { errorOf: response => firstError(response.topics) })
  const code = firstError(answer.topics)
  if (code === 0) return
  const { message, detail } = kafkaError(code, `OffsetCommit of group ${identity.groupId} in generation ${identity.generation}`)
  if (MEMBER_GONE.has(code) || code === REBALANCING) throw new MillraceError('GROUP_ERROR', message, { retriable: code === REBALANCING, detail })
  throw kafkaError(code, `OffsetCommit of group ${identity.groupId}`)
}

/** All partitions with a commit where `partitions` is left out. `requireStable` waits for open transactions to end. */
export async function fetchGroupOffsets(cluster: Cluster, groupId: string, partitions: readonly TopicPartition[] | undefined, requireStable: boolean): Promise<CommittedOffset[]> {
  const topics = partitions === undefined ? null : groupByTopic(partitions, each => each.partition).map(({ topic, items }) => ({ name: topic, partitionIndexes: items }))
  const until = cluster.env.clock.monotonic() + UNSTABLE_WAIT_MS
  for (let attempt = 0; ; attempt++) {
    const answer = await cluster.request({ group: groupId }, offsetFetch, { groupId, topics, groups: [{ groupId, topics }], requireStable },
      { errorOf: response => response.groups[0]?.errorCode ?? response.errorCode })
    const group = answer.groups[0] ?? answer
    const code = group.errorCode || firstError(group.topics)
    if (code === 0) {
      return group.topics.flatMap(({ name, partitions: list }) => list.map(each => ({
        topic: name, partition: each.partitionIndex, offset: each.committedOffset, leaderEpoch: each.committedLeaderEpoch, metadata: each.metadata ?? '',
      })))
    }
    if (code !== UNSTABLE || cluster.env.clock.monotonic() >= until) throw kafkaError(code, `OffsetFetch of group ${groupId}`)
    await cluster.pause(Math.min(attempt, 2))
  }
}

function firstError(topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[]): number {
  for (const { partitions } of topics) for (const each of partitions) if (each.errorCode !== 0) return each.errorCode
  return 0
}
