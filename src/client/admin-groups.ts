/** Administration of consumer groups and of the offsets they have committed: the part of `Admin` (admin.ts) about groups. */
import { describeGroups } from '../wire/apis/15-describe-groups.ts'
import { listGroups } from '../wire/apis/16-list-groups.ts'
import { deleteGroups } from '../wire/apis/42-delete-groups.ts'
import { offsetDelete } from '../wire/apis/47-offset-delete.ts'
import { kafkaError } from '../wire/error-codes.ts'
import type { Cluster } from './cluster.ts'
import { CONSUMER_PROTOCOL_TYPE, decodeAssignment, decodeSubscription } from './consumer-protocol.ts'
import { commitGroupOffsets, fetchGroupOffsets } from './group-offsets.ts'
import type { CommittedOffset } from './group-offsets.ts'
import { groupByTopic } from './topic-groups.ts'
import type { OffsetEntry, TopicPartition } from './types.ts'

export interface GroupListing {
  readonly groupId: string
  readonly protocolType: string
  /** `Stable`, `Empty` …; empty where the broker is too old to tell. */
  readonly state: string
}

export interface GroupMemberDescription {
  readonly memberId: string
  readonly groupInstanceId: string | undefined
  readonly clientId: string
  readonly host: string
  /** Empty for groups that are not of consumers. */
  readonly topics: readonly string[]
  readonly partitions: readonly TopicPartition[]
}

export interface GroupDescription {
  readonly groupId: string
  /** `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty`, `Dead` (there is no such group). */
  readonly state: string
  readonly protocolType: string
  /** The assignor in use. */
  readonly protocol: string
  readonly members: readonly GroupMemberDescription[]
}

/** From this version on a group that does not exist is an error; before, its state is `Dead`, which is what callers here get. */
const DESCRIBE_VERSION_MAX = 5

export class AdminGroups {
  protected readonly cluster: Cluster

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  /** Of all brokers, sorted by name. */
  async listGroups(): Promise<GroupListing[]> {
    const answers = await Promise.all(this.cluster.nodes.map(node => this.cluster.request({ node: node.id }, listGroups, {}, { retry: true })))
    return answers.flatMap(answer => {
      if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, 'list the groups')
      return answer.groups.map(({ groupId, protocolType, groupState }) => ({ groupId, protocolType, state: groupState }))
    }).sort((a, b) => a.groupId < b.groupId ? -1 : 1)
  }

  /** In the order of `groupIds`. */
  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]> {
    return Promise.all(groupIds.map(groupId => this.#describe(groupId)))
  }

  async #describe(groupId: string): Promise<GroupDescription> {
    const answer = await this.cluster.request({ group: groupId }, describeGroups, { groups: [groupId] }, { versionMax: DESCRIBE_VERSION_MAX, errorOf: response => response.groups[0]?.errorCode ?? 0 })
    const group = answer.groups[0]
    if (group === undefined || group.errorCode !== 0) throw kafkaError(group?.errorCode ?? -1, `describe group ${groupId}`)
    const consumers = group.protocolType === CONSUMER_PROTOCOL_TYPE
    return {
      groupId, state: group.groupState, protocolType: group.protocolType, protocol: group.protocolData,
      members: group.members.map(member => ({
        memberId: member.memberId, groupInstanceId: member.groupInstanceId ?? undefined, clientId: member.clientId, host: member.clientHost,
        topics: consumers && member.memberMetadata.length > 0 ? decodeSubscription(member.memberMetadata).topics : [],
        partitions: consumers ? decodeAssignment(member.memberAssignment).partitions : [],
      })),
    }
  }

  /** Groups must have no members. */
  async deleteGroups(groupIds: readonly string[]): Promise<void> {
    for (const groupId of groupIds) {
      const answer = await this.cluster.request({ group: groupId }, deleteGroups, { groupsNames: [groupId] }, { errorOf: response => response.results[0]?.errorCode ?? 0 })
      for (const each of answer.results) if (each.errorCode !== 0) throw kafkaError(each.errorCode, `delete group ${each.groupId}`)
    }
  }

  /** All partitions with a commit where `partitions` is left out. */
  groupOffsets(groupId: string, partitions?: readonly TopicPartition[], options: { readonly requireStable?: boolean | undefined } = {}): Promise<CommittedOffset[]> {
    return fetchGroupOffsets(this.cluster, groupId, partitions, options.requireStable ?? false)
  }

  /** The group must have no members: else `GROUP_ERROR`. */
  alterGroupOffsets(groupId: string, offsets: readonly OffsetEntry[]): Promise<void> {
    return commitGroupOffsets(this.cluster, { groupId, generation: -1, memberId: '' }, offsets)
  }

  /** Forgets commits; members must not be subscribed to the topics. */
  async deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    const topics = groupByTopic(partitions, each => ({ partitionIndex: each.partition })).map(({ topic, items }) => ({ name: topic, partitions: items }))
    const answer = await this.cluster.request({ group: groupId }, offsetDelete, { groupId, topics })
    const code = answer.errorCode || answer.topics.flatMap(topic => topic.partitions).find(each => each.errorCode !== 0)?.errorCode
    if (code !== undefined && code !== 0) throw kafkaError(code, `delete offsets of group ${groupId}`)
  }
}
