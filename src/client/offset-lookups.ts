/** ListOffsets and OffsetForLeaderEpoch for partitions of one leader: plain answers per partition, errors as codes. */
import { listOffsets } from '../wire/apis/02-list-offsets.ts'
import { offsetForLeaderEpoch } from '../wire/apis/23-offset-for-leader-epoch.ts'
import type { Cluster } from './cluster.ts'
import type { Lane } from './connection-pool.ts'
import { groupByTopic } from './topic-groups.ts'
import type { TopicPartition } from './types.ts'

/** Kafka's special timestamps. */
export const LATEST_TIMESTAMP = -1
export const EARLIEST_TIMESTAMP = -2
export const MAX_TIMESTAMP = -3

export interface OffsetQuery extends TopicPartition {
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface OffsetAnswer extends TopicPartition {
  readonly errorCode: number
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface EpochQuery extends TopicPartition {
  readonly currentLeaderEpoch: number
  readonly leaderEpoch: number
}

export interface EpochAnswer extends TopicPartition {
  readonly errorCode: number
  /** The end of `leaderEpoch`, or of the largest epoch before it; -1 where the broker knows neither. */
  readonly endOffset: number
  readonly leaderEpoch: number
}

export async function lookUpOffsets(cluster: Cluster, node: number, queries: readonly OffsetQuery[], isolation: 0 | 1, lane?: Lane): Promise<OffsetAnswer[]> {
  const topics = groupByTopic(queries, each => ({ partitionIndex: each.partition, currentLeaderEpoch: each.leaderEpoch, timestamp: each.timestamp }))
    .map(({ topic, items }) => ({ name: topic, partitions: items }))
  const answer = await cluster.request({ node }, listOffsets, { isolationLevel: isolation, topics, timeoutMs: cluster.requestTimeoutMs }, { lane })
  return answer.topics.flatMap(({ name, partitions }) => partitions.map(each => ({
    topic: name, partition: each.partitionIndex, errorCode: each.errorCode, offset: each.offset, timestamp: each.timestamp, leaderEpoch: each.leaderEpoch,
  })))
}

export async function lookUpEpochEnds(cluster: Cluster, node: number, queries: readonly EpochQuery[], lane?: Lane): Promise<EpochAnswer[]> {
  const topics = groupByTopic(queries, each => ({ partition: each.partition, currentLeaderEpoch: each.currentLeaderEpoch, leaderEpoch: each.leaderEpoch }))
    .map(({ topic, items }) => ({ topic, partitions: items }))
  const answer = await cluster.request({ node }, offsetForLeaderEpoch, { replicaId: -1, topics }, { lane })
  return answer.topics.flatMap(({ topic, partitions }) => partitions.map(each => ({
    topic, partition: each.partition, errorCode: each.errorCode, endOffset: each.endOffset, leaderEpoch: each.leaderEpoch,
  })))
}
