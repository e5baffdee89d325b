/**
 * What `build(app)` gives: everything the runtime must know to run an app, as data.
 *
 * G1. Names: consumer group `<app>.<task>`; store `<name>` with changelog `<app>.<task>.<name>.changelog`; repartition topic
 *     `<app>.<task>.<name>.repartition`. App, task and operator names have no dot, so these cannot collide.
 * G2. Sub-topologies of a task are numbered by the first of their nodes; the number appears in no durable name.
 * G3. All partitions of a source topic are read by exactly one sub-topology of a task: its consumer group has one offset for each.
 */
import type { Serde } from '../serde/serde.ts'
import type { ForeignSpec, Link } from './foreign.ts'
import type { TaskTuning } from './options.ts'
import type { ErrorPolicy, GlobalTableNode, Guarantee, Node, NodeId, RepartitionSourceNode, SourceNode, TableNode, TopicSpec } from './node.ts'

export interface Plan {
  readonly app: string
  readonly tasks: readonly TaskPlan[]
  /** Every declared topic that a task reads or writes, once. */
  readonly topics: readonly TopicSpec[]
}

export type TaskPlan = NativeTaskPlan | ForeignTaskPlan

export interface NativeTaskPlan {
  readonly kind: 'native'
  readonly name: string
  /** Consumer group, and prefix of transactional ids and internal topics: `<app>.<task>`. */
  readonly group: string
  readonly guarantee: Guarantee
  readonly onError: ErrorPolicy
  readonly tuning: TaskTuning
  readonly subTopologies: readonly SubTopology[]
  readonly globalTables: readonly GlobalTableNode[]
  readonly repartitionTopics: readonly RepartitionTopic[]
  readonly stores: readonly StorePlan[]
  /** Declared topics it reads (also as tables and global tables), and writes. */
  readonly reads: readonly TopicSpec[]
  readonly writes: readonly TopicSpec[]
}

export interface ForeignTaskPlan {
  readonly kind: 'foreign'
  readonly name: string
  /** Consumer group; `<app>.<task>` unless the task names another. Also of a job that commits no offsets: its name for Kafka. */
  readonly group: string
  readonly on: ForeignSpec
  /** The engine's usual one, with what the task says otherwise. */
  readonly link: Link
  readonly reads: readonly TopicSpec[]
  readonly writes: readonly TopicSpec[]
}

/** Nodes that run together on one shard, without a topic between them. */
export interface SubTopology {
  readonly index: number
  /** `<task>/<index>`, for people and metrics. */
  readonly id: string
  /** In topological order: inputs before their consumers; global tables are not among them. */
  readonly nodes: readonly Node[]
  /** Consumers of each node, in order of declaration. */
  readonly children: ReadonlyMap<NodeId, readonly ChildEdge[]>
  readonly sources: readonly HeadNode[]
  /** Topics (names on the cluster) it consumes: declared and repartition. Two heads of one topic are possible. */
  readonly inputTopics: readonly string[]
  readonly stores: readonly StorePlan[]
  /** Sets of `inputTopics` that must have equal partition counts; topics that are in none may differ. */
  readonly copartitioned: readonly CopartitionGroup[]
}

export type HeadNode = SourceNode | TableNode | RepartitionSourceNode

export interface ChildEdge {
  readonly to: NodeId
  /** Arm of a `branch`. */
  readonly arm: string | undefined
}

export interface CopartitionGroup {
  readonly topics: readonly string[]
  /** Names of the operators that need it, for messages. */
  readonly because: readonly string[]
}

export interface RepartitionTopic {
  readonly name: string
  /** From `keyBy(…, { partitions })`. */
  readonly partitionsEnforced: number | undefined
  /** Indexes of the sub-topologies that write and read it. */
  readonly writtenBy: number
  readonly readBy: number
  readonly config: Readonly<Record<string, string>>
}

export interface StorePlan {
  /** Unique within the task. */
  readonly name: string
  readonly kind: 'keyed' | 'window' | 'timers'
  readonly use: 'table' | 'aggregate' | 'timeWindow' | 'session' | 'distinct' | 'process' | 'timers'
  readonly node: NodeId
  readonly subTopology: number
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Event time that rows are kept for, where they expire. */
  readonly retentionMs: number | undefined
  readonly changelog: ChangelogTopic
}

export interface ChangelogTopic {
  readonly name: string
  /** Partition count: that of the sub-topology's shards. */
  readonly config: Readonly<Record<string, string>>
}

/** Partition counts once those of the declared topics are known (rule P2 of the semantics). */
export interface PartitionCounts {
  /** Shards of each sub-topology, by index. */
  readonly shards: readonly number[]
  /** By repartition topic name. */
  readonly repartition: ReadonlyMap<string, number>
  /** By changelog topic name. */
  readonly changelog: ReadonlyMap<string, number>
}
