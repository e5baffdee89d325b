/**
 * A task's membership in its consumer group `<app>.<task>`, on the main thread, so that a heartbeat never waits for user code; it hands
 * shards to the workers and takes them back.
 *
 * B1. A shard is run by one worker of the process at a time: it is given to the next one only after the one before has closed it.
 * B2. Workers learn a new generation as soon as a rebalance ends, also where they keep all their shards: their next commit needs it.
 * B3. Revocation waits for the workers' commits, so that the next owner finds everything committed (E2). Loss waits for nothing but the clean-up.
 * B4. What is told of the shards' rates changes only when this member asks for a rebalance because of them, or a minute has passed: a join that is sent
 *     again says the same.
 */
import type { Logger } from '../base/logger.ts'
import type { Assignor, SubscribedMember } from '../client/assignor.ts'
import type { Cluster } from '../client/cluster.ts'
import { GroupMember } from '../client/group-member.ts'
import type { GroupIdentity, OffsetEntry, TopicPartition } from '../client/types.ts'
import type { NativeTaskPlan } from '../topology/plan.ts'
import { allShards, assignShards, decodeUserData, encodeUserData, parseShardKey, partitionsOfShard, shardKey, shardsOfPartitions } from './assignor.ts'
import type { ShardGroup, ShardId } from './assignor.ts'
import { ASK_MS, decodeGroupLoad, encodeGroupLoad, groupLoad, shouldAsk } from './group-load.ts'
import type { GroupLoad } from './group-load.ts'
import { measuredWork, ratesOf } from './load-balance.ts'
import { ShardLoads } from './shard-loads.ts'
import type { ShardRate } from './shard-loads.ts'
import type { ShardLoad } from './snapshot.ts'
import type { WorkerHandle } from './worker.ts'

export interface MembershipOptions {
  readonly cluster: Cluster
  readonly logger: Logger
  readonly plan: NativeTaskPlan
  readonly partitions: ReadonlyMap<string, number>
  readonly workers: readonly WorkerHandle[]
  readonly slot: string
  /** State on this process's disk, for the leader's choice: shard key → how much. */
  readonly held: () => Readonly<Record<string, number>>
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs?: number | undefined
  readonly calmHeartbeatIntervalMs?: number | undefined
  readonly rebalanceTimeoutMs?: number | undefined
  readonly onFailed: (task: string, error: unknown) => void
  /** The member has a (new) id. */
  readonly onMember: (memberId: string) => void
}

/** In the group protocol; a change of what the user data means takes a new name, offered beside the old one for a release. */
export const ASSIGNOR_NAME = 'millrace'

export class TaskMembership {
  readonly #options: MembershipOptions
  readonly #groups: readonly ShardGroup[]
  readonly #member: GroupMember
  /** Shard key → the worker that runs it. */
  readonly #places = new Map<string, WorkerHandle>()
  readonly #loads = new ShardLoads()
  /** What was told with the last join (B4), and when. */
  #told: Readonly<Record<string, ShardRate>> = {}
  #toldAt = -Infinity
  #group: GroupLoad | undefined
  /** Of the leader: what members that are gone have told. */
  #remembered: ReadonlyMap<string, ShardRate> = new Map()
  #memberId = ''

