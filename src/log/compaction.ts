/**
 * Compaction: of each key the newest record stays, of each transaction what is decided, and no offset ever moves.
 *
 * ```
 *   0 ───── cleaned before ───── cleanedOffset ─── dirty, finished segments ─── end ─── not yet: active, unstable, too young
 *   pass 1 reads [cleanedOffset, end): key → newest offset
 *   pass 2 rewrites every segment in [0, end): groups of neighbours become one segment (segment-swap.ts)
 * ```
 * U1. Never the active segment, never at or above the last stable offset, never younger than `min.compaction.lag.ms`; and never
 *     what is not synced, whatever the policy: a record must not go because of a newer one that a power cut takes back.
 * U2. A record goes if a newer one of its key exists below `end`, or if it was aborted. A tombstone that is the newest of its
 *     key goes once its delete horizon has passed; the horizon is stamped at the first clean that keeps it, and never again.
 * U3. A transaction marker stays while a record of its transaction was met in this round, and then until its horizon passed.
 * U4. The last batch of each active producer, or its last marker where it has no batch, stays, empty if need be; so does the
 *     last batch of the round and of each segment written: a segment ends where the next begins, always, so that recovery may
 *     take a hole for damage.
 * U5. An aborted transaction stands in the new index exactly while its marker must be heeded: while records of it were met.
 */
import type { AbortedEntry } from './indexes.ts'
import { endTxnMarkerOf } from '../wire/batch-builder.ts'
import { codecPending } from '../wire/compression.ts'
import { RecordCursor } from '../wire/record-batch.ts'
import type { BatchView } from '../wire/record-batch.ts'
import { emptyBatch, filterBatch } from './batch-filter.ts'
import { compactsBelow } from './compacted-below.ts'
import { join, LOG_SUFFIX, fileName, unlinkIfExists } from './files.ts'
import type { PartitionLog } from './partition-log.ts'
import { CLEANED_SUFFIX, swapIn } from './segment-swap.ts'
import { Segment } from './segment.ts'

export interface CompactionOptions {
  readonly nowMs: number
  /** Clean whatever is dirty, below the dirty ratio too, and also where only tombstones may be due. */
  readonly force: boolean
  /** Bytes of keys that pass 1 may hold; beyond, the round ends earlier. Default 64 MiB. */
  readonly keyBytesMax?: number | undefined
}

export interface CompactionResult {
  readonly endOffset: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly recordsDropped: number
}

const KEY_OVERHEAD_BYTES = 64
/** Bytes rewritten between two turns given to others. */
const YIELD_BYTES = 4 * 1024 * 1024

/** Cleans one round; `undefined` where there was nothing to do. */
export function compact(log: PartitionLog, options: CompactionOptions): Promise<CompactionResult | undefined> {
  return log.exclusively(() => new Compaction(log, options).run())
}

class Compaction {
  readonly #log: PartitionLog
  readonly #options: CompactionOptions
  readonly #cursor = new RecordCursor()
  readonly #newest = new Map<string, number>()
  #recordsDropped = 0
  #bytesSinceYield = 0

  constructor(log: PartitionLog, options: CompactionOptions) {
    this.#log = log
    this.#options = options
  }

