/**
 * The targets beside Kafka of a task on one worker, and the rows held back for them between two commits (`topology/target.ts` has the contract).
 *
 * B1. A row is held from when its operator makes it until the commit that covers its record; a rollback drops it with everything else.
 * B2. Rows of records below a claimed position are left out: they are in the target already (TG3).
 * B3. A shard whose only outputs are targets that keep positions starts where they stand, not where the group's offsets do: a database that was put back to
 *     yesterday's backup gets today's rows again, and a group whose offsets have expired doubles nothing.
 * B4. At `rowsMax` held rows of a sink the task commits, and takes nothing more until it has.
 */
import { assert } from '../base/assert.ts'
import type { CommittedOffset } from '../client/group-offsets.ts'
import { Windowed } from '../serde/windowed.ts'
import type { ToNode } from '../topology/node.ts'
import type { SubTopology } from '../topology/plan.ts'
import { RowsRejected } from '../topology/target.ts'
import type { RejectedRow, Target, TargetBatch, TargetPosition, TargetRow, TargetShard } from '../topology/target.ts'
import { shardKey } from './assignor.ts'
import type { ShardId } from './assignor.ts'
import { NO_ROWS } from './operators/operator.ts'
import type { Origin, Rows } from './operators/operator.ts'
import type { FrozenShard } from './shard.ts'
import type { TaskContext } from './task-context.ts'

/** What goes out with one commit, by sink. */
export type Delivery = ReadonlyMap<string, readonly TargetBatch[]>

export class TaskTargets {
  readonly #context: TaskContext
  readonly #opened = new Map<string, Promise<Target>>()
  readonly #outlets = new Map<string, ShardOutlet>()
  /** Rows that targets have taken since the start, repeated ones too. */
  rowsDelivered = 0

  constructor(context: TaskContext) {
    this.#context = context
  }

  get any(): boolean {
    return this.#outlets.size > 0
  }

