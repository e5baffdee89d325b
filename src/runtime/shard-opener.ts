/**
 * Makes shards: opens and restores state, reads the committed offsets, compiles the sub-topology, sets the clocks.
 *
 * Order matters when a shard comes from another process: the committed offsets are read first, with require_stable, which waits for the former owner's
 * transaction (E4); the ends of the changelogs are captured after that, so they hold everything that belongs to those offsets.
 */
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import type { CommittedOffset } from '../client/group-offsets.ts'
import type { TopicPartition } from '../client/types.ts'
import type { HeadNode, SubTopology } from '../topology/plan.ts'
import { shardKey } from './assignor.ts'
import type { ShardId } from './assignor.ts'
import { compileSubTopology } from './operators/compile.ts'
import { takesLateKeys } from './operators/late-keys.ts'
import type { Output, OperatorCounters, ReadableTable, Rows } from './operators/operator.ts'
import { restoreShard } from './restore.ts'
import type { RestoreProgress } from './changelog-replay.ts'
import type { RestoreResult } from './restore.ts'
import { decodeOffsetMetadata, Shard } from './shard.ts'
import { PartitionQueue } from './source.ts'
import type { SourceHead, SourceHooks } from './source.ts'
import { MemoryStores } from './state/memory-store.ts'
import { ShardState } from './state/shard-state.ts'
import type { ChangelogPosition, StoreProvider } from './state/store.ts'
import type { TaskContext } from './task-context.ts'

/** For shards without stores: they have clocks to keep, and those are in the committed offsets too. */
const NO_STORES: StoreProvider = { open: directory => new MemoryStores().open(directory), remove: () => {} }

export interface OpenedState {
  readonly state: ShardState
  /** By store name; moved on by each commit. */
  readonly changelogs: Map<string, ChangelogPosition>
  readonly restored: RestoreResult
}

export interface CompileParts {
  readonly output: Output
  readonly counters: OperatorCounters
  readonly hooks: SourceHooks
  globalTable(name: string): ReadableTable
}

export function topicOfHead(head: HeadNode): string {
  return typeof head.topic === 'string' ? head.topic : head.topic.name
}

export function subTopologyOf(context: TaskContext, id: ShardId): SubTopology {
  const sub = context.plan.subTopologies.find(candidate => candidate.index === id.subTopology)
  assert(sub !== undefined, `task ${context.plan.name} has no sub-topology ${id.subTopology}`)
  return sub
}

/** The topic partitions that a shard reads. */
export function inputsOf(context: TaskContext, id: ShardId): TopicPartition[] {
  return subTopologyOf(context, id).inputTopics
    .filter(topic => id.partition < (context.partitions.get(topic) ?? 0))
    .map(topic => ({ topic, partition: id.partition }))
}

export async function openState(context: TaskContext, id: ShardId, watch: { readonly onProgress: (progress: RestoreProgress) => void; readonly cancelled: () => boolean }): Promise<OpenedState> {
  const sub = subTopologyOf(context, id)
  const directory = join(context.directory, shardKey(id))
  const stores = sub.stores.length === 0 ? NO_STORES : context.stores
  const open = async (): Promise<ShardState> => new ShardState(await stores.open(directory), {
    clock: context.env.clock, stores: sub.stores.map(store => store.name), liveBytesMax: context.settings.liveBytesMax,
  })
  let state: ShardState
  try {
    state = await open()
  } catch (error) {
    if (!isDamaged(error)) throw error
    context.logger.warn('the store is damaged, rebuilding it from its changelogs', { shard: shardKey(id) })
    stores.remove(directory)
    state = await open()
  }
  try {
    const restored = await restoreShard({
      env: context.env, cluster: context.cluster, admin: context.admin, logger: context.logger, bootId: context.bootId,
      partition: id.partition, stores: sub.stores, state, ...watch,
      reopenEmpty: async () => {
        await state.close()
        stores.remove(directory)
        state = await open()
        return state
      },
    })
    return { state: restored.state, changelogs: new Map(Object.entries(restored.changelogs)), restored }
  } catch (error) {
    await state.close()
    throw error
  }
}

export function isDamaged(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'STORE_CORRUPT'
}

/** A shard ready to run on `state`, standing at `committed`. */
export function compileShard(context: TaskContext, id: ShardId, opened: { readonly state: ShardState; readonly rows: Rows }, parts: CompileParts, committedOffsets: readonly CommittedOffset[]): Shard {
  const { state, rows } = opened
  const sub = subTopologyOf(context, id)
  const inputs = inputsOf(context, id)
  const committed = committedOffsets.filter(entry => inputs.some(input => input.topic === entry.topic && input.partition === entry.partition))
  const run = compileSubTopology(sub, {
    partition: id.partition, state, rows, output: parts.output, counters: parts.counters,
    now: () => context.env.clock.now(), globalTable: name => parts.globalTable(name),
  }, context.plan.globalTables)
  const queues = inputs.map(({ topic, partition }) => {
    const heads = sub.sources.filter(head => topicOfHead(head) === topic).map((head): SourceHead => {
      const operator = run.sources.get(head.id)
      assert(operator !== undefined, `head ${head.name} was not compiled`)
      return { key: head.key, value: head.value, operator, time: head.kind === 'repartitionSource' ? undefined : head.time, tombstones: head.kind !== 'source', lateKey: takesLateKeys(sub, head), bytes: run.byteHeads.get(head.id) }
    })
    const queue = new PartitionQueue({ topic, partition, heads }, parts.hooks)
    const at = committed.find(entry => entry.topic === topic && entry.partition === partition)
    queue.reset(at?.offset ?? -1, decodeOffsetMetadata(at?.metadata).timeMax)
    return queue
  })
  const clocks = committed.map(entry => decodeOffsetMetadata(entry.metadata).clocks).find(text => text !== '') ?? state.position()?.clocks ?? ''
  if (clocks !== '') run.restoreClocks(clocks)
  return new Shard({ id, run, state, queues })
}

/** Where to begin without a committed offset: as the topology says, `earliest` for tables and repartition topics. */
export function startOf(context: TaskContext, id: ShardId, topic: string): 'earliest' | 'latest' {
  const heads = subTopologyOf(context, id).sources.filter(head => topicOfHead(head) === topic)
  return heads.length > 0 && heads.every(head => head.kind === 'source' && head.from === 'latest') ? 'latest' : 'earliest'
}
