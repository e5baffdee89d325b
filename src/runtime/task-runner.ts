/**
 * One task on one worker: its shards, its producer, its fetcher, and the commits that hold them together.
 *
 * ```
 *   starting ──▶ running ⇄ recovering ──▶ failed        turn(): fetch ▶ slice ▶ timers ▶ commit when due
 *                   └────────┴──▶ closed                assign / revoke / lost / close: between commits (X1)
 * ```
 * X1. Commits, hand-overs and recoveries exclude each other (`#exclusive`); records are processed meanwhile, into the next commit.
 * X2. Processing stops while recovering, and under at least once while a commit is under way (its changelog position must not run ahead).
 * X3. After a failed commit nothing of it is left: producer, queues, live objects and clocks go back to the last committed offsets.
 * X4. A shard is handed over with everything it has done committed; a lost one is dropped with everything it has done uncommitted.
 */
import { assert } from '../base/assert.ts'
import { messageOf, MillraceError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { GroupIdentity } from '../client/types.ts'
import type { ShardId } from './assignor.ts'
import { commitAtLeastOnce, commitExactlyOnce } from './commit.ts'
import type { CommitResult } from './commit.ts'
import { deadLetterHeaders, taskFailure, taskFailureOutsideRecord, taskRefusal } from './failure.ts'
import type { ReadableTable } from './operators/operator.ts'
import { IdentityWatch } from './identity-watch.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { RecordFailure } from './shard.ts'
import type { FrozenShard } from './shard.ts'
import { ShardSeats } from './shard-seats.ts'
import type { Seat } from './shard-seats.ts'
import type { BadRecord, SourceHooks } from './source.ts'
import { TaskCounters } from './task-counters.ts'
import type { TaskContext } from './task-context.ts'
import { TaskProducer } from './task-producer.ts'
import { TimeSheet } from './task-times.ts'
import type { Doing } from './task-times.ts'
import type { TaskTimes } from './snapshot.ts'
import { TaskTargets } from './task-targets.ts'
import { RowsRejected } from '../topology/target.ts'

type Phase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'recovering' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'closed' }

