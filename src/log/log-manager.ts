/**
 * A log directory: its lock, its identity, its partitions, one flusher for all of them, and their upkeep.
 *
 * ```
 *  open: lock ─▶ meta.properties ─▶ clean marker taken ─▶ checkpoints, commit marks read ─▶ openPartition … (each recovers)
 *  close: partitions flushed, sealed, snapshotted ─▶ checkpoints ─▶ clean marker ─▶ unlock
 * ```
 * J1. One process holds the directory; DATA_DIR_LOCKED for another.
 * J2. The clean marker exists only between a clean stop and the next start.
 * J3. A client's append is refused with KAFKA_STORAGE_ERROR (retriable) while less than `minFreeBytes` would be left, so that
 *     coordinators, snapshots and checkpoints can still write; space freed is noticed by itself.
 * J4. A disk failure stops the service of the whole directory (`onFailure`); the host must exit with a non-zero code.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { unusableDirectory } from '../base/unusable-directory.ts'
import type { Disk, DiskLock, Env, Timer } from '../env/env.ts'
import { errorCode, kafkaError } from '../wire/error-codes.ts'
import { CommitMarks } from './commit-marks.ts'
import { compact } from './compaction.ts'
import { diskError } from './disk-error.ts'
import { openIdentity, readCheckpoints, takeCleanMarker, writeCheckpoints, writeCleanMarker, writeKafkaCheckpoints } from './checkpoints.ts'
import type { Checkpoints, DirectoryIdentity } from './checkpoints.ts'
import { decodePartitionMetadata, encodePartitionMetadata, join, makeDirectoryDurable, METADATA_FILE, parsePartitionDirectoryName, partitionDirectoryName, readWhole, writeDurable } from './files.ts'
import { Flusher } from './flusher.ts'
import { PartitionLog } from './partition-log.ts'
import type { LogContext } from './partition-log.ts'
import { MemoryBlocks } from './memory-blocks.ts'
import { recoverLog } from './recovery.ts'
import { applyRetention } from './retention.ts'
import { scrubLog } from './scrub.ts'
import { TailBudget } from './tail-cache.ts'
import type { Durability, LogConfig, PartitionId } from './types.ts'

export interface LogManagerOptions {
  /** Absolute. Made if absent. */
  readonly directory: string
  readonly durability: Durability
  readonly acceptDataLoss?: boolean | undefined
  readonly logger?: Logger | undefined
  /** Bytes kept free for what is not client data (J3). Default 32 MiB. */
  readonly minFreeBytes?: number | undefined
  /** Memory for the newest batches of all partitions. Default 64 MiB. */
  readonly tailBytesMax?: number | undefined
  /** `node.id` of a new directory. Default 1. */
  readonly nodeId?: number | undefined
  /** Called once when the disk has failed (J4). */
  readonly onFailure?: ((error: MillraceError) => void) | undefined
  /** `producer.id.expiration.ms`. Default 24 hours. */
  readonly producerExpirationMs?: number | undefined
}

/** A pause this long between two rounds, and the marks of the last one are written. */
const MARKS_IDLE_MS = 50
const CHECKPOINT_INTERVAL_MS = 60_000
const RETENTION_INTERVAL_MS = 60_000
const COMPACTION_INTERVAL_MS = 15_000
const SCRUB_INTERVAL_MS = 86_400_000
/** A start trusts finished segments; they are read soon after it, not during it. */
const SCRUB_FIRST_MS = 120_000
/** How stale the figure of free bytes may be, in time and in appended bytes. */
const FREE_BYTES_AGE_MS = 200
const FREE_BYTES_APPENDED_MAX = 1_048_576
const DELETED_DIRECTORY = /\.[A-Za-z0-9_-]+-delete$/

export class LogManager {
  readonly directory: string
  readonly durability: Durability
  /** The last stop was clean. */
  readonly wasClean: boolean
  readonly identity: DirectoryIdentity
  /** Whose bytes a read's `records` may be: to be given back where they were sent. What is appended from one of them is held here as long as the tail cache has it. */
  readonly blocks = new MemoryBlocks()
  readonly #env: Env
  readonly #options: LogManagerOptions
  readonly #logger: Logger
  readonly #lock: DiskLock
  readonly #flusher: Flusher
  readonly #tailBudget: TailBudget
  readonly #marks: CommitMarks | undefined
  readonly #checkpoints: Checkpoints
  readonly #partitions = new Map<string, PartitionLog>()
  readonly #opening = new Set<string>()
  #checkpointing: Promise<void> | undefined
  #checkpointNext: Promise<void> | undefined
  #savingForKafka: Promise<void> = Promise.resolve()
  #freeBytes = { left: 0, readMs: -Infinity, appended: 0 }
  #timers: Timer[] = []
  #marksTimer: Timer | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'