  /** B4. */
  get full(): boolean {
    if (this.#outlets.size === 0) return false
    const held = new Map<string, number>()
    for (const outlet of this.#outlets.values()) {
      for (const { node, rows } of outlet.sinks.values()) {
        const count = (held.get(node.name) ?? 0) + rows.length
        if (count >= node.target.rowsMax) return true
        held.set(node.name, count)
      }
    }
    return false
  }

  /** Claims the shard at every target of its sub-topology, opening those that are not open; where a claim is there already, anew. */
  async claim(id: ShardId, inputs: TargetShard['inputs'], sub: SubTopology): Promise<ShardOutlet | undefined> {
    const nodes = sub.nodes.filter((node): node is ToNode => node.kind === 'to')
    if (nodes.length === 0) return undefined
    const shard: TargetShard = { key: shardKey(id), partition: id.partition, inputs }
    const outlet = new ShardOutlet(shard, leadsOnlyToTargets(sub))
    for (const node of nodes) outlet.open(node, await (await this.#target(node)).claim(shard))
    this.#outlets.set(shard.key, outlet)
    return outlet
  }

  async release(id: ShardId, clean: boolean): Promise<void> {
    const outlet = this.#outlets.get(shardKey(id))
    if (outlet === undefined) return
    this.#outlets.delete(outlet.shard.key)
    for (const { node } of outlet.sinks.values()) await (await this.#target(node)).release(outlet.shard, clean)
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values())
    for (const each of opened) if (each.status === 'fulfilled') await each.value.close()
  }

  /** The rows of these shards, and where they stand after them. */
  freeze(frozen: readonly FrozenShard[]): Delivery {
    const delivery = new Map<string, TargetBatch[]>()
    for (const { shard, offsets } of frozen) {
      const outlet = this.#outlets.get(shard.key)
      if (outlet === undefined) continue
      const ends = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
      for (const sink of outlet.sinks.values()) {
        const { rows, node } = sink
        if (rows.length === 0 && node.target.delivery === 'atLeastOnce') continue
        sink.rows = []
        delivery.set(node.name, [...delivery.get(node.name) ?? [], { shard: outlet.shard, rows, ends }])
      }
    }
    return delivery
  }

  /** Resolves when everything is in its target; a rejection of several is that of the first, refused rows of all together. */
  async deliver(delivery: Delivery): Promise<void> {
    const results = await Promise.allSettled([...delivery].map(async ([sink, batches]) => {
      const target = this.#opened.get(sink)
      assert(target !== undefined, `sink ${sink} is delivered to before it is open`)
      await (await target).deliver(batches)
    }))
    const errors: readonly unknown[] = results.flatMap(result => result.status === 'rejected' ? [result.reason] : [])
    const fatal = errors.find(error => !(error instanceof RowsRejected))
    if (fatal !== undefined) throw fatal
    const refused = errors.flatMap((error): readonly RejectedRow[] => error instanceof RowsRejected ? error.rejected : [])
    if (refused.length > 0) throw new RowsRejected(refused)
    for (const batches of delivery.values()) for (const { rows } of batches) this.rowsDelivered += rows.length
    if (delivery.size > 0) this.#context.failpoints.reach('after-deliver')
  }

  #target(node: ToNode): Promise<Target> {
    const { env, logger, plan, failpoints, targets } = this.#context
    const known = this.#opened.get(node.name)
    if (known !== undefined) return known
    const name = `${plan.group}.${node.name}`
    const open = (targets === undefined ? node.target : targets(name, node.target)).open({ env, logger: logger.child({ sink: node.name }), name, reach: () => failpoints.reach('in-deliver') })
    this.#opened.set(node.name, open)
    open.catch(() => this.#opened.delete(node.name)) // The next claim tries again.
    return open
  }
}

interface OutletSink {
  readonly node: ToNode
  /** By topic: rows of records below are in the target (B2). */
  readonly held: ReadonlyMap<string, number>
  rows: TargetRow[]
  /** Coordinates of the last row, to number the rows of a record. */
  topic: string
  offset: number
  index: number
}

/** Rows of one shard for its sinks. */
export class ShardOutlet implements Rows {
  readonly shard: TargetShard
  readonly sinks = new Map<string, OutletSink>()
  readonly #exclusive: boolean

  constructor(shard: TargetShard, exclusive: boolean) {
    this.shard = shard
    this.#exclusive = exclusive
  }

  open(node: ToNode, positions: readonly TargetPosition[]): void {
    const held = new Map(positions.map(({ topic, offset }) => [topic, offset] as const))
    this.sinks.set(node.name, { node, held, rows: [], topic: '', offset: -1, index: 0 })
  }

  add(name: string, key: unknown, value: unknown, time: number, { topic, partition, offset }: Origin): void {
    const sink = this.sinks.get(name)
    assert(sink !== undefined, `a row for '${name}', which is no sink of shard ${this.shard.key}`)
    assert(offset >= 0, `a row for '${name}' that no single record has made`)
    sink.index = sink.offset === offset && sink.topic === topic ? sink.index + 1 : 0
    sink.topic = topic
    sink.offset = offset
    if (offset < (sink.held.get(topic) ?? -1)) return
    const windowed = key instanceof Windowed
    sink.rows.push({ key: windowed ? key.key : key, window: windowed ? key.window : undefined, value, time, topic, partition, offset, index: sink.index })
  }

  /** Where to start, of what the group has committed and what the targets hold (B3). `missing`: records that a target would never get. */
  startOf(committed: readonly CommittedOffset[]): { readonly offsets: readonly CommittedOffset[]; readonly missing: readonly TargetPosition[] } {
    const missing: TargetPosition[] = []
    const offsets = this.shard.inputs.flatMap(({ topic, partition }): CommittedOffset[] => {
      const group = committed.find(entry => entry.topic === topic && entry.partition === partition)
      const held = [...this.sinks.values()].map(sink => sink.held.get(topic))
      const known = held.filter(offset => offset !== undefined)
      const lowest = Math.min(...known)
      if (!this.#exclusive || known.length < held.length) {
        if (group !== undefined && lowest < group.offset) missing.push({ topic, partition, offset: lowest })
        return group === undefined ? [] : [group]
      }
      return [group === undefined ? { topic, partition, offset: lowest, leaderEpoch: -1, metadata: '' } : { ...group, offset: lowest, leaderEpoch: -1 }]
    })
    return { offsets, missing }
  }
}

/** Whether everything that leaves the sub-topology goes to targets that keep positions, and nothing stays in it. */
function leadsOnlyToTargets(sub: SubTopology): boolean {
  return sub.stores.length === 0 && sub.nodes.every(node => node.kind === 'to' ? node.target.delivery === 'exactlyOnce' : node.kind !== 'sink' && node.kind !== 'repartitionSink')
}

/** Rows of a shard that has no outlet. */
export function rowsOf(outlet: ShardOutlet | undefined): Rows {
  return outlet ?? NO_ROWS
}