const SLICE_RECORDS = 1_000
const SLICE_MS = 2
/** What no repetition can mend. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set(['INTERNAL', 'TOPOLOGY_INVALID', 'CONFIG_INVALID', 'DATA_DIR_VERSION', 'VERSION_UNSUPPORTED', 'TOPIC_MISMATCH', 'SERDE_FAILED', 'USER_CODE', 'DISK_FAILED'])
const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 5_000

export class TaskRunner implements SourceHooks {
  readonly context: TaskContext
  readonly counters: TaskCounters
  readonly #out: TaskProducer
  readonly #fetcher: Fetcher
  readonly #seats: ShardSeats
  readonly #targets: TaskTargets
  readonly #identity = new IdentityWatch()
  readonly #purge: RepartitionPurge
  /** Records that failed in processing and are left out when they come again: `topic/partition@offset` → why. */
  readonly #left = new Map<string, BadRecord>()
  readonly #globals: ReadonlyMap<string, ReadableTable>
  readonly #times = new TimeSheet()
  #phase: Phase = { kind: 'starting' }
  #chain: Promise<void> = Promise.resolve()
  #committing = false
  /** When the first thing happened that is not in a commit yet. */
  #dirtySince: number | undefined
  #commitStartedAt = -Infinity
  #commitNumber = 0
  readonly #commitPrefix: string

  constructor(context: TaskContext, globals: ReadonlyMap<string, ReadableTable>) {
    this.context = context
    this.#globals = globals
    this.counters = new TaskCounters(context.env)
    this.#commitPrefix = context.env.random.bytes(6).toString('hex')
    this.#out = new TaskProducer(context)
    this.#purge = new RepartitionPurge(context)
    this.#targets = new TaskTargets(context)
    this.#fetcher = new Fetcher(context.cluster, {
      isolation: 'read_committed', bytesInFlightMax: context.settings.fetchBytesMax, waitMsMax: context.settings.fetchWaitMs,
      onData: () => context.host.wake(),
      onError: (topic, partition, error) => this.#onFetchError(topic, partition, error),
    })
    this.#seats = new ShardSeats(context, this.#fetcher, {
      output: this.#out.output, counters: this.counters, hooks: this, targets: this.#targets,
      globalTable: name => {
        const table = this.#globals.get(name)
        assert(table !== undefined, `global table ${name} was not loaded`)
        return table
      },
    })
  }

  get phase(): Phase['kind'] {
    return this.#phase.kind
  }

  get seats(): ReadonlyMap<string, Seat> {
    return this.#seats.all
  }

  get recordsOut(): number {
    return this.#out.output.recordsSent + this.#targets.rowsDelivered
  }

  get fetcher(): Fetcher {
    return this.#fetcher
  }

  /** Everything taken has been committed, and nothing is under way. Says nothing of what has not been fetched yet. */
  get quiet(): boolean {
    return this.#phase.kind === 'failed' || (this.#phase.kind === 'running' && !this.#committing && !this.#seats.dirty && [...this.#seats.all.values()].every(seat => seat.phase === 'running'))
  }

  get skipping(): boolean {
    return this.#left.size > 0
  }

  async start(): Promise<void> {
    await this.#retrying('starting', async () => { await this.#out.renew() })
    if (this.#phase.kind === 'starting') this.#phase = { kind: 'running' }
    this.context.host.wake()
  }

  /** The member owns these shards from now on. Returns at once; they run when restored. */
  assign(shards: readonly ShardId[], identity: GroupIdentity): void {
    this.#identity.set(identity)
    for (const id of shards) {
      const seat = this.#seats.add(id)
      if (seat === undefined) continue
      seat.opening = this.#retrying(`opening shard ${seat.key}`, async () => { await this.#seats.open(seat) }, () => seat.phase !== 'opening')
    }
  }

  setIdentity(identity: GroupIdentity): void {
    this.#identity.set(identity)
  }

  /** The member leaves its group for good: `revoke` of all shards follows. */
  leaving(): void {
    this.#identity.end()
  }

  /** Commits what the shards have done and lets go of them. */
  async revoke(shards: readonly ShardId[]): Promise<void> {
    const leaving = this.#seats.mark(shards, 'closing')
    await this.#exclusive(async () => {
      if (this.#phase.kind === 'running' && this.#seats.dirty) await this.#commitNow()
      await this.#seats.close(leaving)
    })
  }

  /** The shards are gone already: forgets what they have done since the last commit. */
  async lost(shards: readonly ShardId[]): Promise<void> {
    const leaving = this.#seats.mark(shards, 'lost')
    this.#identity.interrupt()
    await this.#exclusive(async () => {
      if (this.#phase.kind === 'running' && leaving.some(seat => seat.shard?.dirty === true)) await this.#recover(new MillraceError('GROUP_ERROR', 'The group has thrown this member out; its work since the last commit is dropped.'))
      await this.#seats.close(leaving)
    })
  }

  /** Commits, then closes everything. */
  async close(): Promise<void> {
    await this.revoke([...this.#seats.all.values()].map(seat => seat.id))
    await this.#exclusive(async () => {
      if (this.#phase.kind !== 'failed') this.#phase = { kind: 'closed' }
      this.#identity.interrupt()
      this.#seats.end()
      await this.#fetcher.close()
      await this.#out.close()
      await this.#targets.close()
    })
  }

  /** Does a slice of work. `dueInMs`: when to come again if nothing wakes it before. */
  turn(): { readonly worked: boolean; readonly dueInMs: number } {
    const began = this.context.env.clock.monotonic()
    if (this.#phase.kind !== 'running') {
      this.#times.enter('idle', began)
      return { worked: false, dueInMs: Infinity }
    }
    let worked = false
    try {
      this.#seats.receive()
      const mayProcess = this.#mayProcess()
      if (mayProcess) worked = this.#slice()
      if (!worked) this.#seats.markIdle()
      this.#times.enter(worked ? 'busy' : this.#waitsFor(mayProcess), began)
      return { worked, dueInMs: Math.min(this.#commitIfDue(worked), this.#seats.wallClockDueInMs()) }
    } catch (error) {
      this.#onProcessingError(error)
      return { worked: false, dueInMs: Infinity }
    }
  }

  // ---------------------------------------------------------------- processing

  #mayProcess(): boolean {
    if (this.#committing && this.context.settings.guarantee === 'atLeastOnce') return false
    if (this.#committing && this.#seats.dirtyBytes > this.context.settings.dirtyBytesMax) return false
    if (this.#targets.full) return false
    if (!this.#out.full) return true
    this.#out.wakeWhenDrained()
    return false
  }

  #waitsFor(mayProcess: boolean): Doing {
    if (!mayProcess && this.#seats.next() !== undefined) return this.#out.full ? 'output' : 'commit'
    return this.#seats.awaitsFetch ? 'fetch' : 'idle'
  }

  times(): TaskTimes {
    return this.#times.totals(this.context.worker, this.context.env.clock.monotonic())
  }

  #slice(): boolean {
    const { clock } = this.context.env
    const fired = this.#seats.tick(clock.now())
    const shard = this.#seats.next()
    if (shard === undefined) {
      if (fired || this.#seats.moved) this.#dirtySince ??= clock.monotonic()
      return false
    }
    const began = clock.monotonic()
    this.#dirtySince ??= began
    shard.slice(SLICE_RECORDS, began + SLICE_MS, () => clock.monotonic())
    this.#seats.worked(shard, clock.monotonic() - began)
    return true
  }

  onBadRecord(record: BadRecord): void {
    this.counters.errors++
    const policy = this.context.plan.onError
    if (policy.kind === 'fail') throw new RecordFailure(record)
    this.#leaveOut(record)
  }

  onNegativeTime(topic: string): void {
    this.counters.dropped(topic, 'negativeTime')
  }

  skips(topic: string, partition: number, offset: number, record: () => BadRecord): boolean {
    const why = this.#left.get(`${topic}/${partition}@${offset}`)
    if (why === undefined) return false
    this.#leaveOut({ ...record(), error: why.error, stage: why.stage })
    return true
  }

  /** Skips the record or writes it to the dead-letter topic, in the transaction that commits its offset. */
  #leaveOut(record: BadRecord): void {
    const policy = this.context.plan.onError
    this.counters.lastError = messageOf(record.error)
    if (policy.kind === 'deadLetter') {
      this.#out.output.send(policy.topic, record.timestamp, record.key, record.value, deadLetterHeaders(this.context.plan.name, record))
      this.counters.deadLettered++
    } else this.counters.skipped++
  }

  #onProcessingError(error: unknown): void {
    const cause = error instanceof RecordFailure ? error.record.error : error
    if (isMendable(cause)) {
      this.#phase = { kind: 'recovering' }
      void this.#exclusive(() => this.#recover(cause))
      return
    }
    if (!(error instanceof RecordFailure)) return this.#fail(taskFailureOutsideRecord(this.context.plan.name, error, this.context.env.disk))
    const { record } = error
    if (this.context.plan.onError.kind === 'fail' || record.stage !== 'process') return this.#fail(taskFailure(this.context.plan.name, record, this.context.env.disk))
    this.counters.errors++
    this.#left.set(`${record.topic}/${record.partition}@${record.offset}`, { ...record, key: null, value: null })
    this.#phase = { kind: 'recovering' }
    void this.#exclusive(() => this.#recover(record.error))
  }

  #fail(error: unknown): void {
    if (this.#phase.kind === 'failed' || this.#phase.kind === 'closed') return
    this.#phase = { kind: 'failed', error }
    this.counters.lastError = messageOf(error)
    this.#identity.interrupt()
    void this.#exclusive(async () => {
      await this.#out.abandon()
      await this.#seats.close(this.#seats.mark([...this.#seats.all.values()].map(seat => seat.id), 'lost'))
    }).finally(() => this.context.host.failed(this.context.plan.name, error))
  }

  #onFetchError(topic: string, partition: number, error: Error): void {
    if (error instanceof MillraceError && error.detail['kafkaCode'] === 1) {
      this.counters.errors++
      this.counters.lastError = `${topic}/${partition}: the records to read next are no longer there`
      this.context.logger.error('records were deleted before they were read: going on at the first one that is left', { topic, partition })
      this.#seats.seek(topic, partition, 'earliest')
    } else this.#fail(error)
  }

  // ---------------------------------------------------------------- committing

  /** Starts a commit where one is due; returns how long until the next look, in milliseconds. */
  #commitIfDue(busy: boolean): number {
    if (this.#committing || this.#dirtySince === undefined) return Infinity
    const { settings, env } = this.context
    const drained = !busy && this.#seats.dirty && this.#seats.next() === undefined
    const dueInMs = (drained ? this.#commitStartedAt + settings.drainedCommitMs : this.#dirtySince + settings.commitIntervalMs) - env.clock.monotonic()
    if (dueInMs > 0 && this.#seats.dirtyBytes <= settings.dirtyBytesMax && !this.#out.full && !this.#targets.full) return dueInMs
    this.#committing = true
    void this.#exclusive(async () => {
      if (this.#phase.kind === 'running' && this.#seats.moved) await this.#commitNow()
    }).finally(() => {
      this.#committing = false
      this.context.host.wake()
    })
    return Infinity
  }

  async #commitNow(): Promise<void> {
    const startedAt = this.context.env.clock.monotonic()
    this.#commitStartedAt = startedAt
    const commitId = `${this.#commitPrefix}.${++this.#commitNumber}`
    let frozen: FrozenShard[]
    try {
      frozen = this.#seats.freeze(commitId, this.#out)
    } catch (error) {
      if (isMendable(error)) return await this.#recover(error)
      return this.#fail(taskFailureOutsideRecord(this.context.plan.name, error, this.context.env.disk))
    }
    this.#dirtySince = undefined
    const result = await this.#deliverAndTransact(frozen)
    if (result === undefined) return
    const refused = result.kind === 'failed' ? taskRefusal(this.context.plan.name, result.error) : undefined
    if (refused !== undefined) return this.#fail(refused)
    if (result.kind !== 'committed') return await this.#recover(result.error, result.kind === 'unknown' ? { commitId, frozen } : undefined)
    this.context.failpoints.reach('before-store-commit')
    this.#settle(frozen)
    this.counters.committed(this.context.env.clock.monotonic() - startedAt)
  }

  /** `undefined`: its rows were not delivered, and what follows from that is under way. */
  async #deliverAndTransact(frozen: readonly FrozenShard[]): Promise<CommitResult | undefined> {
    try {
      // Throws where the producer is fenced already: a failure like any other of a commit.
      const transact = this.#frozenCommit(frozen)
      if (this.#targets.any && !await this.#deliver(frozen)) return undefined
      return await transact()
    } catch (error) {
      return { kind: 'failed', error }
    }
  }

  /** Everything of the commit is in its targets before its offsets are committed (TG2). False: it was not, and what follows from that is under way. */
  async #deliver(frozen: readonly FrozenShard[]): Promise<boolean> {
    try {
      await this.#targets.deliver(this.#targets.freeze(frozen))
      return true
    } catch (error) {
      const { plan, env } = this.context
      if (error instanceof RowsRejected) {
        const records = refusedRecords(error)
        this.counters.errors += records.length
        const [first] = records
        assert(first !== undefined, 'rows are refused, but none is named')
        if (plan.onError.kind === 'fail') this.#fail(taskFailure(plan.name, first, env.disk))
        else {
          for (const record of records) this.#left.set(`${record.topic}/${record.partition}@${record.offset}`, { ...record, key: null })
          await this.#recover(first.error)
        }
      } else if (isMendable(error)) await this.#recover(error)
      else this.#fail(error)
      return false
    }
  }

  /** Cuts the commit off from what comes next, at once: records that are processed while its rows are delivered belong to the next transaction. */
  #frozenCommit(frozen: readonly FrozenShard[]): () => Promise<CommitResult> {
    const offsets = frozen.flatMap(one => one.offsets)
    const identity = this.#identity.current()
    const { failpoints, settings, host, plan } = this.context
    if (settings.guarantee === 'exactlyOnce') {
      const transaction = this.#out.freeze()
      return () => commitExactlyOnce({ transaction, offsets, identity, failpoints, identityAfter: stale => this.#identity.after(stale, this.context) })
    }
    return () => commitAtLeastOnce({ flush: () => this.#out.flush(), commitOffsets: () => host.commitOffsets(plan.name, offsets, identity), failpoints })
  }

  #settle(frozen: readonly FrozenShard[]): void {
    this.#seats.committed(frozen, this.#out)
    this.#purge.committed(frozen.flatMap(one => one.offsets))
    if (this.#left.size === 0) return
    for (const { offsets } of frozen) {
      for (const entry of offsets) {
        for (const [key, record] of this.#left) if (record.topic === entry.topic && record.partition === entry.partition && record.offset < entry.offset) this.#left.delete(key)
      }
    }
  }

  /** X3. With `undecided`, finds out first whether that commit has landed. Never rejects. */
  async #recover(cause: unknown, undecided?: { readonly commitId: string; readonly frozen: readonly FrozenShard[] }): Promise<void> {
    if (this.#phase.kind === 'closed' || this.#phase.kind === 'failed') return
    this.#phase = { kind: 'recovering' }
    this.counters.lastError = messageOf(cause)
    this.context.logger.warn('going back to the last commit', { task: this.context.plan.name, cause: messageOf(cause), undecided: undecided !== undefined })
    let open = undecided
    await this.#retrying('going back to the last commit', async () => {
      await this.#out.renew()
      const committed = await this.#seats.fetchCommitted()
      if (open !== undefined && committed.some(entry => entry.metadata.includes(`;${open?.commitId};`))) this.#settle(open.frozen)
      open = undefined
      await this.#seats.rewind(committed)
    })
    this.#dirtySince = undefined
    if (this.#isRecovering()) this.#phase = { kind: 'running' }
    this.context.host.wake()
  }

  #isRecovering(): boolean {
    return this.#phase.kind === 'recovering'
  }

  // ---------------------------------------------------------------- order

  /** Runs `work` after everything that was given before (X1). A rejection is a failure of the task. */
  #exclusive(work: () => Promise<void>): Promise<void> {
    const next = this.#chain.then(work).catch((error: unknown) => this.#fail(error))
    this.#chain = next
    return next
  }

  /** Repeats `work` with backoff until it succeeds, or the task is over; what no repetition can mend fails the task. */
  async #retrying(what: string, work: () => Promise<void>, pointless: () => boolean = () => false): Promise<void> {
    for (let attempt = 0; this.#phase.kind !== 'closed' && this.#phase.kind !== 'failed' && !pointless(); attempt++) {
      try {
        return await work()
      } catch (error) {
        if (pointless()) return
        if (!(error instanceof MillraceError) || HOPELESS.has(error.code)) return this.#fail(error)
        const pauseMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** attempt) * (0.5 + this.context.env.random.next() / 2)
        this.counters.lastError = messageOf(error)
        this.context.logger.warn(`${what}: trying again`, { task: this.context.plan.name, problem: messageOf(error), pauseMs: Math.round(pauseMs) })
        await this.context.env.clock.sleep(pauseMs)
      }
    }
  }
}

/** The records behind refused rows, as far as the rows tell; dead letters get the rest of them when they are read again. */
function refusedRecords({ rejected }: RowsRejected): BadRecord[] {
  return rejected.map(({ row, error }): BadRecord => ({
    topic: row.topic, partition: row.partition, offset: row.offset, timestamp: row.time, stage: 'deliver', error,
    key: row.key === undefined ? null : Buffer.from(typeof row.key === 'string' ? row.key : JSON.stringify(row.key) ?? ''), value: null, headers: () => [],
  }))
}

const MENDABLE: ReadonlySet<string> = new Set<ErrorCode>(['FENCED', 'TXN_ABORTABLE', 'BROKER_ERROR', 'GROUP_ERROR', 'TIMEOUT', 'CONNECTION_FAILED', 'CONNECTION_CLOSED', 'STORE_CORRUPT'])

/** Not the fault of the record at hand: the producer or the store under it has failed, and going back to the last commit mends it. */
function isMendable(error: unknown): boolean {
  return error instanceof MillraceError && MENDABLE.has(error.code)
}