  private constructor(env: Env, options: LogManagerOptions, opened: { lock: DiskLock; identity: DirectoryIdentity; wasClean: boolean; checkpoints: Checkpoints; marks: CommitMarks | undefined }) {
    this.#env = env
    this.#options = options
    this.directory = options.directory
    this.durability = options.durability
    this.identity = opened.identity
    this.wasClean = opened.wasClean
    this.#logger = options.logger ?? silentLogger
    this.#lock = opened.lock
    this.#checkpoints = opened.checkpoints
    this.#marks = opened.marks
    this.#tailBudget = new TailBudget(options.tailBytesMax ?? 64 * 1024 * 1024, this.blocks)
    this.#flusher = new Flusher({
      clock: env.clock,
      disk: env.disk,
      durability: options.durability,
      roundFile: () => this.#marks?.write(),
      onRound: () => this.#settleMarks(),
      onFailure: error => {
        this.#logger.error('the disk failed, the directory is out of service', { directory: this.directory, reason: error.message })
        options.onFailure?.(error)
      },
    })
  }

  /** Takes the directory: CONFIG_INVALID where it cannot be used, DATA_DIR_LOCKED where another process has it, DATA_DIR_VERSION where another version wrote it. */
  static async open(env: Env, options: LogManagerOptions): Promise<LogManager> {
    const { disk } = env
    const { directory } = options
    const lock = await takeDirectory(disk, directory)
    if (lock === undefined) throw new MillraceError('DATA_DIR_LOCKED', `${directory} is in use by another process. Stop it, or use another directory.`, { detail: { directory } })
    try {
      const identity = await openIdentity(disk, directory, () => ({ clusterId: randomUuid(env), nodeId: options.nodeId ?? 1, directoryId: randomUuid(env) }))
      const wasClean = await takeCleanMarker(disk, directory)
      for (const name of disk.list(directory)) if (DELETED_DIRECTORY.test(name)) disk.removeTree(join(directory, name))
      const marks = CommitMarks.open(disk, directory, options.durability.kind === 'sync')
      await disk.syncDirectory(directory)
      return new LogManager(env, options, { lock, identity, wasClean, checkpoints: readCheckpoints(disk, directory), marks })
    } catch (error) {
      lock.release()
      throw diskError(directory, error)
    }
  }

  get clusterId(): string { return this.identity.clusterId }
  get failure(): MillraceError | undefined { return this.#flusher.failure }
  /** Flush rounds completed. */
  get flushRounds(): number { return this.#flusher.rounds }

  /** Opens a partition, making it where it is not there; recovers it first. LOG_CORRUPT where it is damaged, DISK_FULL or DISK_FAILED where the disk is. */
  async openPartition(options: PartitionId & { readonly config: LogConfig }): Promise<PartitionLog> {
    const name = partitionDirectoryName(options.topic, options.partition)
    if (this.#partitions.has(name) || this.#opening.has(name)) throw new MillraceError('INTERNAL', `${name} is open already`)
    this.#opening.add(name)
    try {
      return await this.#open(name, options)
    } catch (error) {
      throw diskError(this.directory, error)
    } finally {
      this.#opening.delete(name)
    }
  }

  async #open(name: string, options: PartitionId & { readonly config: LogConfig }): Promise<PartitionLog> {
    const { disk } = this.#env
    const { topicId, topic, partition } = options
    const directory = join(this.directory, name)
    await this.#ensureDirectory(directory, options)
    const known = this.#checkpoints.get(name)
    const checkpoint = known?.topicId === topicId || known?.topicId === '' ? known : undefined
    const commitMark = this.#marks?.get(topicId, partition)
    const recovered = await recoverLog({
      disk, clock: this.#env.clock, logger: this.#logger, directory, topic, partition,
      config: options.config,
      clean: this.wasClean,
      recoveryPoint: checkpoint?.recoveryPoint ?? 0,
      commitMark,
      logStartOffset: checkpoint?.logStartOffset ?? 0,
      acceptDataLoss: this.#options.acceptDataLoss ?? false,
      foreign: known?.topicId === '',
    })
    if (commitMark !== undefined && commitMark > recovered.logEndOffset) this.#marks?.forget(topicId, partition)
    this.#marks?.note(topicId, partition, recovered.logEndOffset)
    await this.#marks?.write()?.datasync()
    const log = new PartitionLog({ topicId, topic, partition }, directory, options.config, recovered, this.#context(() => log))
    this.#partitions.set(name, log)
    if (recovered.report.bytesTruncated > 0 || recovered.report.bytesLost > 0) await this.checkpoint()
    return log
  }

  partition(topic: string, partition: number): PartitionLog | undefined {
    return this.#partitions.get(`${topic}-${partition}`)
  }

  partitions(): PartitionLog[] {
    return [...this.#partitions.values()]
  }

  /** Every partition that the directory holds, open or not. */
  partitionsOnDisk(): PartitionId[] {
    return this.#env.disk.list(this.directory).flatMap(name => {
      const parsed = parsePartitionDirectoryName(name)
      const metadata = parsed === undefined ? undefined : readWhole(this.#env.disk, join(join(this.directory, name), METADATA_FILE))
      const topicId = metadata === undefined ? undefined : decodePartitionMetadata(metadata)
      return parsed === undefined || topicId === undefined ? [] : [{ ...parsed, topicId }]
    })
  }

  /** Removes a partition and its files; durable when it resolves. */
  async deletePartition(topic: string, partition: number): Promise<void> {
    const { disk } = this.#env
    const name = partitionDirectoryName(topic, partition)
    const log = this.#partitions.get(name)
    if (log !== undefined) {
      this.#partitions.delete(name)
      await log.exclusively(() => Promise.resolve(log.abandon()))
      this.#marks?.forget(log.id.topicId, partition)
    }
    this.#checkpoints.delete(name)
    if (!disk.exists(join(this.directory, name))) return
    // Renamed first: half a directory must never be taken for a partition.
    const doomed = join(this.directory, `${name.slice(0, 200)}.${this.#env.random.bytes(8).toString('hex')}-delete`)
    disk.rename(join(this.directory, name), doomed)
    await disk.syncDirectory(this.directory)
    disk.removeTree(doomed)
  }

  /** Syncs everything written so far, whatever the policy. */
  flushNow(): Promise<void> {
    return this.#flusher.flushNow()
  }

  /** Syncs, then notes recovery points and log starts, for us and for Kafka. */
  async checkpoint(): Promise<void> {
    await this.#flusher.flushNow()
    await this.#saveCheckpoints()
    await this.#saveForKafka()
  }

  /** Starts retention, compaction, checkpoints and scrubbing on their timers. */
  background(): void {
    const every = (intervalMs: number, what: string, work: () => Promise<unknown>, firstMs = intervalMs): void => {
      const schedule = (delayMs: number): void => void this.#timers.push(this.#env.clock.setTimer(run, delayMs, { background: true }))
      const run = (): void => {
        if (this.#state !== 'open' || this.#flusher.failure !== undefined) return
        work().catch((error: unknown) => {
          if (this.#state === 'open') this.#logger.warn(`${what} failed`, { reason: messageOf(error) })
        }).finally(() => {
          if (this.#timers.length > 64) this.#timers = this.#timers.slice(-8)
          if (this.#state === 'open') schedule(intervalMs)
        })
      }
      schedule(firstMs)
    }
    every(CHECKPOINT_INTERVAL_MS, 'checkpoint', () => this.checkpoint())
    every(RETENTION_INTERVAL_MS, 'retention', () => this.applyRetention())
    every(COMPACTION_INTERVAL_MS, 'compaction', () => this.compactDirty())
    every(SCRUB_INTERVAL_MS, 'scrub', () => this.scrub(), SCRUB_FIRST_MS)
  }

  /** Applies retention to every partition, forgets expired producers, and lets go of idle segments' indexes. */
  async applyRetention(): Promise<void> {
    const nowMs = this.#env.clock.now()
    for (const log of this.partitions()) {
      await applyRetention(log, nowMs)
      log.producerStates.expire(nowMs, this.#options.producerExpirationMs ?? 86_400_000)
      for (const segment of log.segments) segment.release()
    }
  }

  /** Compacts every compacted partition that is dirty enough. */
  async compactDirty(): Promise<void> {
    for (const log of this.partitions()) if (log.config.cleanupCompact) await compact(log, { nowMs: this.#env.clock.now(), force: false })
  }

  /** Reads every finished segment and checks every batch; gives the messages of what is damaged, and logs them. */
  async scrub(): Promise<string[]> {
    const damage: string[] = []
    for (const log of this.partitions()) {
      for (const fault of await scrubLog(log)) {
        damage.push(fault)
        this.#logger.error('a finished segment is damaged', { topic: log.id.topic, partition: log.id.partition, reason: fault })
      }
    }
    return damage
  }

  /** A clean stop: everything flushed, sealed and noted. After a disk failure the files are only let go. */
  async close(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    for (const timer of this.#timers) timer.cancel()
    this.#marksTimer?.cancel()
    try {
      for (const log of this.#partitions.values()) await log.close()
      if (this.#flusher.failure === undefined) {
        await this.#checkpointing
        await this.#saveCheckpoints()
        await this.#saveForKafka()
        await writeCleanMarker(this.#env.disk, this.directory)
      }
    } catch (error) {
      throw diskError(this.directory, error)
    } finally {
      // A disk that fails while it is flushed leaves no file open: it may have to be unmounted.
      for (const log of this.#partitions.values()) log.abandon()
      this.#marks?.close()
      this.#state = 'closed'
      this.#lock.release()
    }
  }

  /** The marks go with the round after; where none comes, they are written alone, so that rot is told from a torn write up to the last record. */
  #settleMarks(): void {
    const { rounds } = this.#flusher
    this.#marksTimer ??= this.#env.clock.setTimer(() => {
      this.#marksTimer = undefined
      if (this.#state !== 'open' || this.#flusher.failure !== undefined) return
      if (this.#flusher.rounds !== rounds) return this.#settleMarks()
      try {
        this.#marks?.write()?.datasync().catch((error: unknown) => void this.#flusher.fail(error))
      } catch (error) {
        this.#flusher.fail(error)
      }
    }, MARKS_IDLE_MS, { background: true })
  }

  #context(log: () => PartitionLog): LogContext {
    return {
      env: this.#env,
      flusher: this.#flusher,
      tailBudget: this.#tailBudget,
      blocks: this.blocks,
      logger: this.#logger,
      checkReserve: bytes => this.#checkReserve(bytes),
      saveLogStart: () => this.#saveCheckpoints(),
      noteDurable: (_log, offset) => this.#marks?.note(log().id.topicId, log().id.partition, offset),
    }
  }

  async #ensureDirectory(directory: string, id: PartitionId): Promise<void> {
    const { disk } = this.#env
    const isNew = !disk.exists(directory)
    if (isNew) disk.makeDirectory(directory)
    const bytes = isNew ? undefined : readWhole(disk, join(directory, METADATA_FILE))
    const topicId = bytes === undefined ? undefined : decodePartitionMetadata(bytes)
    if (topicId !== undefined && topicId !== id.topicId) {
      throw new MillraceError('TOPIC_MISMATCH', `${directory} belongs to topic id ${topicId}, not ${id.topicId}. Remove the directory if its topic was deleted.`, { detail: { directory } })
    }
    if (topicId === undefined) await writeDurable(disk, directory, METADATA_FILE, encodePartitionMetadata(id.topicId))
    if (isNew) await disk.syncDirectory(this.directory)
  }

  /** One write at a time; whoever asks while one runs shares the next. */
  #saveCheckpoints(): Promise<void> {
    if (this.#checkpointing === undefined) {
      const running = this.#writeCheckpoints().finally(() => { this.#checkpointing = undefined })
      this.#checkpointing = running
      return running
    }
    this.#checkpointNext ??= this.#checkpointing.catch(() => undefined).then(() => {
      this.#checkpointNext = undefined
      return this.#saveCheckpoints()
    })
    return this.#checkpointNext
  }

  /** One after the other: partitions that are opened together ask for it together, and the files' temporary names are the same. */
  #saveForKafka(): Promise<void> {
    const saved = this.#savingForKafka.then(() => writeKafkaCheckpoints(this.#env.disk, this.directory, this.#checkpoints))
    this.#savingForKafka = saved.catch(() => undefined)
    return saved
  }

  #writeCheckpoints(): Promise<void> {
    for (const [name, log] of this.#partitions) {
      const { topic, partition, topicId } = log.id
      this.#checkpoints.set(name, { topic, partition, topicId, recoveryPoint: log.durableOffset, logStartOffset: log.logStartOffset })
    }
    return writeCheckpoints(this.#env.disk, this.directory, this.#checkpoints)
  }

  #checkReserve(bytes: number): void {
    const minFreeBytes = this.#options.minFreeBytes ?? 32 * 1024 * 1024
    if (minFreeBytes <= 0) return
    const free = this.#freeBytes
    const nowMs = this.#env.clock.monotonic()
    if (nowMs - free.readMs > FREE_BYTES_AGE_MS || free.appended > FREE_BYTES_APPENDED_MAX || free.left - free.appended - bytes < minFreeBytes) {
      free.left = this.#env.disk.freeBytes(this.directory)
      free.readMs = nowMs
      free.appended = 0
    }
    if (free.left - free.appended - bytes < minFreeBytes) {
      throw kafkaError(errorCode('KAFKA_STORAGE_ERROR'), `${free.left} bytes are free on the disk of ${this.directory}, ${minFreeBytes} are kept in reserve. Free space, and producers go on by themselves`)
    }
    free.appended += bytes
  }
}

/** A random UUID in Kafka's form; not one that begins with a dash, which command lines would take for an option. */
function randomUuid(env: Env): string {
  for (;;) {
    const bytes = env.random.bytes(16)
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    const id = bytes.toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

async function takeDirectory(disk: Disk, directory: string): Promise<DiskLock | undefined> {
  try {
    await makeDirectoryDurable(disk, directory)
    return await disk.lock(directory)
  } catch (error) {
    throw diskError(directory, unusableDirectory(directory, error))
  }
}
