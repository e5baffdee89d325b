/**
 * What is known of the cluster: brokers, topics, leaders. Pure state, fed by Metadata answers.
 *
 * M1. A partition's leader is not replaced by one of an older epoch while the topic id stays the same: brokers learn of
 *     changes at different times, and an answer of a late one must not send requests back.
 * M2. Node ids of bootstrap addresses are negative; ids of brokers never are.
 */
import { MillraceError } from '../base/errors.ts'
import type { metadata } from '../wire/apis/03-metadata.ts'
import type { ResponseOf } from '../wire/schema.ts'
import { ZERO_UUID } from '../wire/uuid.ts'
import type { BrokerNode, PartitionMeta } from './types.ts'

export interface TopicMeta {
  readonly name: string
  /** `ZERO_UUID` where the broker is too old for topic ids. */
  readonly topicId: string
  readonly internal: boolean
  /** Indexed by partition number. */
  readonly partitions: readonly PartitionMeta[]
}

type MetadataAnswer = ResponseOf<typeof metadata>
type TopicAnswer = MetadataAnswer['topics'][number]

const NO_PARTITION: Omit<PartitionMeta, 'partition'> = { leader: -1, leaderEpoch: -1, replicas: [], inSync: [] }

export class MetadataCache {
  clusterId = ''
  controllerId = -1
  readonly bootstrap: readonly BrokerNode[]
  #brokers = new Map<number, BrokerNode>()
  readonly #topics = new Map<string, TopicMeta>()
  readonly #names = new Map<string, string>()
  readonly #errors = new Map<string, number>()

  constructor(bootstrap: readonly BrokerNode[]) {
    this.bootstrap = bootstrap
  }

  get brokers(): readonly BrokerNode[] {
    return [...this.#brokers.values()]
  }

  get topicNames(): string[] {
    return [...this.#topics.keys()]
  }

  node(id: number): BrokerNode | undefined {
    return id < 0 ? this.bootstrap.find(node => node.id === id) : this.#brokers.get(id)
  }

  topic(name: string): TopicMeta | undefined {
    return this.#topics.get(name)
  }

  nameOf(topicId: string): string | undefined {
    return this.#names.get(topicId)
  }

  /** The error code of the last answer about a topic, 0 where it was fine. */
  errorOf(name: string): number {
    return this.#errors.get(name) ?? 0
  }

  apply(answer: MetadataAnswer): void {
    if (answer.brokers.length > 0) {
      this.#brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { id: nodeId, host, port }]))
    }
    if (answer.clusterId !== null) this.clusterId = answer.clusterId
    this.controllerId = answer.controllerId
    for (const topic of answer.topics) this.#applyTopic(topic)
  }

  /** A leader that an error answer named (KIP-951); ignored unless its epoch is newer. */
  applyLeader(topic: string, partition: number, leader: number, leaderEpoch: number): void {
    const known = this.#topics.get(topic)
    const old = known?.partitions[partition]
    if (known === undefined || old === undefined || leader < 0 || leaderEpoch <= old.leaderEpoch || !this.#brokers.has(leader)) return
    const partitions = known.partitions.slice()
    partitions[partition] = { ...old, leader, leaderEpoch }
    this.#topics.set(topic, { ...known, partitions })
  }

  #applyTopic(answer: TopicAnswer): void {
    const name = answer.name
    if (name === null) return
    this.#errors.set(name, answer.errorCode)
    if (answer.errorCode !== 0) {
      // Partition errors (no leader) leave errorCode at 0; here the topic itself is not there, or not to be seen.
      this.#forget(name)
      return
    }
    this.#errors.delete(name)
    const known = this.#topics.get(name)
    const same = known !== undefined && known.topicId === answer.topicId ? known : undefined
    if (known !== undefined && same === undefined) this.#names.delete(known.topicId)
    const partitions: PartitionMeta[] = Array.from({ length: answer.partitions.length }, (_, partition) => ({ partition, ...NO_PARTITION }))
    for (const each of answer.partitions) {
      const partition = each.partitionIndex
      if (partition < 0 || partition >= partitions.length) throw new MillraceError('FRAME_MALFORMED', `metadata names partition ${partition} of ${partitions.length} of topic ${name}`)
      const fresh = { partition, leader: each.leaderId, leaderEpoch: each.leaderEpoch, replicas: each.replicaNodes, inSync: each.isrNodes }
      const old = same?.partitions[partition]
      partitions[partition] = old !== undefined && fresh.leaderEpoch >= 0 && fresh.leaderEpoch < old.leaderEpoch ? old : fresh
    }
    this.#topics.set(name, { name, topicId: answer.topicId, internal: answer.isInternal, partitions })
    if (answer.topicId !== ZERO_UUID) this.#names.set(answer.topicId, name)
  }

  #forget(name: string): void {
    const known = this.#topics.get(name)
    if (known !== undefined) this.#names.delete(known.topicId)
    this.#topics.delete(name)
  }
}

/** `host:port,host:port` as nodes with negative ids. Throws `CONFIG_INVALID`. */
export function parseBootstrap(text: string): BrokerNode[] {
  const parts = text.split(',').map(part => part.trim()).filter(part => part !== '')
  if (parts.length === 0) throw new MillraceError('CONFIG_INVALID', 'The bootstrap address is empty. Give one or more as host:port, separated by commas.')
  return parts.map((part, index) => {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(part)
    const host = match?.[1] ?? match?.[2]
    const port = Number(match?.[3])
    if (host === undefined || !(port > 0 && port < 65_536)) throw new MillraceError('CONFIG_INVALID', `'${part}' is not a bootstrap address. Give host:port, for example localhost:9092.`)
    return { id: -1 - index, host, port }
  })
}
