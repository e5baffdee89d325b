/**
 * Opening a partition's directory after whatever happened to it.
 *
 * ```
 *  finish swaps ─▶ list segments ─▶ trust sealed ones below the recovery point (the last: if its bytes agree too) ─▶ scan the rest, replaying producers
 *     ─▶ fault? torn tail: cut and report · corruption: refuse (or, told so, keep the bytes aside and cut)
 *     ─▶ sync what was scanned ─▶ leader epoch + 1 after an unclean stop ─▶ ready
 * ```
 * Y1. `durableTo` is what was known durable: the recovery point, or the commit mark where that is higher. Bad bytes below it,
 *     or a log that ends below it, are corruption and nothing is changed: the start is refused with LOG_CORRUPT.
 * Y2. Bad bytes at or above it are a torn tail if the commit mark is known (everything above it was unacknowledged, but for
 *     the last round), or else if they stand in the last segment and no sound batch follows them.
 * Y3. Nothing that is read becomes visible before it has been synced: after a SIGKILL the page cache may hold what the disk
 *     does not.
 * Y4. Every step may be cut again and repeated: files are cut, renamed and removed in an order that leads to the same end.
 * Y5. The recovery point handed in is never moved by this; the manager writes it after a successful sync (KAFKA-10101).
 * Y6. After a clean stop the last segment is read once, without a look at its batches: the checksum of all its bytes must be the
 *     seal's. Where it is not, the scan says where the damage is; where the scan finds none, the start is refused all the same.
 *     Finished segments are taken by their seal and read by the scrub, soon after the start.
 * Y7. A log start is saved before the files below it go (O1 of checkpoints), so a first segment above it means that files were lost.
 * Y8. Above what was compacted (`compacted-below.ts`) no offset is missing between two batches: a base offset, which stands outside of every checksum, is held to that.
 */
import { MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Clock, Disk } from '../env/env.ts'
import type { BatchView } from '../wire/record-batch.ts'
import { compactedBelow, compactedSomewhere } from './compacted-below.ts'
import { DERIVED_SUFFIXES, EPOCHS_FILE, fileName, join, LOG_SUFFIX, parseFileName, PRODUCERS_SUFFIX, readWhole, SEAL_SUFFIX, SNAPSHOT_SUFFIX, unlinkIfExists, writeDurable } from './files.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { decodeKafkaSnapshot, decodeProducers } from './producer-snapshot.ts'
import { ProducerStates } from './producer-state.ts'
import type { ProducerEntry } from './producer-state.ts'
import { findLaterBatch, scanBatches } from './scan.ts'
import type { ScanFault, ScanState } from './scan.ts'
import { finishSwaps } from './segment-swap.ts'
import { Segment } from './segment.ts'
import type { LogConfig, RecoveryReport } from './types.ts'

export interface RecoveryOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  readonly directory: string
  readonly topic: string
  readonly partition: number
  readonly config: LogConfig
  /** The last stop was clean. */
  readonly clean: boolean
  /** Everything below it was synced, indexes included; 0 where unknown. */
  readonly recoveryPoint: number
  /** Everything below it was synced; `undefined` where no commit mark is known. */
  readonly commitMark: number | undefined
  readonly logStartOffset: number
  readonly acceptDataLoss: boolean
  /** Apache Kafka wrote the directory: compaction may have left holes between segments, ours never does. */
  readonly foreign: boolean
}

export interface RecoveredLog {
  /** At least one; the last is active. */
  readonly segments: Segment[]
  readonly producers: ProducerStates
  readonly epochs: LeaderEpochs
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly report: RecoveryReport
}

export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  return new Recovery(options).run()
}

