/**
 * The shards of a task on one worker: opened, fed, chosen from, frozen, rewound and closed together.
 *
 * ```
 *   opening ──▶ running ──▶ closing (commit first) ──▶ gone
 *      └───────────┴──────▶ lost (nothing is kept) ──▶ gone
 * ```
 * Z1. Only `running` seats get records; a seat that is `closing` still takes part in the commit that precedes its end.
 * Z2. Downstream first: of the shards that have something, one of the highest sub-topology runs, so that what is under way leaves before more comes in;
 *     among those, the one with the lowest head time.
 */
import { assert } from '../base/assert.ts'
import type { CommittedOffset } from '../client/group-offsets.ts'
import type { Fetcher } from '../client/fetcher.ts'
import { shardKey } from './assignor.ts'
import { ChangelogEpochs } from './changelog-epochs.ts'
import type { ShardId } from './assignor.ts'
import type { RestoreProgress } from './changelog-replay.ts'
import type { RestoreResult } from './restore.ts'
import { compileShard, inputsOf, isDamaged, openState, startOf, subTopologyOf } from './shard-opener.ts'
import type { CompileParts, OpenedState } from './shard-opener.ts'
import type { FrozenShard, Shard } from './shard.ts'
import type { PartitionQueue } from './source.ts'
import type { ChangelogPosition } from './state/store.ts'
import type { TaskContext } from './task-context.ts'
import { rowsOf } from './task-targets.ts'
import type { ShardOutlet, TaskTargets } from './task-targets.ts'
import type { AckedChanges, TaskProducer } from './task-producer.ts'

export interface Seat {
  readonly id: ShardId
  readonly key: string
  phase: 'opening' | 'running' | 'closing' | 'lost'
  opening: Promise<void>
  opened: OpenedState | undefined
  outlet: ShardOutlet | undefined
  shard: Shard | undefined
  restoring: RestoreProgress | undefined
  restored: RestoreResult | undefined
  /** Since when each input has been at its end, by topic. */
  readonly endSince: Map<string, number>
  /** Records taken by shards that this seat had before it was rewound. */
  taken: number
  /** Milliseconds that its slices took. */
  busyMs: number
}

export interface SeatParts extends CompileParts {
  readonly targets: TaskTargets
}

export class ShardSeats {
  readonly #context: TaskContext
  readonly #fetcher: Fetcher
  readonly #parts: SeatParts
  readonly #seats = new Map<string, Seat>()
  /** Input `topic/partition` → its seat. */
  readonly #routes = new Map<string, Seat>()
  /** Highest sub-topology first. */
  #running: Seat[] = []
  readonly #epochs: ChangelogEpochs

  constructor(context: TaskContext, fetcher: Fetcher, parts: SeatParts) {
    this.#context = context
    this.#epochs = new ChangelogEpochs(context, this.#seats)
    this.#fetcher = fetcher
    this.#parts = parts
  }

  get all(): ReadonlyMap<string, Seat> {
    return this.#seats
  }

  /** `undefined` where the shard is here already. */
  add(id: ShardId): Seat | undefined {
    const key = shardKey(id)
    const before = this.#seats.get(key)
    if (before !== undefined) {
      assert(before.phase === 'opening' || before.phase === 'running', `shard ${key} is given again while it is being given up`)
      return undefined
    }
    const seat: Seat = {
      id, key, phase: 'opening', opening: Promise.resolve(), opened: undefined, outlet: undefined, shard: undefined,
      restoring: undefined, restored: undefined, endSince: new Map(), taken: 0, busyMs: 0,
    }
    this.#seats.set(key, seat)
    return seat
  }

