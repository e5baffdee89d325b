/**
 * Administration of a cluster: topics, configs, records here; groups and transactions in the classes it extends.
 *
 * A code that the broker answers becomes an error of code `BROKER_ERROR` whose `detail.kafkaCode` and `detail.kafkaError`
 * name it; where several topics or groups are named, the first failure is thrown after all were tried.
 */
import { MillraceError } from '../base/errors.ts'
import { metadata } from '../wire/apis/03-metadata.ts'
import { createTopics } from '../wire/apis/19-create-topics.ts'
import { deleteTopics } from '../wire/apis/20-delete-topics.ts'
import { deleteRecords } from '../wire/apis/21-delete-records.ts'
import { describeConfigs } from '../wire/apis/32-describe-configs.ts'
import { createPartitions } from '../wire/apis/37-create-partitions.ts'
import { incrementalAlterConfigs } from '../wire/apis/44-incremental-alter-configs.ts'
import { describeCluster } from '../wire/apis/60-describe-cluster.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import type { ResponseOf } from '../wire/schema.ts'
import { AdminTransactions } from './admin-transactions.ts'
import { askLeaders } from './leader-requests.ts'
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, lookUpEpochEnds, lookUpOffsets, MAX_TIMESTAMP } from './offset-lookups.ts'
import { groupByTopic } from './topic-groups.ts'
import type { BrokerNode, OffsetEntry, PartitionMeta, TopicPartition } from './types.ts'

export interface NewTopic {
  readonly name: string
  /** Default -1: the broker's. */
  readonly partitions?: number | undefined
  /** Default -1: the broker's. */
  readonly replicas?: number | undefined
  readonly configs?: Readonly<Record<string, string>> | undefined
}

export interface TopicDescription {
  readonly name: string
  readonly topicId: string
  readonly internal: boolean
  readonly partitions: readonly PartitionMeta[]
}

export interface ClusterDescription {
  readonly clusterId: string
  readonly controllerId: number
  readonly nodes: readonly BrokerNode[]
}

/** `earliest`, `latest`, `maxTimestamp`, or the first offset whose timestamp is at or after the given epoch milliseconds. */
export type OffsetSpec = 'earliest' | 'latest' | 'maxTimestamp' | { readonly timestamp: number }

export interface EpochEntry extends TopicPartition {
  readonly leaderEpoch: number
}

export interface EpochEnd extends TopicPartition {
  /** Of the epoch asked for, or of the largest before it; -1 where the leader's log has no epoch that high. */
  readonly endOffset: number
}

export interface OffsetListing extends TopicPartition {
  /** -1 where no record matches the timestamp. */
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface ConfigResource {
  readonly type: 'topic' | 'broker' | 'group'
  /** Topic name, or node id as text. */
  readonly name: string
}

export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
  /** Set for this resource itself, as opposed to a default or the broker's. */
  readonly explicit: boolean
  readonly readOnly: boolean
  readonly sensitive: boolean
}

export interface ConfigChange {
  readonly name: string
  /** Default `set`. `delete` goes back to the default; `append` and `subtract` are for lists. */
  readonly operation?: 'set' | 'delete' | 'append' | 'subtract' | undefined
  readonly value?: string | undefined
}

const TIMEOUT_MS = 30_000
const RESOURCE_TYPES = { topic: 2, broker: 4, group: 32 } as const
const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const
/** DYNAMIC_TOPIC_CONFIG, DYNAMIC_BROKER_CONFIG, GROUP_CONFIG: set on the resource itself. */
const EXPLICIT_SOURCES = new Set([1, 2, 8])
const TOPIC_ALREADY_EXISTS = errorCode('TOPIC_ALREADY_EXISTS')
const INVALID_REPLICATION_FACTOR = errorCode('INVALID_REPLICATION_FACTOR')
/** Kafka's controller of brokers that it has not heard of for some seconds: they are starting, or paused for a moment. The code is that of a wrong factor. */
const FENCED = /all brokers are currently fenced/i