  async run(): Promise<CompactionResult | undefined> {
    const log = this.#log
    if (log.durableOffset < log.logEndOffset) await log.context.flusher.flushNow()
    const cleanable = cleanableSegments(log, this.#options.nowMs)
    const dirty = cleanable.filter(segment => segment.nextOffset > log.cleanedOffset)
    if (cleanable.length === 0 || !isDue(log, cleanable, dirty, this.#options)) return undefined
    const endOffset = await this.#collectKeys(dirty) ?? cleanable.at(-1)?.nextOffset ?? 0
    const segments = cleanable.filter(segment => segment.baseOffset < endOffset)
    const bytesBefore = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
    const rewrittenBelow = segments.at(-1)?.nextOffset ?? 0
    const transactions = new TransactionWalk(abortedBelow(log, rewrittenBelow))
    await log.syncSnapshots()
    await compactsBelow(log.context.env.disk, log.directory, rewrittenBelow)
    let bytesAfter = 0
    for (const group of groupSegments(segments, log.config.segmentBytes)) bytesAfter += await this.#cleanGroup(group, transactions, endOffset)
    log.cleanedOffset = Math.max(log.cleanedOffset, endOffset)
    return { endOffset, bytesBefore, bytesAfter, recordsDropped: this.#recordsDropped }
  }

  /** Pass 1; gives the offset up to which keys are known. */
  async #collectKeys(dirty: readonly Segment[]): Promise<number | undefined> {
    const keyBytesMax = this.#options.keyBytesMax ?? 64 * 1024 * 1024
    const transactions = new TransactionWalk(abortedBelow(this.#log, dirty.at(-1)?.nextOffset ?? 0))
    const cursor = this.#cursor
    let keyBytes = 0
    let endOffset: number | undefined
    for (const segment of dirty) {
      for (const place of segment.places()) {
        const batch = segment.readBatch(place)
        await this.#maybeYield(place.sizeBytes)
        const codec = codecPending(batch.codec)
        if (codec !== undefined) await codec
        if (batch.isControl) transactions.onMarker(batch)
        else if (!transactions.isAborted(batch) && batch.recordCount > 0) {
          batch.records(cursor)
          while (cursor.next()) {
            if (cursor.keyStart < 0) continue
            const key = cursor.buffer.toString('latin1', cursor.keyStart, cursor.keyEnd)
            if (!this.#newest.has(key)) keyBytes += key.length + KEY_OVERHEAD_BYTES
            this.#newest.set(key, cursor.offset)
          }
        }
        endOffset = place.lastOffset + 1
        if (keyBytes > keyBytesMax) return endOffset
      }
    }
    return endOffset === undefined ? undefined : dirty.at(-1)?.nextOffset
  }

  /** Pass 2 for one group: writes its successor and swaps it in; gives the successor's size. */
  async #cleanGroup(group: readonly Segment[], transactions: TransactionWalk, endOffset: number): Promise<number> {
    const log = this.#log
    const { disk, clock } = log.context.env
    const [first] = group
    const last = group.at(-1)
    if (first === undefined || last === undefined) return 0
    unlinkIfExists(disk, join(log.directory, fileName(first.baseOffset, LOG_SUFFIX) + CLEANED_SUFFIX))
    const cleaned = new Segment(disk, log.directory, first.baseOffset, { create: true, createdMs: clock.now(), indexIntervalBytes: log.config.indexIntervalBytes, suffix: CLEANED_SUFFIX })
    for (const segment of group) {
      for (const place of segment.places()) {
        const batch = segment.readBatch(place)
        await this.#maybeYield(place.sizeBytes)
        const codec = codecPending(batch.codec)
        if (codec !== undefined) await codec
        const isLastOfGroup = place.lastOffset + 1 === last.nextOffset
        const bytes = this.#cleanBatch(batch, transactions, { endOffset, cleaned, isLastOfGroup })
        if (bytes === undefined) continue
        cleaned.write(bytes)
        cleaned.note({ sizeBytes: bytes.length, lastOffset: batch.lastOffset, maxTimestamp: bytes.readInt32BE(57) === 0 ? -1 : Number(bytes.readBigInt64BE(35)) })
      }
    }
    await cleaned.file.datasync()
    await swapIn(disk, log.directory, first.baseOffset, last.baseOffset + 1)
    cleaned.seal()
    log.replaceSegments(group, cleaned)
    return cleaned.sizeBytes
  }

  /** What is left of one batch; `undefined` where nothing is. */
  #cleanBatch(batch: BatchView, transactions: TransactionWalk, round: { readonly endOffset: number; readonly cleaned: Segment; readonly isLastOfGroup: boolean }): Buffer | undefined {
    const { nowMs } = this.#options
    const { endOffset, cleaned } = round
    const original = (): Buffer => batch.buffer.subarray(batch.start, batch.end)
    const horizonPassed = batch.hasDeleteHorizon && batch.baseTimestamp <= nowMs
    let discards: boolean
    let stampAlways = false
    if (batch.isControl) {
      const { canDiscard, aborted } = transactions.onMarker(batch)
      if (aborted !== undefined) cleaned.aborted.push(aborted)
      discards = canDiscard && (horizonPassed || batch.recordCount === 0)
      stampAlways = canDiscard
    } else discards = transactions.isAborted(batch)
    const mustStay = this.#isLastOfProducer(batch) || round.isLastOfGroup || batch.lastOffset + 1 === endOffset
    if (batch.recordCount === 0) return mustStay ? original() : undefined
    if (discards) {
      this.#recordsDropped += batch.recordCount
      return mustStay ? emptyBatch(batch) : undefined
    }
    const isOpenEnded = batch.baseOffset >= endOffset
    const result = filterBatch(batch, this.#cursor, {
      keep: record => batch.isControl || isOpenEnded || this.#isKept(record, horizonPassed),
      isTombstone: record => !batch.isControl && record.valueStart < 0,
      deleteHorizonMs: nowMs + this.#log.config.deleteRetentionMs,
      stampAlways,
    })
    this.#recordsDropped += result.recordsDropped
    return result.batch ?? (mustStay ? emptyBatch(batch) : undefined)
  }

  #isKept(record: RecordCursor, horizonPassed: boolean): boolean {
    // Without a key there is nothing to compact by; such records may stand here from before the topic was compacted.
    if (record.keyStart < 0) return false
    const newest = this.#newest.get(record.buffer.toString('latin1', record.keyStart, record.keyEnd))
    if (newest !== undefined && record.offset < newest) return false
    return record.valueStart >= 0 || !horizonPassed
  }

  /** U4. */
  #isLastOfProducer(batch: BatchView): boolean {
    if (batch.producerId === -1) return false
    const entry = this.#log.producerStates.entry(batch.producerId)
    if (entry === undefined) return false
    const lastData = entry.batches.at(-1)
    return lastData !== undefined ? batch.lastOffset === lastData.lastOffset : batch.isControl && batch.producerEpoch === entry.epoch
  }

  async #maybeYield(bytes: number): Promise<void> {
    this.#bytesSinceYield += bytes
    if (this.#bytesSinceYield < YIELD_BYTES) return
    this.#bytesSinceYield = 0
    await new Promise<void>(resolve => this.#log.context.env.clock.defer(resolve))
  }
}

/** Walks batches in offset order and tells which belong to an aborted transaction. */
class TransactionWalk {
  readonly #waiting: AbortedEntry[]
  /** Producer id → the aborted transaction whose records are being passed, and whether any was met. */
  readonly #aborted = new Map<number, { readonly entry: AbortedEntry; met: boolean }>()
  readonly #committedMet = new Set<number>()

  constructor(aborted: readonly AbortedEntry[]) {
    this.#waiting = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset)
  }

  /** Whether a data batch is of an aborted transaction. */
  isAborted(batch: BatchView): boolean {
    if (!batch.isTransactional) return false
    this.#enter(batch.lastOffset)
    const aborted = this.#aborted.get(batch.producerId)
    if (aborted === undefined) {
      this.#committedMet.add(batch.producerId)
      return false
    }
    aborted.met = true
    return true
  }

  /** Passes a marker: whether it may go (no record of its transaction was met), and the index entry that stays with it. */
  onMarker(batch: BatchView): { readonly canDiscard: boolean; readonly aborted: AbortedEntry | undefined } {
    this.#enter(batch.lastOffset)
    if (batch.recordCount === 0) return { canDiscard: true, aborted: undefined }
    const type = endTxnMarkerOf(batch)?.type
    if (type === undefined) return { canDiscard: false, aborted: undefined }
    if (type === 'commit') return { canDiscard: !this.#committedMet.delete(batch.producerId), aborted: undefined }
    const aborted = this.#aborted.get(batch.producerId)
    this.#aborted.delete(batch.producerId)
    return aborted?.met === true ? { canDiscard: false, aborted: aborted.entry } : { canDiscard: true, aborted: undefined }
  }

  #enter(offset: number): void {
    for (let next = this.#waiting.at(-1); next !== undefined && next.firstOffset <= offset; next = this.#waiting.at(-1)) {
      this.#waiting.pop()
      this.#aborted.set(next.producerId, { entry: next, met: false })
    }
  }
}

/** Finished segments that may be cleaned (U1), from the log's first. */
function cleanableSegments(log: PartitionLog, nowMs: number): Segment[] {
  const { minCompactionLagMs } = log.config
  const cleanable: Segment[] = []
  for (const segment of log.segments.slice(0, -1)) {
    if (segment.nextOffset > Math.min(log.lastStableOffset, log.durableOffset)) break
    if (minCompactionLagMs > 0 && segment.maxTimestamp > nowMs - minCompactionLagMs) break
    cleanable.push(segment)
  }
  return cleanable
}

function isDue(log: PartitionLog, cleanable: readonly Segment[], dirty: readonly Segment[], options: CompactionOptions): boolean {
  if (options.force) return true
  const bytes = (segments: readonly Segment[]): number => segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  if (dirty.length === 0) return false
  if (bytes(dirty) / Math.max(1, bytes(cleanable)) > log.config.minCleanableDirtyRatio) return true
  const oldest = dirty[0]?.firstTimestamp
  return oldest !== undefined && oldest >= 0 && options.nowMs - oldest > log.config.maxCompactionLagMs
}

function abortedBelow(log: PartitionLog, endOffset: number): AbortedEntry[] {
  return log.segments.flatMap(segment => segment.aborted.filter(entry => entry.firstOffset < endOffset))
}

/** Neighbours whose sizes together fit into one segment. */
function groupSegments(segments: readonly Segment[], segmentBytes: number): Segment[][] {
  const groups: Segment[][] = []
  let bytes = 0
  for (const segment of segments) {
    const group = groups.at(-1)
    const fits = group?.[0] !== undefined && bytes + segment.sizeBytes <= segmentBytes && segment.nextOffset - group[0].baseOffset <= 0x7fff_ffff
    if (fits) group.push(segment)
    else {
      groups.push([segment])
      bytes = 0
    }
    bytes += segment.sizeBytes
  }
  return groups
}