  /** Offsets first, then state (see shard-opener). */
  async open(seat: Seat): Promise<void> {
    const gone = (): boolean => seat.phase !== 'opening'
    const committed = await this.#context.admin.groupOffsets(this.#context.plan.group, inputsOf(this.#context, seat.id), { requireStable: true })
    if (gone()) return
    seat.opened ??= await openState(this.#context, seat.id, { onProgress: progress => { seat.restoring = progress }, cancelled: gone })
    if (gone()) return
    seat.outlet = await this.#claim(seat)
    if (gone()) return
    seat.restored = seat.opened.restored
    seat.restoring = undefined
    this.#start(seat, committed)
    seat.phase = 'running'
    this.#running = [...this.#running, seat].sort((a, b) => b.id.subTopology - a.id.subTopology || a.id.partition - b.id.partition)
    this.#context.host.wake()
  }

  #claim(seat: Seat): Promise<ShardOutlet | undefined> {
    return this.#parts.targets.claim(seat.id, inputsOf(this.#context, seat.id), subTopologyOf(this.#context, seat.id))
  }

  /** Where to begin: the committed offsets, or where the targets of the shard stand (B3 of task-targets). */
  #startsAt(seat: Seat, committed: readonly CommittedOffset[]): readonly CommittedOffset[] {
    if (seat.outlet === undefined) return committed
    const { offsets, missing } = seat.outlet.startOf(committed)
    for (const at of missing) this.#context.logger.error('a sink stands before the offsets of its task, which writes elsewhere too and so goes on from those: the records between are not in the sink. Reset the group to there to bring them in', { ...at })
    return offsets
  }

  #start(seat: Seat, committedOffsets: readonly CommittedOffset[]): void {
    const committed = this.#startsAt(seat, committedOffsets)
    assert(seat.opened !== undefined, `shard ${seat.key} starts without state`)
    seat.taken += seat.shard?.recordsTaken ?? 0
    const shard = compileShard(this.#context, seat.id, { state: seat.opened.state, rows: rowsOf(seat.outlet) }, this.#parts, committed)
    shard.atEnd = queue => this.#atEnd(queue)
    seat.shard = shard
    seat.endSince.clear()
    for (const queue of shard.queues) {
      const { topic, partition } = queue.input
      this.#routes.set(`${topic}/${partition}`, seat)
      // Where a target is ahead of its group (B3 of task-targets), the group is to follow.
      queue.positionFrozen = Math.min(queue.position, committedOffsets.find(entry => entry.topic === topic && entry.partition === partition)?.offset ?? -1)
      this.#fetcher.assign(topic, partition, queue.position >= 0 ? queue.position : startOf(this.#context, seat.id, topic))
    }
    shard.begin()
  }

  mark(shards: readonly ShardId[], phase: 'closing' | 'lost'): Seat[] {
    const marked = shards.flatMap(id => this.#seats.get(shardKey(id)) ?? [])
    for (const seat of marked) if (seat.phase !== 'lost') seat.phase = phase
    return marked
  }

  /** No shard runs any more. */
  end(): void {
    this.#epochs.close()
  }

  /** Lets go of marked seats. What they have not committed is gone. */
  async close(seats: readonly Seat[]): Promise<void> {
    for (const seat of seats) {
      this.#seats.delete(seat.key)
      this.#running = this.#running.filter(other => other !== seat)
      this.#unroute(seat)
    }
    for (const seat of seats) {
      await seat.opening
      await this.#parts.targets.release(seat.id, seat.phase === 'closing')
      await seat.opened?.state.close()
    }
  }

  #unroute(seat: Seat): void {
    for (const { topic, partition } of inputsOf(this.#context, seat.id)) {
      if (!this.#routes.delete(`${topic}/${partition}`)) continue
      this.#fetcher.unassign(topic, partition)
    }
    for (const queue of seat.shard?.queues ?? []) queue.reset(-1, -1)
  }

  // ---------------------------------------------------------------- work

  /** Takes what the fetcher has. */
  receive(): void {
    for (let batches = this.#fetcher.poll(); batches !== undefined; batches = this.#fetcher.poll()) {
      const seat = this.#routes.get(`${batches.topic}/${batches.partition}`)
      if (seat?.shard === undefined) {
        batches.release()
        continue
      }
      seat.endSince.delete(batches.topic)
      seat.shard.push(batches)
    }
  }

  /** The shard to run now (Z2). */
  next(): Shard | undefined {
    let best: Shard | undefined
    let bestTime = Infinity
    for (const seat of this.#running) {
      if (seat.phase !== 'running' || seat.shard === undefined) continue
      if (best !== undefined && seat.id.subTopology < best.id.subTopology) break
      const time = seat.shard.headTime()
      if (time === undefined || time >= bestTime) continue
      best = seat.shard
      bestTime = time
    }
    return best
  }

  /** A slice of `shard` took so long. */
  worked(shard: Shard, ms: number): void {
    const seat = this.#seats.get(shard.key)
    if (seat !== undefined) seat.busyMs += ms
  }

  /** Records are on the broker that have not come yet, and no shard has one to go on with. */
  get awaitsFetch(): boolean {
    return this.#running.some(seat => seat.phase === 'running' && seat.shard?.queues.some(queue => !queue.hasHead && !this.#atEnd(queue)) === true)
  }

  get dirty(): boolean {
    return this.#running.some(seat => seat.phase !== 'lost' && seat.shard?.dirty === true)
  }

  get moved(): boolean {
    return this.#running.some(seat => seat.phase !== 'lost' && seat.shard?.moved === true)
  }

  get dirtyBytes(): number {
    let bytes = 0
    for (const seat of this.#running) bytes += seat.opened?.state.dirtyBytes ?? 0
    return bytes
  }

  /** Fires wall-clock timers. */
  tick(nowMs: number): boolean {
    let fired = false
    for (const seat of this.#running) if (seat.phase === 'running' && seat.shard?.tick(nowMs) === true) fired = true
    return fired
  }

  wallClockDueInMs(): number {
    let due = Infinity
    for (const seat of this.#running) if (seat.phase === 'running') due = Math.min(due, seat.shard?.run.wallClockDueMs ?? Infinity)
    return due === Infinity ? Infinity : Math.max(0, due - this.#context.env.clock.now())
  }

  /** Inputs that have been at their end for long enough stop holding up the watermark of a shard with several (M3). */
  markIdle(): void {
    const now = this.#context.env.clock.monotonic()
    for (const seat of this.#running) {
      if (seat.phase !== 'running' || seat.shard === undefined || seat.shard.queues.length < 2) continue
      for (const queue of seat.shard.queues) {
        const { topic } = queue.input
        const since = seat.endSince.get(topic)
        if (queue.hasHead || !this.#atEnd(queue)) seat.endSince.delete(topic)
        else if (since === undefined) seat.endSince.set(topic, now)
        else if (since !== Infinity && now - since >= this.#context.settings.idleAfterMs) {
          seat.endSince.set(topic, Infinity)
          seat.shard.setIdle(topic)
        }
      }
    }
  }

  #atEnd(queue: PartitionQueue): boolean {
    const progress = this.#fetcher.progress(queue.input.topic, queue.input.partition)
    return progress !== undefined && progress.lastStableOffset >= 0 && progress.bytesQueued === 0 && progress.offsetFetched >= progress.lastStableOffset
  }

  seek(topic: string, partition: number, to: 'earliest'): void {
    const seat = this.#routes.get(`${topic}/${partition}`)
    seat?.shard?.queues.find(queue => queue.input.topic === topic)?.reset(-1, -1)
    this.#fetcher.seek(topic, partition, to)
  }

  // ---------------------------------------------------------------- commit

  /** Freezes every shard with something to commit; their changes go to the changelogs. Throws what user code throws in a flush. */
  freeze(commitId: string, out: TaskProducer): FrozenShard[] {
    const moved = this.#running.filter(seat => seat.phase !== 'lost').flatMap(seat => seat.shard?.moved === true ? [seat.shard] : [])
    releaseInOrder(moved)
    for (const shard of moved) shard.flush()
    const now = this.#context.env.clock.now()
    return moved.map(shard => {
      for (const store of this.#seats.get(shard.key)?.opened?.changelogs.keys() ?? []) out.beginChanges(this.#changelogOf(store), shard.id.partition)
      const frozen = shard.freeze(commitId)
      frozen.state.changes((store, key, value) => out.sendChange(this.#changelogOf(store), shard.id.partition, now, key, value))
      return frozen
    })
  }

  /** What was frozen has been committed: to the stores with it. */
  committed(frozen: readonly FrozenShard[], out: TaskProducer): void {
    for (const { shard, state, clocks } of frozen) {
      const seat = this.#seats.get(shard.key)
      if (seat?.opened === undefined || seat.phase === 'lost') continue
      for (const [store, position] of seat.opened.changelogs) {
        const acked = out.changesAcked(this.#changelogOf(store), shard.id.partition)
        if (acked !== undefined) seat.opened.changelogs.set(store, this.#movedOn(store, position, acked))
      }
      seat.opened.state.committed(state, {
        changelogs: Object.fromEntries(seat.opened.changelogs), committedAtMs: this.#context.env.clock.now(),
        bootId: this.#context.bootId, cleanClose: false, clocks,
      })
    }
    this.#epochs.soon()
  }

  /** The epoch stays with the offset that it is known for (`ChangelogEpochs`): a produce's answer does not say its own. */
  #movedOn(store: string, position: ChangelogPosition, acked: AckedChanges): ChangelogPosition {
    const epochOffset = position.epochOffset ?? position.offsetNext
    if (acked.first < position.offsetNext && position.truncated !== true) {
      this.#context.logger.error('a changelog has lost records that it had acknowledged: the store is rebuilt from what is left at its next start', { store, heldTo: position.offsetNext, lostFrom: acked.first })
      return { ...position, offsetNext: acked.end, epochOffset, truncated: true }
    }
    return acked.end <= position.offsetNext ? position : { ...position, offsetNext: acked.end, epochOffset }
  }

  #changelogOf(store: string): string {
    const plan = this.#context.plan.stores.find(candidate => candidate.name === store)
    assert(plan !== undefined, `store ${store} is not in the plan`)
    return plan.changelog.name
  }

  /** Committed offsets of every running seat, once no transaction holds them (E4). */
  async fetchCommitted(): Promise<CommittedOffset[]> {
    const inputs = this.#running.flatMap(seat => inputsOf(this.#context, seat.id))
    return inputs.length === 0 ? [] : await this.#context.admin.groupOffsets(this.#context.plan.group, inputs, { requireStable: true })
  }

  /** Puts every running seat back to `committed`: state, clocks, queues. */
  async rewind(committed: readonly CommittedOffset[]): Promise<void> {
    for (const seat of this.#running) {
      if (seat.phase === 'lost' || seat.opened === undefined) continue
      this.#unroute(seat)
      try {
        await seat.opened.state.rollback()
      } catch (error) {
        if (!isDamaged(error)) throw error
        await seat.opened.state.close()
        seat.opened = await openState(this.#context, seat.id, { onProgress: progress => { seat.restoring = progress }, cancelled: () => false })
        seat.restoring = undefined
      }
      seat.outlet = await this.#claim(seat)
      this.#start(seat, committed)
    }
  }
}

/** What the shards hold back of windows, window by window: so those that read it side by side see it in order (C2 of `combine.ts`). */
function releaseInOrder(shards: readonly Shard[]): void {
  for (;;) {
    let lowest = Infinity
    for (const shard of shards) lowest = Math.min(lowest, shard.run.heldFrom())
    if (lowest === Infinity) return
    for (const shard of shards) shard.run.release(lowest)
  }
}