  constructor(options: MembershipOptions) {
    this.#options = options
    const { plan, cluster } = options
    this.#groups = shardGroupsOf(plan, options.partitions)
    this.#member = new GroupMember(cluster, {
      groupId: plan.group,
      topics: [...new Set(this.#groups.flatMap(group => group.topics.map(topic => topic.topic)))],
      assignors: [this.#assignor()],
      sessionTimeoutMs: options.sessionTimeoutMs, heartbeatIntervalMs: options.heartbeatIntervalMs, calmHeartbeatIntervalMs: options.calmHeartbeatIntervalMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      onAssigned: (partitions, identity) => this.#onAssigned(partitions, identity),
      onRevoked: (partitions, identity) => this.#onRevoked(partitions, identity),
      onLost: partitions => this.#onLost(partitions),
      onFailed: error => options.onFailed(plan.name, error),
    })
  }

  get task(): string {
    return this.#options.plan.name
  }

  get identity(): GroupIdentity {
    return this.#member.identity()
  }

  /** Resolves with the first completed join. */
  start(): Promise<void> {
    return this.#member.start()
  }

  commitOffsets(offsets: readonly OffsetEntry[], identity: GroupIdentity): Promise<void> {
    return this.#member.commitOffsets(offsets, identity)
  }

  /** What the workers have measured of their shards so far. Asks for a rebalance where the group is out of balance. */
  measured(loads: readonly ShardLoad[]): void {
    const now = this.#options.cluster.env.clock.monotonic()
    this.#loads.take(now, loads.filter(load => this.#places.has(load.shard)))
    if (now - this.#toldAt < ASK_MS || !this.#member.stable) return
    const rates = this.#loads.rates()
    if (!shouldAsk(this.#group, this.#options.workers.length, rates, this.#told)) return
    this.#told = rates
    this.#toldAt = now
    this.#options.logger.info('asking for a rebalance: its share is not an even one', { task: this.task })
    this.#member.rejoin('the rates of its shards have changed')
  }

  /** Hands everything back, committed, and leaves the group. Waits for no rebalance (G6). */
  close(): Promise<void> {
    for (const worker of this.#options.workers) worker.leaving(this.task)
    return this.#member.close()
  }

  #assignor(): Assignor {
    return {
      name: ASSIGNOR_NAME,
      protocol: 'cooperative',
      userData: () => {
        // Known from the first answer to a join on, before any assignment: a process that dies while joining is in the group too.
        this.#remember(this.#member.memberId)
        return this.#userData()
      },
      assign: members => {
        const all = members.map(member => assignorMember(this.#groups, member))
        const rates = ratesOf(all, this.#remembered)
        this.#remembered = rates
        const measured = measuredWork(allShards(this.#groups), rates)
        const weights = all.map(member => member.userData.weight)
        return new Map([...assignShards(this.#groups, all, rates)].map(([memberId, shards]) => [memberId, {
          partitions: shards.flatMap(shard => partitionsOfShard(this.#groups, shard)),
          userData: encodeGroupLoad(groupLoad(measured, weights, shards, rates)),
        }]))
      },
      onAssignment: assignment => {
        this.#group = decodeGroupLoad(assignment.userData)
        for (const [shard, rate] of Object.entries(this.#group?.rates ?? {})) if (!this.#places.has(shard)) this.#loads.seed(shard, rate)
        // The member's identity is complete when this callback has returned.
        this.#options.cluster.env.clock.defer(() => this.#tellIdentity(this.#member.identity()))
      },
    }
  }

  #userData(): Buffer {
    const now = this.#options.cluster.env.clock.monotonic()
    if (now - this.#toldAt >= ASK_MS) {
      this.#told = this.#loads.rates()
      this.#toldAt = now
    }
    return encodeUserData({ slot: this.#options.slot, weight: this.#options.workers.length, held: this.#options.held(), ...Object.keys(this.#told).length === 0 ? {} : { rates: this.#told } })
  }

  #remember(memberId: string): void {
    if (memberId === '' || memberId === this.#memberId) return
    this.#memberId = memberId
    this.#options.onMember(memberId)
  }

  #tellIdentity(identity: GroupIdentity): void {
    if (identity.generation < 0) return
    this.#remember(identity.memberId)
    for (const worker of this.#options.workers) worker.setIdentity(this.task, identity)
  }

  #onAssigned(partitions: readonly TopicPartition[], identity: GroupIdentity): void {
    this.#tellIdentity(identity)
    const shards = shardsOfPartitions(this.#groups, partitions).filter(shard => !this.#places.has(shardKey(shard)))
    const given = new Map<WorkerHandle, ShardId[]>()
    for (const shard of shards) {
      const worker = this.#leastLoaded(shard)
      this.#places.set(shardKey(shard), worker)
      given.set(worker, [...given.get(worker) ?? [], shard])
    }
    for (const [worker, list] of given) worker.assign(this.task, list, identity)
    this.#options.logger.info('assigned', { task: this.task, generation: identity.generation, added: shards.map(shardKey).join(' '), shards: this.#places.size })
  }

  async #onRevoked(partitions: readonly TopicPartition[], identity: GroupIdentity): Promise<void> {
    this.#tellIdentity(identity)
    this.#options.logger.info('handing over', { task: this.task, shards: partitions.length })
    await this.#take(partitions, (worker, shards) => worker.revoke(this.task, shards))
  }

  async #onLost(partitions: readonly TopicPartition[]): Promise<void> {
    this.#options.logger.warn('thrown out of the group: dropping what is not committed', { task: this.task })
    await this.#take(partitions, (worker, shards) => worker.lost(this.task, shards))
  }

  async #take(partitions: readonly TopicPartition[], from: (worker: WorkerHandle, shards: readonly ShardId[]) => Promise<void>): Promise<void> {
    const gone = new Set(partitions.map(entry => `${entry.topic}/${entry.partition}`))
    const leaving = new Map<WorkerHandle, ShardId[]>()
    for (const [key, worker] of this.#places) {
      const shard = parseShardKey(key)
      if (partitionsOfShard(this.#groups, shard).some(part => gone.has(`${part.topic}/${part.partition}`))) leaving.set(worker, [...leaving.get(worker) ?? [], shard])
    }
    await Promise.all([...leaving].map(([worker, shards]) => from(worker, shards)))
    for (const shards of leaving.values()) for (const shard of shards) this.#places.delete(shardKey(shard))
  }

  /** Least to do, as far as it was measured; else fewest shards of the sub-topology, then fewest at all; the first of equals. */
  #leastLoaded(shard: ShardId): WorkerHandle {
    const rates = { ...this.#group?.rates, ...this.#loads.rates() }
    const known = [...this.#places.keys()].flatMap(key => rates[key]?.[1] ?? [])
    const busyMean = known.reduce((total, busyMs) => total + busyMs, 0) / Math.max(1, known.length)
    const load = (worker: WorkerHandle): number => {
      let count = 0
      for (const [key, place] of this.#places) {
        if (place === worker) count += (rates[key]?.[1] ?? busyMean) * 1e6 + (parseShardKey(key).subTopology === shard.subTopology ? 1_001 : 1)
      }
      return count
    }
    return this.#options.workers.reduce((best, worker) => load(worker) < load(best) ? worker : best)
  }
}

export function shardGroupsOf(plan: NativeTaskPlan, partitions: ReadonlyMap<string, number>): ShardGroup[] {
  return plan.subTopologies.filter(sub => sub.inputTopics.length > 0).map(sub => ({
    subTopology: sub.index,
    topics: sub.inputTopics.map(topic => ({ topic, partitions: partitions.get(topic) ?? 0 })),
  }))
}

function assignorMember(groups: readonly ShardGroup[], member: SubscribedMember): Parameters<typeof assignShards>[1][number] {
  return { memberId: member.memberId, owned: shardsOfPartitions(groups, member.owned), generation: member.generation, userData: decodeUserData(member.userData ?? null) }
}
