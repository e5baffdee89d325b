/**
 * One partition's log: appends, reads, offsets, and the maintenance of its segments.
 *
 * ```
 *  0 ┄┄ logStartOffset ──── lastStableOffset ──── highWatermark ──── logEndOffset
 *       (trimmed below)     (committed readers)   (all readers)      (next append)
 * ```
 * L1. `logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset`; none of them goes back.
 * L2. Under `sync` the high watermark is what is durable, so that no reader sees what a power cut could take back; under
 *     `interval` and `os` it is the log's end.
 * L3. An append is synchronous: checked, its offsets and epoch patched in place, written with one call, and noted. The
 *     Buffer belongs to the log from then on (the tail cache keeps it, and holds its block where it is in one).
 * L4. A failed write leaves the log as it was: a full disk is refused with KAFKA_STORAGE_ERROR (retriable) after the file was
 *     cut back; any other error takes the disk out of service.
 * L5. Maintenance (retention, compaction, trim's deletions) runs one at a time per partition.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import { writeFile } from '../env/whole-file.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'
import { setBaseOffset, setLeaderEpoch } from '../wire/record-batch.ts'
import type { BatchView } from '../wire/record-batch.ts'
import { checkBatches } from './batch-checks.ts'
import { DERIVED_SUFFIXES, EPOCHS_FILE, fileName, join, LOG_SUFFIX, parseFileName, PRODUCERS_SUFFIX, SNAPSHOT_SUFFIX, syncFile, unlinkIfExists, writeDurable } from './files.ts'
import type { Flusher, FlushTarget, FlushWork } from './flusher.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { abortedWithin, endOffsetOf, readBatches } from './log-read.ts'
import type { MemoryBlocks } from './memory-blocks.ts'
import { encodeKafkaSnapshot, encodeProducers } from './producer-snapshot.ts'
import type { ProducerStates } from './producer-state.ts'
import type { RecoveredLog } from './recovery.ts'
import { Segment } from './segment.ts'
import { TailCache } from './tail-cache.ts'
import type { TailBudget } from './tail-cache.ts'
import { findMaxTimestamp, findOffsetForTimestamp } from './timestamps.ts'
import type { AppendOptions, AppendResult, Isolation, LogConfig, PartitionId, ProducerDescription, ReadOptions, ReadResult, RecoveryReport, TimestampedOffset } from './types.ts'

/** What the manager lends to each of its partitions. */
export interface LogContext {
  readonly env: Env
  readonly flusher: Flusher
  readonly tailBudget: TailBudget
  readonly blocks: MemoryBlocks
  readonly logger: Logger
  /** Throws KAFKA_STORAGE_ERROR where a client's append must be refused to keep the reserve. */
  checkReserve(bytes: number): void
  /** Resolves when the partition's log start offset is on disk. */
  saveLogStart(): Promise<void>
  /** Everything below `offset` is durable. */
  noteDurable(log: PartitionLog, offset: number): void
}

/** Snapshots kept: those at the bases of the newest segments, and one at the end after a clean stop. */
const SNAPSHOTS_KEPT = 3
const RELATIVE_OFFSET_MAX = 0x7fff_ffff

interface Waiter {
  readonly offset: number
  readonly resolve: () => void
  readonly reject: (error: MillraceError) => void
}

export class PartitionLog implements FlushTarget {
  readonly id: PartitionId
  readonly directory: string
  readonly recovery: RecoveryReport
  readonly context: LogContext
  config: LogConfig
  /** Everything below it has been through compaction at least once; 0 after a restart, where it is found out again. */
  cleanedOffset = 0
  /** @internal Ascending, at least one, the last active; compaction and retention replace the array's contents. */
  readonly segments: Segment[]
  /** @internal */
  readonly producerStates: ProducerStates
  readonly #epochs: LeaderEpochs
  readonly #tail: TailCache
  #logStartOffset: number
  #logEndOffset: number
  #durableOffset: number
  #stableOffset: number
  #dirty = new Set<Segment>()
  #directoryDirty = false
  /** Offsets of snapshots that are written and not synced, and of the newest that is. */
  #snapshotsUnsynced: number[] = []
  #snapshotSynced = -1
  #waiters: Waiter[] = []
  #listeners = new Set<() => void>()
  #maintenance: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'closed' = 'open'
  #abandoned = false

