/**
 * OffsetCommit (8), versions 2–9.
 *
 * Behaviour: fenced by member and generation, or member and epoch in a consumer group; durable before the answer; metadata comes back as it was given.
 * Version notes: v2–4 retention time is ignored (KIP-211) · v6 leader epoch · v7 static members · v8 flexible · v9 member epochs: members of consumer groups commit
 * with it alone, and get GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH.
 */
import { offsetCommit } from '../../wire/apis/08-offset-commit.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { METADATA_BYTES_MAX } from '../groups/coordinator.ts'
import type { OffsetToCommit } from '../groups/coordinator.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { unavailable } from '../unavailable.ts'

const EPOCHS_SINCE_VERSION = 9

export const offsetCommitHandler = handler(offsetCommit, [2, 9], async (core, request, call) => {
  const { problems, offsets } = sortOffsets(core, request.topics)
  const commit = { groupId: request.groupId, memberId: request.memberId, groupInstanceId: request.groupInstanceId, generationId: request.generationIdOrMemberEpoch, knowsEpochs: call.version >= EPOCHS_SINCE_VERSION, offsets }
  try {
    return { topics: commitAnswers(request.topics, problems, await core.groups.commit(commit)) }
  } catch (error) {
    return { topics: commitAnswers(request.topics, problems, unavailable(core, error)) }
  }
})

interface TopicToCommit {
  readonly name: string
  readonly partitions: readonly { readonly partitionIndex: number; readonly committedOffset: number; readonly committedLeaderEpoch: number; readonly committedMetadata: string | null }[]
}

/** What can be committed, and why the rest cannot: by partition, as text `topic/partition`. */
export function sortOffsets(core: Core, topics: readonly TopicToCommit[]): { readonly offsets: OffsetToCommit[]; readonly problems: ReadonlyMap<string, KafkaErrorName> } {
  const offsets: OffsetToCommit[] = []
  const problems = new Map<string, KafkaErrorName>()
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } of partitions) {
      if (core.topics.log(name, partitionIndex) === undefined) problems.set(`${name}/${partitionIndex}`, 'UNKNOWN_TOPIC_OR_PARTITION')
      else if (Buffer.byteLength(committedMetadata ?? '') > METADATA_BYTES_MAX) problems.set(`${name}/${partitionIndex}`, 'OFFSET_METADATA_TOO_LARGE')
      else offsets.push({ topic: name, partition: partitionIndex, offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: committedMetadata ?? '' })
    }
  }
  return { offsets, problems }
}

export function commitAnswers(topics: readonly TopicToCommit[], problems: ReadonlyMap<string, KafkaErrorName>, error: KafkaErrorName): { name: string; partitions: { partitionIndex: number; errorCode: number }[] }[] {
  return topics.map(({ name, partitions }) => ({
    name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(problems.get(`${name}/${partitionIndex}`) ?? error) })),
  }))
}
