/** OffsetDelete (47), version 0: removes a group's commits for topics that none of its members reads. */
import { offsetDelete } from '../../wire/apis/47-offset-delete.ts'
import { decodeSubscription } from '../../wire/consumer-protocol.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { Group } from '../groups/group.ts'
import { handler } from '../handler.ts'

export const offsetDeleteHandler = handler(offsetDelete, [0, 0], async (core, request) => {
  const consumerGroup = core.groups.consumerGroups.get(request.groupId)
  const group = core.groups.get(request.groupId)
  if (group === undefined && consumerGroup === undefined) return { errorCode: errorCode('GROUP_ID_NOT_FOUND'), topics: [] }
  if (group !== undefined && group.members.size > 0 && group.protocolType !== 'consumer') return { errorCode: errorCode('NON_EMPTY_GROUP'), topics: [] }
  const subscribed = group === undefined ? consumerGroup?.subscribedNames() : subscribedTopics(group)
  const partitionError = (topic: string, partition: number): KafkaErrorName => {
    if (core.topics.log(topic, partition) === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
    return subscribed === undefined || subscribed.has(topic) ? 'GROUP_SUBSCRIBED_TO_TOPIC' : 'NONE'
  }
  const topics = request.topics.map(({ name, partitions }) => ({
    name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(partitionError(name, partitionIndex)) })),
  }))
  await core.groups.deleteOffsets(request.groupId, topics.flatMap(({ name, partitions }) => partitions.filter(partition => partition.errorCode === 0).map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex }))))
  return { errorCode: 0, topics }
})

/** What the members read; `undefined` where a subscription cannot be read: then every topic may be. */
function subscribedTopics(group: Group): Set<string> | undefined {
  const topics = new Set<string>()
  for (const member of group.members.values()) {
    try {
      for (const topic of decodeSubscription(member.metadataOf(group.protocolName)).topics) topics.add(topic)
    } catch {
      // Another protocol's bytes under the name of consumer: nothing can be ruled out.
      return undefined
    }
  }
  return topics
}