class Recovery {
  readonly #options: RecoveryOptions
  readonly #durableTo: number
  readonly #producers = new ProducerStates()
  #epochs = new LeaderEpochs()
  #epochsKnown = false
  #segments: Segment[] = []
  #bytesSummed = 0
  #bytesScanned = 0
  /** The last segment has the clean stop's seal, and other bytes than it sealed. */
  #differsFromSeal = false
  #bytesTruncated = 0
  #bytesLost = 0
  #indexesRebuilt = 0

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#durableTo = Math.max(options.recoveryPoint, options.commitMark ?? 0)
  }

  async run(): Promise<RecoveredLog> {
    const { disk, clock, directory, clean, topic, partition } = this.#options
    const startedMs = clock.monotonic()
    if (this.#options.foreign) await compactedSomewhere(disk, directory)
    await finishSwaps(disk, directory)
    this.#openSegments()
    this.#checkStart()
    this.#loadEpochs()
    const from = this.#trustSealed()
    const scanned = this.#segments.slice(from)
    this.#replay(from)
    const logEndOffset = this.#scan(from)
    for (const segment of this.#segments) if (scanned.includes(segment)) segment.sum()
    const start = this.#settleStart(logEndOffset)
    // What is last now may have been a finished segment before.
    this.#segments.at(-1)?.unseal()
    for (const segment of this.#segments) if (scanned.includes(segment) || segment.sizeBytes === 0) await segment.file.datasync()
    await disk.syncDirectory(directory)
    await this.#settleEpochs(start.logEndOffset)
    this.#removeSnapshotsAbove(start.logEndOffset)
    const report: RecoveryReport = {
      topic, partition, clean,
      segments: this.#segments.length,
      bytesSummed: this.#bytesSummed,
      bytesScanned: this.#bytesScanned,
      bytesTruncated: this.#bytesTruncated,
      bytesLost: this.#bytesLost,
      logEndOffset: start.logEndOffset,
      indexesRebuilt: this.#indexesRebuilt,
      durationMs: clock.monotonic() - startedMs,
    }
    return { segments: this.#segments, producers: this.#producers, epochs: this.#epochs, ...start, report }
  }

  #openSegments(): void {
    const { disk, directory } = this.#options
    const bases = new Set<number>()
    const names = disk.list(directory)
    for (const name of names) {
      const parsed = parseFileName(name)
      if (parsed?.suffix === LOG_SUFFIX) bases.add(parsed.offset)
    }
    for (const name of names) {
      const parsed = parseFileName(name)
      if (parsed !== undefined && (DERIVED_SUFFIXES as readonly string[]).includes(parsed.suffix) && !bases.has(parsed.offset)) disk.unlink(join(directory, name))
    }
    this.#segments = [...bases].sort((a, b) => a - b).map(base => this.#segment(base, false))
  }

  #segment(baseOffset: number, create: boolean): Segment {
    const { disk, clock, directory, config } = this.#options
    return new Segment(disk, directory, baseOffset, { create, createdMs: clock.now(), indexIntervalBytes: config.indexIntervalBytes })
  }

  /** Y7. */
  #checkStart(): void {
    const { logStartOffset, foreign, acceptDataLoss, logger, topic, partition } = this.#options
    const first = this.#segments[0]
    if (foreign || first === undefined || first.baseOffset <= logStartOffset) return
    const what = `the log begins with this file, at offset ${first.baseOffset}, but records from offset ${logStartOffset} on were never deleted: files before it are missing`
    if (!acceptDataLoss) throw this.#refusal(first, what)
    logger.warn('going on without the beginning of a log, as told', { topic, partition, from: logStartOffset, to: first.baseOffset })
  }

  #loadEpochs(): void {
    const bytes = readWhole(this.#options.disk, join(this.#options.directory, EPOCHS_FILE))
    const known = bytes === undefined ? undefined : LeaderEpochs.decode(bytes)
    this.#epochs = known ?? new LeaderEpochs()
    this.#epochsKnown = known !== undefined
  }

  /** Takes sealed segments that were durable by their seal; gives the index of the first that has to be scanned, the number of segments where none has. */
  #trustSealed(): number {
    const last = this.#segments.length - 1
    for (let index = 0; index < last; index++) {
      const segment = this.#segments[index]
      const next = this.#segments[index + 1]
      if (segment === undefined || next === undefined || next.baseOffset > this.#options.recoveryPoint || !segment.loadSeal()) return index
      if (segment.nextOffset > next.baseOffset) throw this.#refusal(segment, `it ends at offset ${segment.nextOffset}, the next segment begins at ${next.baseOffset}: they overlap`)
      if (segment.nextOffset < next.baseOffset && !this.#options.foreign) throw this.#refusal(segment, `it ends at offset ${segment.nextOffset}, the next segment begins at ${next.baseOffset}: records between are missing`)
    }
    return this.#trustLast() ? last + 1 : Math.max(0, last)
  }

  /** Y6: whether the last segment is what a clean stop left. */
  #trustLast(): boolean {
    const { clean, foreign, recoveryPoint } = this.#options
    const segment = this.#segments.at(-1)
    if (!clean || foreign || segment?.loadSeal() !== true) return false
    const isAsSealed = segment.nextOffset > recoveryPoint ? undefined : segment.isAsSealed()
    this.#bytesSummed += isAsSealed === undefined ? 0 : segment.sizeBytes
    this.#differsFromSeal = isAsSealed === false
    return isAsSealed === true
  }

  /** Brings the producers to where the scan begins: from the newest sound snapshot, through the headers after it. */
  #replay(from: number): void {
    const to = this.#segments[from]?.baseOffset ?? this.#segments.at(-1)?.nextOffset
    if (to === undefined) return
    const { clock } = this.#options
    const snapshot = findSnapshot(this.#options, to, this.#segments[0]?.baseOffset ?? 0)
    if (snapshot !== undefined) this.#producers.restore(snapshot.entries)
    const replayFrom = snapshot?.offset ?? 0
    for (const segment of this.#segments.slice(0, from)) {
      if (segment.nextOffset <= replayFrom && this.#epochsKnown) continue
      for (const place of segment.places()) {
        if (!this.#epochsKnown) this.#noteEpoch(place.leaderEpoch, place.baseOffset)
        if (place.baseOffset < replayFrom) continue
        const batch = segment.readBatch(place)
        if (batch.producerId !== -1) this.#producers.apply(batch, clock.now())
      }
    }
  }

  /** Scans from the `from`th segment on, cutting a torn tail; gives the log's end. */
  #scan(from: number): number {
    const before = this.#segments[from - 1]
    const gapsBelow = compactedBelow(this.#options.disk, this.#options.directory)
    let state: ScanState = { nextOffset: before?.nextOffset ?? 0, leaderEpoch: 0, position: 0 }
    for (let index = from; index < this.#segments.length; index++) {
      const segment = this.#segments[index]
      if (segment === undefined) break
      if (segment.baseOffset < state.nextOffset) {
        this.#giveUp(index, { position: 0, offset: segment.baseOffset, message: `it begins at offset ${segment.baseOffset}, the one before ends at ${state.nextOffset}: they overlap` }, state.nextOffset)
        break
      }
      if (segment.baseOffset > state.nextOffset && index > 0 && !this.#options.foreign) {
        const previous = this.#segments[index - 1]
        this.#giveUp(index - 1, { position: previous?.sizeBytes ?? 0, offset: state.nextOffset, message: `it ends at offset ${state.nextOffset}, the next segment begins at ${segment.baseOffset}` }, state.nextOffset)
        break
      }
      segment.resetNotes()
      state = { nextOffset: segment.baseOffset, leaderEpoch: state.leaderEpoch, position: 0, gapless: segment.baseOffset >= gapsBelow }
      const fault = scanBatches(segment.file, state, batch => this.#note(segment, batch))
      this.#bytesScanned += segment.sizeBytes
      this.#indexesRebuilt += 1
      if (fault !== undefined) {
        this.#giveUp(index, fault, segment.nextOffset)
        break
      }
      if (index < this.#segments.length - 1) segment.seal()
    }
    if (this.#differsFromSeal && this.#bytesTruncated === 0 && this.#bytesLost === 0) this.#refuseUnsealed()
    const end = this.#segments.at(-1)?.nextOffset ?? 0
    if (end < this.#durableTo && this.#durableTo > this.#options.logStartOffset) this.#refuseShortLog(end)
    return end
  }

  #note(segment: Segment, batch: BatchView): void {
    segment.note({ sizeBytes: batch.sizeBytes, lastOffset: batch.lastOffset, maxTimestamp: batch.recordCount === 0 ? -1 : batch.maxTimestamp })
    this.#noteEpoch(batch.leaderEpoch, batch.baseOffset)
    if (batch.producerId === -1) return
    const completed = this.#producers.apply(batch, this.#options.clock.now())
    if (completed?.aborted === true) {
      segment.aborted.push({ producerId: completed.producerId, firstOffset: completed.firstOffset, lastOffset: completed.lastOffset, lastStableOffset: this.#producers.stableOffsetAfter(completed) })
    }
  }

  #noteEpoch(epoch: number, offset: number): void {
    if (epoch > (this.#epochs.latest?.epoch ?? -1)) this.#epochs.assign(epoch, offset)
  }

  /** The `index`th segment is bad at `fault`: cuts there if that is a torn tail (Y2) or data loss was accepted, else refuses. */
  #giveUp(index: number, fault: ScanFault, offset: number): void {
    const { commitMark, acceptDataLoss, logger, topic, partition } = this.#options
    const segment = this.#segments[index]
    if (segment === undefined) return
    const later = this.#segments.slice(index + 1)
    const isDurable = Math.min(offset, fault.offset) < this.#durableTo
    const laterBatch = isDurable || commitMark !== undefined ? undefined : findLaterBatch(segment.file, fault.position, offset)
    const isTorn = !isDurable && (commitMark !== undefined || (later.length === 0 && laterBatch === undefined))
    const bytes = segment.file.size() - fault.position + later.reduce((sum, other) => sum + other.file.size(), 0)
    if (!isTorn && !acceptDataLoss) {
      throw this.#refusal(segment, `at byte ${fault.position}, offset ${offset}: ${fault.message}. ${isDurable ? `Everything up to offset ${this.#durableTo} was known durable` : laterBatch === undefined ? `${later.length} later segments follow` : `a sound batch follows at byte ${laterBatch}`}, so this is damage, not a torn write`)
    }
    if (!isTorn) this.#keepAside(segment, fault.position, later)
    logger.warn(isTorn ? 'cut a torn tail' : 'gave up damaged records, as told', { topic, partition, offset, bytes, reason: fault.message })
    if (isTorn) this.#bytesTruncated += bytes
    else this.#bytesLost += bytes
    // Later segments first: if this is cut again, the fault is still there to be found.
    for (const other of later.reverse()) this.#remove(other)
    this.#segments.length = index + 1
    // Its seal must not come back once other bytes of the same length stand there.
    unlinkIfExists(this.#options.disk, segment.pathOf(SEAL_SUFFIX))
    segment.truncateFile(fault.position)
  }

  /** Y6: rot in what no batch's checksum covers, such as a base offset where compaction left holes. */
  #refuseUnsealed(): void {
    const { acceptDataLoss, logger, topic, partition } = this.#options
    if (!acceptDataLoss) throw this.#refusal(this.#segments.at(-1), 'its checksum is not the one that the clean stop noted, though every batch is sound: an offset or an epoch has changed')
    logger.warn('the last segment is not as the clean stop left it; going on, as told', { topic, partition })
  }

  #refuseShortLog(end: number): void {
    if (this.#options.acceptDataLoss) {
      this.#options.logger.warn('the log ends before what was known durable; going on, as told', { topic: this.#options.topic, partition: this.#options.partition, logEndOffset: end, durableTo: this.#durableTo })
      return
    }
    throw this.#refusal(this.#segments.at(-1), `the log ends at offset ${end}, but everything up to ${this.#durableTo} was known durable`)
  }

  #refusal(segment: Segment | undefined, what: string): MillraceError {
    const path = segment?.file.path ?? this.#options.directory
    for (const open of this.#segments) open.close()
    return new MillraceError('LOG_CORRUPT', `${path} is damaged: ${what}. Nothing was changed. Restore the file from a copy, or start with --accept-data-loss: the bytes given up are kept beside it with the suffix .corrupt.`, { detail: { path, topic: this.#options.topic, partition: this.#options.partition } })
  }

  /** Copies what is about to be given up to files of the suffix `.corrupt`. */
  #keepAside(segment: Segment, position: number, later: readonly Segment[]): void {
    const copy = (from: Segment, start: number): void => {
      const target = this.#options.disk.open(`${from.pathOf(LOG_SUFFIX)}.corrupt`, 'create')
      const size = from.file.size()
      const chunk = Buffer.alloc(1024 * 1024)
      for (let at = start; at < size;) {
        const count = from.file.read(chunk, 0, Math.min(chunk.length, size - at), at)
        if (count === 0) break
        target.write(chunk.subarray(0, count), at - start)
        at += count
      }
      target.close()
    }
    copy(segment, position)
    for (const other of later) copy(other, 0)
  }

  #remove(segment: Segment): void {
    segment.close()
    for (const suffix of [LOG_SUFFIX, ...DERIVED_SUFFIXES]) unlinkIfExists(this.#options.disk, segment.pathOf(suffix))
  }

  /** Drops segments below the log's start; an empty log where the start lies beyond the end, or there is no segment. */
  #settleStart(scannedEnd: number): { readonly logStartOffset: number; readonly logEndOffset: number } {
    const first = this.#segments[0]
    const logStartOffset = Math.max(this.#options.logStartOffset, first?.baseOffset ?? 0)
    if (first === undefined || logStartOffset > scannedEnd) {
      for (const segment of this.#segments) this.#remove(segment)
      this.#segments = [this.#segment(logStartOffset, true)]
      return { logStartOffset, logEndOffset: logStartOffset }
    }
    while (this.#segments.length > 1 && (this.#segments[0]?.nextOffset ?? 0) <= logStartOffset && (this.#segments[1]?.baseOffset ?? 0) <= logStartOffset) {
      const segment = this.#segments.shift()
      if (segment !== undefined) this.#remove(segment)
    }
    return { logStartOffset, logEndOffset: scannedEnd }
  }

  async #settleEpochs(logEndOffset: number): Promise<void> {
    const { disk, directory, clean } = this.#options
    const before = this.#epochs.encode()
    const latest = this.#epochs.latest
    this.#epochs.truncateEnd(logEndOffset + (clean ? 1 : 0))
    if (latest === undefined) this.#epochs.assign(0, logEndOffset)
    else if (!clean) this.#epochs.assign(latest.epoch + 1, logEndOffset)
    const after = this.#epochs.encode()
    if (!after.equals(before) || !disk.exists(join(directory, EPOCHS_FILE))) await writeDurable(disk, directory, EPOCHS_FILE, after)
  }

  #removeSnapshotsAbove(logEndOffset: number): void {
    const { disk, directory } = this.#options
    for (const name of disk.list(directory)) {
      const parsed = parseFileName(name)
      if (parsed !== undefined && (parsed.suffix === SNAPSHOT_SUFFIX || parsed.suffix === PRODUCERS_SUFFIX) && parsed.offset > logEndOffset) disk.unlink(join(directory, name))
    }
  }
}

/**
 * The newest sound snapshot at or below `offset`; unsound ones are removed. An older one of ours is better than a newer one in
 * Kafka's form, which restores one batch per producer; best is none at all where the whole log can be replayed.
 */
function findSnapshot(options: RecoveryOptions, offset: number, firstOffset: number): { readonly offset: number; readonly entries: ProducerEntry[] } | undefined {
  const { disk, directory, clock, foreign } = options
  for (const { suffix, decode } of [{ suffix: PRODUCERS_SUFFIX, decode: decodeProducers }, { suffix: SNAPSHOT_SUFFIX, decode: decodeKafkaSnapshot }]) {
    if (suffix === SNAPSHOT_SUFFIX && !foreign && firstOffset === 0) return undefined
    const offsets = disk.list(directory).flatMap(name => {
      const parsed = parseFileName(name)
      return parsed?.suffix === suffix && parsed.offset <= offset ? [parsed.offset] : []
    })
    for (const at of offsets.sort((a, b) => b - a)) {
      const path = join(directory, fileName(at, suffix))
      const bytes = readWhole(disk, path)
      const entries = bytes === undefined ? undefined : decode(bytes, clock.now())
      if (entries !== undefined) return { offset: at, entries }
      unlinkIfExists(disk, path)
    }
  }
  return undefined
}