export class Admin extends AdminTransactions {
  /** `existing: 'ok'` takes a topic that is there already as success (its partitions and configs are not compared), and waits for brokers that are fenced. */
  async createTopics(topics: readonly NewTopic[], options: { readonly existing?: 'ok' | 'error' | undefined, readonly validateOnly?: boolean | undefined } = {}): Promise<void> {
    const until = this.cluster.env.clock.monotonic() + TIMEOUT_MS
    const ask = (): Promise<ResponseOf<typeof createTopics>> => this.cluster.request('controller', createTopics, {
      topics: topics.map(topic => ({
        name: topic.name, numPartitions: topic.partitions ?? -1, replicationFactor: topic.replicas ?? -1,
        configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: TIMEOUT_MS,
      validateOnly: options.validateOnly ?? false,
    }, { errorOf: response => response.topics[0]?.errorCode ?? 0 })
    let answer = await ask()
    const isFenced = (): boolean => answer.topics.some(({ errorCode: code, errorMessage }) => code === INVALID_REPLICATION_FACTOR && FENCED.test(errorMessage ?? ''))
    for (let attempt = 0; options.existing === 'ok' && isFenced() && this.cluster.env.clock.monotonic() < until; attempt++) {
      await this.cluster.pause(attempt)
      answer = await ask()
    }
    for (const { name, errorCode: code, errorMessage } of answer.topics) {
      if (code === TOPIC_ALREADY_EXISTS && options.existing === 'ok') continue
      check(code, `create topic ${name}`, errorMessage)
    }
    if (options.validateOnly !== true) await this.cluster.refresh(topics.map(topic => topic.name))
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    const answer = await this.cluster.request('controller', deleteTopics, { topics: names.map(name => ({ name })), topicNames: names, timeoutMs: TIMEOUT_MS },
      { errorOf: response => response.responses[0]?.errorCode ?? 0 })
    for (const { name, errorCode: code, errorMessage } of answer.responses) check(code, `delete topic ${name ?? '?'}`, errorMessage)
    await this.cluster.refresh(names)
  }

  /** Raises the number of partitions to `count`. */
  async createPartitions(topic: string, count: number): Promise<void> {
    const answer = await this.cluster.request('controller', createPartitions, { topics: [{ name: topic, count }], timeoutMs: TIMEOUT_MS },
      { errorOf: response => response.results[0]?.errorCode ?? 0 })
    for (const { name, errorCode: code, errorMessage } of answer.results) check(code, `create partitions of topic ${name}`, errorMessage)
    await this.cluster.refresh([topic])
  }

  /** Deletes what lies before the given offsets (-1: everything up to the high watermark). */
  async deleteRecords(before: readonly OffsetEntry[]): Promise<void> {
    await askLeaders(this.cluster, before, 'delete records', async (node, entries) => {
      const topics = groupByTopic(entries, each => ({ partitionIndex: each.partition, offset: each.offset })).map(({ topic, items }) => ({ name: topic, partitions: items }))
      const answer = await this.cluster.request({ node }, deleteRecords, { topics, timeoutMs: TIMEOUT_MS })
      return answer.topics.flatMap(({ name, partitions }) => partitions.map(each => ({ topic: name, partition: each.partitionIndex, errorCode: each.errorCode })))
    })
  }

  /** Sorted. Internal topics (`__consumer_offsets` …) are left out unless asked for. */
  async listTopics(options: { readonly internal?: boolean | undefined } = {}): Promise<string[]> {
    const answer = await this.cluster.request('any', metadata, { topics: null, allowAutoTopicCreation: false })
    return answer.topics.filter(topic => topic.errorCode === 0 && (options.internal === true || !topic.isInternal)).flatMap(topic => topic.name ?? []).sort()
  }

  /** In the order of `names`. */
  async describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    const answer = await this.cluster.request('any', metadata, { topics: names.map(name => ({ name })), allowAutoTopicCreation: false })
    return names.map(name => {
      const topic = answer.topics.find(each => each.name === name)
      if (topic === undefined) throw new MillraceError('BROKER_ERROR', `The answer says nothing of topic ${name}.`, { retriable: true })
      check(topic.errorCode, `describe topic ${name}`)
      const partitions = topic.partitions.map(each => ({
        partition: each.partitionIndex, leader: each.leaderId, leaderEpoch: each.leaderEpoch, replicas: each.replicaNodes, inSync: each.isrNodes,
      })).sort((a, b) => a.partition - b.partition)
      return { name, topicId: topic.topicId, internal: topic.isInternal, partitions }
    })
  }

  async describeConfigs(resources: readonly ConfigResource[]): Promise<Map<string, ConfigEntry[]>> {
    const result = new Map<string, ConfigEntry[]>()
    // A broker's configuration is known to that broker only.
    const byTarget = new Map<number | 'any', ConfigResource[]>()
    for (const resource of resources) {
      const target = resource.type === 'broker' ? Number(resource.name) : 'any'
      byTarget.set(target, [...byTarget.get(target) ?? [], resource])
    }
    for (const [target, group] of byTarget) {
      const answer = await this.cluster.request(target === 'any' ? 'any' : { node: target }, describeConfigs, {
        resources: group.map(({ type, name }) => ({ resourceType: RESOURCE_TYPES[type], resourceName: name, configurationKeys: null })),
      })
      for (const each of answer.results) {
        check(each.errorCode, `describe the configuration of ${each.resourceName}`, each.errorMessage)
        result.set(each.resourceName, each.configs.map(config => ({
          name: config.name, value: config.value, explicit: EXPLICIT_SOURCES.has(config.configSource), readOnly: config.readOnly, sensitive: config.isSensitive,
        })))
      }
    }
    return result
  }

  async alterConfigs(resource: ConfigResource, changes: readonly ConfigChange[], options: { readonly validateOnly?: boolean | undefined } = {}): Promise<void> {
    const target = resource.type === 'broker' ? { node: Number(resource.name) } : 'controller'
    const answer = await this.cluster.request(target, incrementalAlterConfigs, {
      resources: [{
        resourceType: RESOURCE_TYPES[resource.type], resourceName: resource.name,
        configs: changes.map(({ name, operation, value }) => ({ name, configOperation: OPERATIONS[operation ?? 'set'], value: value ?? null })),
      }],
      validateOnly: options.validateOnly ?? false,
    }, { errorOf: response => response.responses[0]?.errorCode ?? 0 })
    for (const each of answer.responses) check(each.errorCode, `alter the configuration of ${resource.type} ${each.resourceName}`, each.errorMessage)
  }

  /** In no particular order. Under read_committed `latest` is the last stable offset. */
  async listOffsets(partitions: readonly TopicPartition[], at: OffsetSpec, options: { readonly isolation?: 'read_committed' | 'read_uncommitted' | undefined } = {}): Promise<OffsetListing[]> {
    const timestamp = at === 'earliest' ? EARLIEST_TIMESTAMP : at === 'latest' ? LATEST_TIMESTAMP : at === 'maxTimestamp' ? MAX_TIMESTAMP : at.timestamp
    const isolation = options.isolation === 'read_committed' ? 1 : 0
    const answers = await askLeaders(this.cluster, partitions, 'list offsets', (node, entries) =>
      lookUpOffsets(this.cluster, node, entries.map(({ topic, partition }) => ({ topic, partition, timestamp, leaderEpoch: -1 })), isolation))
    return answers.map(({ topic, partition, offset, timestamp: found, leaderEpoch }) => ({ topic, partition, offset, timestamp: found, leaderEpoch }))
  }

  /** Where leader epochs ended (KIP-320): below a position that was read or written in that epoch means that the log was truncated. In no particular order. */
  async epochEnds(entries: readonly EpochEntry[]): Promise<EpochEnd[]> {
    const answers = await askLeaders(this.cluster, entries, 'look up the end of a leader epoch', (node, group) =>
      lookUpEpochEnds(this.cluster, node, group.map(({ topic, partition, leaderEpoch }) => ({ topic, partition, leaderEpoch, currentLeaderEpoch: -1 }))))
    return answers.map(({ topic, partition, endOffset }) => ({ topic, partition, endOffset }))
  }

  async describeCluster(): Promise<ClusterDescription> {
    const answer = await this.cluster.request('any', describeCluster, {})
    check(answer.errorCode, 'describe the cluster', answer.errorMessage)
    return { clusterId: answer.clusterId, controllerId: answer.controllerId, nodes: answer.brokers.map(({ brokerId, host, port }) => ({ id: brokerId, host, port })) }
  }
}

function check(code: number, what: string, message: string | null = null): void {
  if (code !== 0) throw kafkaError(code, message === null || message === '' ? what : `${what} (${message})`)
}