  constructor(id: PartitionId, directory: string, config: LogConfig, recovered: RecoveredLog, context: LogContext) {
    this.id = id
    this.directory = directory
    this.config = config
    this.context = context
    this.recovery = recovered.report
    this.segments = recovered.segments
    this.producerStates = recovered.producers
    this.#epochs = recovered.epochs
    this.#tail = new TailCache(context.tailBudget)
    this.#logStartOffset = recovered.logStartOffset
    this.#logEndOffset = recovered.logEndOffset
    this.#durableOffset = recovered.logEndOffset
    // Recovery has synced all it found: completed transactions below the end are stable.
    this.producerStates.highWatermarkMoved(recovered.logEndOffset)
    this.#stableOffset = this.#computeStable()
    context.flusher.add(this)
  }

  get logStartOffset(): number { return this.#logStartOffset }
  get logEndOffset(): number { return this.#logEndOffset }
  get highWatermark(): number { return this.context.flusher.durability.kind === 'sync' ? this.#durableOffset : this.#logEndOffset }
  get lastStableOffset(): number { return this.#stableOffset }
  /** Everything below it has been synced, whatever the policy. */
  get durableOffset(): number { return this.#durableOffset }
  get leaderEpoch(): number { return this.#epochs.latest?.epoch ?? 0 }
  get sizeBytes(): number { return this.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0) }

  /**
   * Appends whole batches and gives their offsets; they are durable once `flushed(lastOffset + 1)` resolves.
   * Throws Kafka's error where they may not be appended; then nothing was.
   */
  append(batches: Buffer, options: AppendOptions): AppendResult {
    this.#refuseUnlessOpen()
    const { context, config } = this
    if (options.origin === 'client') context.checkReserve(batches.length)
    const nowMs = context.env.clock.now()
    const views = checkBatches(batches, config, { origin: options.origin, nowMs, decompression: options.decompression })
    for (const view of views) {
      const duplicate = this.#checkProducer(view, options)
      if (duplicate !== undefined) return duplicate
    }
    if (this.#mustRoll(batches.length, views, nowMs)) this.#roll(nowMs)
    const baseOffset = this.#logEndOffset
    let offset = baseOffset
    for (const view of views) {
      setBaseOffset(batches, view.start, offset)
      setLeaderEpoch(batches, view.start, this.leaderEpoch)
      offset += view.lastOffsetDelta + 1
    }
    const active = this.#active()
    try {
      active.write(batches, views)
    } catch (error) {
      throw this.#writeFailed(error, active)
    }
    for (const view of views) this.#note(active, view, nowMs)
    this.#logEndOffset = offset
    this.#tail.add({ baseOffset, nextOffset: offset, bytes: batches }, options.companions)
    this.#dirty.add(active)
    context.flusher.markDirty(this, batches.length, options)
    if (context.flusher.durability.kind !== 'sync') this.#advance()
    return { baseOffset, lastOffset: offset - 1, appendTimeMs: config.timestampType === 'LogAppendTime' ? nowMs : -1, duplicate: false }
  }

  /** Resolves once everything below `offsetNext` is as durable as the policy says; rejects if the disk failed. */
  flushed(offsetNext: number): Promise<void> {
    const { flusher } = this.context
    if (flusher.failure !== undefined) return Promise.reject(flusher.failure)
    if (flusher.durability.kind !== 'sync' || this.#durableOffset >= offsetNext) return Promise.resolve()
    return new Promise((resolve, reject) => void this.#waiters.push({ offset: offsetNext, resolve, reject }))
  }

  /** Whole batches from `options.offset` on. OFFSET_OUT_OF_RANGE outside of `[logStartOffset, logEndOffset]`. */
  read(options: ReadOptions): ReadResult {
    const { offset, isolation } = options
    if (offset < this.#logStartOffset || offset > this.#logEndOffset) {
      throw this.refusal('OFFSET_OUT_OF_RANGE', `offset ${offset} is outside of [${this.#logStartOffset}, ${this.#logEndOffset}]`)
    }
    const { highWatermark } = this
    const bound = isolation === 'committed' ? this.#stableOffset : highWatermark
    const records = readBatches(this.segments, this.#tail, this.context.blocks, { offset, bound, bytesMax: options.bytesMax, minOneBatch: options.minOneBatch })
    return {
      records,
      highWatermark,
      lastStableOffset: this.#stableOffset,
      logStartOffset: this.#logStartOffset,
      abortedTransactions: isolation === 'committed' ? abortedWithin(this.segments, offset, endOffsetOf(records) ?? offset) : null,
    }
  }

  /** The first record at or after `timestamp` that a reader of `isolation` may see. */
  offsetForTimestamp(timestamp: number, isolation: Isolation = 'uncommitted'): TimestampedOffset | undefined {
    return findOffsetForTimestamp(this.segments, timestamp, this.#logStartOffset, isolation === 'committed' ? this.#stableOffset : this.highWatermark)
  }

  /** The first record with the highest timestamp. */
  maxTimestampOffset(isolation: Isolation = 'uncommitted'): TimestampedOffset | undefined {
    return findMaxTimestamp(this.segments, this.#logStartOffset, isolation === 'committed' ? this.#stableOffset : this.highWatermark)
  }

  /** OffsetForLeaderEpoch: `{ -1, -1 }` where `epoch` is above the current one. */
  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } {
    return this.#epochs.endOffsetFor(epoch, this.highWatermark)
  }

  epochOf(offset: number): number {
    return this.#epochs.epochOf(offset)
  }

  producers(): ProducerDescription[] {
    return this.producerStates.describe()
  }

  /** DeleteRecords: nothing below `offset` is readable from now on; resolves when that is durable. -1 means the high watermark. */
  trimTo(offset: number): Promise<void> {
    this.#refuseUnlessOpen()
    const to = offset === -1 ? this.highWatermark : offset
    if (to < 0 || to > this.highWatermark) throw this.refusal('OFFSET_OUT_OF_RANGE', `cannot delete below ${to}, the high watermark is ${this.highWatermark}`)
    if (to <= this.#logStartOffset) return Promise.resolve()
    this.#raiseLogStart(to)
    return this.exclusively(async () => {
      await this.context.saveLogStart()
      await this.syncSnapshots()
      this.dropSegmentsBelowStart()
    })
  }

  /** Calls `listener` whenever the high watermark or the last stable offset has moved; the return value ends that. */
  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  applyConfig(config: LogConfig): void {
    this.config = config
  }

  /** Runs maintenance when no other is running (L5). */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#maintenance.then(work)
    this.#maintenance = result.catch(() => undefined)
    return result
  }

  /** @internal Raises the log's start, in memory; the caller saves it before deleting files. */
  #raiseLogStart(offset: number): void {
    this.#logStartOffset = offset
    if (this.#epochs.truncateStart(offset)) this.#saveEpochs()
    this.#advance()
  }

  /** @internal Retention: raises the start to `offset`, saves that, drops the segments below. */
  async retainFrom(offset: number): Promise<void> {
    if (offset <= this.#logStartOffset) return
    this.#raiseLogStart(Math.min(offset, this.highWatermark))
    await this.context.saveLogStart()
    await this.syncSnapshots()
    this.dropSegmentsBelowStart()
  }

  /** @internal To be awaited before records go: what is known of their producers must not go with them. */
  async syncSnapshots(): Promise<void> {
    const { disk } = this.context.env
    const offsets = this.#snapshotsUnsynced
    if (offsets.length === 0) return
    this.#snapshotsUnsynced = []
    for (const offset of offsets) for (const suffix of [SNAPSHOT_SUFFIX, PRODUCERS_SUFFIX]) await syncFile(disk, join(this.directory, fileName(offset, suffix)))
    await disk.syncDirectory(this.directory)
    this.#snapshotSynced = Math.max(this.#snapshotSynced, ...offsets)
  }

  /** @internal */
  dropSegmentsBelowStart(): void {
    while (this.segments.length > 1) {
      const [segment, next] = this.segments
      if (segment === undefined || next === undefined || next.baseOffset > this.#logStartOffset) return
      this.segments.shift()
      this.discard(segment)
    }
  }

  /** @internal Closes a segment that is in `segments` no more, and removes its files (`keepFiles`: they were renamed away). */
  discard(segment: Segment, options: { readonly keepFiles?: boolean } = {}): void {
    this.#dirty.delete(segment)
    if (options.keepFiles !== true) {
      for (const suffix of [LOG_SUFFIX, ...DERIVED_SUFFIXES]) unlinkIfExists(this.context.env.disk, segment.pathOf(suffix))
    }
    this.context.flusher.whenIdle(() => segment.close())
  }

  /** @internal Compaction has put `cleaned` in the place of `group`, on disk. */
  replaceSegments(group: readonly Segment[], cleaned: Segment): void {
    const at = this.segments.findIndex(segment => segment === group[0])
    this.segments.splice(at, group.length, cleaned)
    for (const segment of group) this.discard(segment, { keepFiles: true })
    // The cache must not outlive the index: an aborted record would be served after its entry is gone.
    this.#tail.dropBelow(group.at(-1)?.nextOffset ?? cleaned.nextOffset)
  }

  /** Begins a new segment, unless the active one is empty. */
  roll(): void {
    this.#refuseUnlessOpen()
    if (this.#active().sizeBytes > 0) this.#roll(this.context.env.clock.now())
  }

  beginFlush(): FlushWork | undefined {
    if (this.#dirty.size === 0 && !this.#directoryDirty) return undefined
    const files = [...this.#dirty].map(segment => segment.file)
    const directories = this.#directoryDirty ? [this.directory] : []
    const durableTo = this.#logEndOffset
    this.#dirty = new Set()
    this.#directoryDirty = false
    return { files, directories, done: () => this.#durable(durableTo) }
  }

  failFlush(error: MillraceError): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }

  /** Flushes everything; a clean stop. Indexes and a producer snapshot at the log's end are written. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.#maintenance
    this.#state = 'closed'
    const { flusher } = this.context
    if (flusher.failure === undefined) {
      await flusher.flushNow()
      this.#sealActive()
      this.#snapshot(this.#logEndOffset)
    }
    this.abandon()
  }

  /** Lets go of the files without writing anything: the partition is being deleted, or the disk has failed. */
  abandon(): void {
    if (this.#abandoned) return
    this.#abandoned = true
    this.#state = 'closed'
    this.context.flusher.remove(this)
    this.#tail.clear()
    this.failFlush(this.refusal('NOT_LEADER_OR_FOLLOWER', 'the partition was closed'))
    const segments = this.segments.slice()
    this.context.flusher.whenIdle(() => {
      for (const segment of segments) segment.close()
    })
  }

  /** A Kafka error with the partition's name. */
  refusal(name: KafkaErrorName, context: string): MillraceError {
    return kafkaError(errorCode(name), `${this.id.topic}-${this.id.partition}: ${context}`, { topic: this.id.topic, partition: this.id.partition })
  }

  #checkProducer(view: BatchView, options: AppendOptions): AppendResult | undefined {
    const { producerId, producerEpoch } = view
    if (producerId === -1) return undefined
    const verdict = this.producerStates.check(view, { origin: options.origin, transactionVersion: options.transactionVersion ?? 1 })
    if (verdict.kind === 'duplicate') {
      return { baseOffset: verdict.baseOffset, lastOffset: verdict.lastOffset, appendTimeMs: verdict.timestamp, duplicate: true }
    }
    const refused = verdict.opensTransaction ? options.verifyTransaction?.({ producerId, producerEpoch }) : undefined
    // The coordinator names errors of the same table; a wrong name is its bug and answered as such by errorCode.
    if (refused !== undefined) throw this.refusal(refused as KafkaErrorName, `producer ${producerId} may not write here in a transaction`)
    return undefined
  }

  #note(segment: Segment, view: BatchView, nowMs: number): void {
    segment.note({ sizeBytes: view.sizeBytes, lastOffset: view.lastOffset, maxTimestamp: view.maxTimestamp })
    if (view.producerId === -1) return
    const completed = this.producerStates.apply(view, nowMs)
    if (completed?.aborted === true) {
      segment.aborted.push({ producerId: completed.producerId, firstOffset: completed.firstOffset, lastOffset: completed.lastOffset, lastStableOffset: this.producerStates.stableOffsetAfter(completed) })
    }
  }

  #active(): Segment {
    const active = this.segments.at(-1)
    if (active === undefined) throw this.refusal('KAFKA_STORAGE_ERROR', 'the log has no segment')
    return active
  }

  #mustRoll(bytes: number, views: readonly BatchView[], nowMs: number): boolean {
    const active = this.#active()
    if (active.sizeBytes === 0) return false
    if (active.sizeBytes + bytes > Math.min(this.config.segmentBytes, RELATIVE_OFFSET_MAX)) return true
    const offsets = views.reduce((sum, view) => sum + view.lastOffsetDelta + 1, 0)
    if (this.#logEndOffset + offsets - active.baseOffset > RELATIVE_OFFSET_MAX) return true
    // Kafka's rule: by record time where there is one, so that replayed old data is segmented by its own time.
    const first = active.firstTimestamp ?? -1
    const waitedMs = first >= 0 ? views.reduce((max, view) => Math.max(max, view.maxTimestamp), -1) - first : nowMs - active.createdMs
    return waitedMs > this.config.segmentMs
  }

  #roll(nowMs: number): void {
    const { env, logger } = this.context
    const baseOffset = this.#logEndOffset
    let next: Segment
    try {
      next = new Segment(env.disk, this.directory, baseOffset, { create: true, createdMs: nowMs, indexIntervalBytes: this.config.indexIntervalBytes })
    } catch (error) {
      throw this.#writeFailed(error, this.#active())
    }
    try {
      this.#sealActive()
      this.#snapshot(baseOffset)
    } catch (error) {
      if (!isSystemError(error)) throw error
      // All of it is derived: a restart makes it again from the log.
      logger.warn('could not write a finished segment\'s indexes', { topic: this.id.topic, partition: this.id.partition, reason: messageOf(error) })
    }
    this.segments.push(next)
    this.#dirty.add(next)
    this.#directoryDirty = true
  }

  #sealActive(): void {
    const active = this.#active()
    if (active.sizeBytes > 0) active.seal()
  }

  /** Writes the producers as of `offset`, and drops all but the newest few snapshots. */
  #snapshot(offset: number): void {
    const { disk } = this.context.env
    const entries = [...this.producerStates.entries()]
    writeFile(disk, join(this.directory, fileName(offset, SNAPSHOT_SUFFIX)), encodeKafkaSnapshot(entries))
    writeFile(disk, join(this.directory, fileName(offset, PRODUCERS_SUFFIX)), encodeProducers(entries))
    const snapshots = disk.list(this.directory).flatMap(name => {
      const parsed = parseFileName(name)
      return parsed?.suffix === SNAPSHOT_SUFFIX || parsed?.suffix === PRODUCERS_SUFFIX ? [parsed.offset] : []
    })
    this.#snapshotsUnsynced.push(offset)
    // The newest that was synced stays too: a power cut may take all that are newer.
    const kept = new Set([...[...new Set(snapshots)].sort((a, b) => b - a).slice(0, SNAPSHOTS_KEPT), this.#snapshotSynced])
    for (const old of new Set(snapshots)) {
      if (!kept.has(old)) for (const suffix of [SNAPSHOT_SUFFIX, PRODUCERS_SUFFIX]) unlinkIfExists(disk, join(this.directory, fileName(old, suffix)))
    }
  }

  #saveEpochs(): void {
    writeDurable(this.context.env.disk, this.directory, EPOCHS_FILE, this.#epochs.encode())
      .catch((error: unknown) => this.context.logger.warn('could not save leader epochs', { topic: this.id.topic, partition: this.id.partition, reason: messageOf(error) }))
  }

  #durable(offset: number): void {
    if (offset > this.#durableOffset) {
      this.#durableOffset = offset
      this.context.noteDurable(this, offset)
    }
    const ready = this.#waiters.filter(waiter => waiter.offset <= this.#durableOffset)
    if (ready.length > 0) this.#waiters = this.#waiters.filter(waiter => waiter.offset > this.#durableOffset)
    this.#advance()
    for (const waiter of ready) waiter.resolve()
  }

  #computeStable(): number {
    const { highWatermark } = this
    return Math.max(this.#logStartOffset, Math.min(highWatermark, this.producerStates.firstUnstableOffset() ?? highWatermark))
  }

  /** The high watermark, the start or the transactions may have moved: recomputes the last stable offset and tells listeners. */
  #advance(): void {
    this.producerStates.highWatermarkMoved(this.highWatermark)
    this.#stableOffset = Math.max(this.#stableOffset, this.#computeStable())
    for (const listener of this.#listeners) listener()
  }

  #refuseUnlessOpen(): void {
    const { failure } = this.context.flusher
    if (failure !== undefined) throw this.refusal('KAFKA_STORAGE_ERROR', failure.message)
    if (this.#state !== 'open') throw this.refusal('NOT_LEADER_OR_FOLLOWER', 'the partition is closed')
  }

  /** L4: a full disk leaves the log as it was; anything else ends its service. */
  #writeFailed(error: unknown, active: Segment): unknown {
    if (!isSystemError(error)) return error
    const { flusher } = this.context
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return this.refusal('KAFKA_STORAGE_ERROR', flusher.fail(error).message)
    try {
      active.truncateFile(active.sizeBytes)
    } catch (truncateError) {
      return this.refusal('KAFKA_STORAGE_ERROR', flusher.fail(truncateError).message)
    }
    return this.refusal('KAFKA_STORAGE_ERROR', 'the disk is full; nothing was appended. Free space, and the producer may go on')
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && !(error instanceof MillraceError)
}
