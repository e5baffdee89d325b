/**
 * Random operations on a log on the simulated disk, against an array: the model that log tests compare with.
 */
import assert from 'node:assert/strict'
import { kafkaCodeOf } from '../../src/wire/error-codes.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import type { SimProcess } from '../../src/testing/sim/sim.ts'
import type { SeededRandom } from '../../src/testing/sim/random.ts'
import { appendMarker, batchOf, NOW_MS, openLog, openManager, readAll } from './log-batches.ts'
import type { ReadRecord, TestRecord } from './log-batches.ts'
import { compact } from '../../src/log/compaction.ts'
import type { LogManager } from '../../src/log/log-manager.ts'
import type { PartitionLog } from '../../src/log/partition-log.ts'
import { applyRetention } from '../../src/log/retention.ts'
import type { Durability, LogConfig } from '../../src/log/types.ts'

interface Producer {
  readonly id: number
  epoch: number
  sequence: number
  open: boolean
  /** The newest five batches, oldest first. */
  sent: { readonly bytes: Buffer; readonly baseOffset: number; readonly lastOffset: number }[]
}

/** A log under test and what it should hold. */
export class LogModelRun {
  readonly seed: number
  readonly sim: Sim
  readonly random: SeededRandom
  readonly config: Partial<LogConfig>
  readonly durability: Durability
  process: SimProcess
  manager: LogManager | undefined
  log: PartitionLog | undefined
  /** Everything appended, by offset; never shortened below what was acknowledged. */
  model: ReadRecord[] = []
  /** Offsets aborted, once their marker was appended. */
  aborted = new Set<number>()
  acknowledged = 0
  logStart = 0
  leaderEpoch = 0
  /** The highest high watermark that a reader was shown under `sync`. */
  seen = 0
  producers: Producer[] = []
  counts = { appends: 0, crashes: 0, compactions: 0, trims: 0, retentions: 0, truncated: 0 }

  readonly #onOpen: ((log: PartitionLog) => void) | undefined

  constructor(seed: number, onOpen?: (log: PartitionLog) => void) {
    this.seed = seed
    this.#onOpen = onOpen
    this.sim = new Sim({ seed })
    this.random = this.sim.random.fork('test')
    this.process = this.sim.process('p0')
    const compacted = this.random.chance(0.4)
    this.config = {
      segmentBytes: this.random.pick([600, 1500, 5000]), indexIntervalBytes: this.random.pick([1, 200, 4096]),
      cleanupCompact: compacted, cleanupDelete: !compacted, retentionMs: -1, retentionBytes: compacted ? -1 : 8000, deleteRetentionMs: 1000,
    }
    this.durability = this.random.pick<Durability>([{ kind: 'sync' }, { kind: 'sync' }, { kind: 'interval', ms: 20, bytes: 3000 }, { kind: 'os' }])
    this.producers = [1, 2, 3].map(id => ({ id: 1000 + id, epoch: 0, sequence: 0, open: false, sent: [] }))
  }

  get open(): PartitionLog {
    assert.ok(this.log !== undefined)
    return this.log
  }

  async start(): Promise<void> {
    this.manager = await this.sim.run(openManager(this.process.env, { durability: this.durability, tailBytesMax: this.random.pick([0, 2000, 1_000_000]), acceptDataLoss: this.durability.kind !== 'sync' }))
    this.log = await this.sim.run(openLog(this.manager, this.config))
    this.#onOpen?.(this.log)
  }

  append(): void {
    const { random, open } = this
    const producer = random.chance(0.6) ? random.pick(this.producers) : undefined
    const transactional = producer !== undefined && (producer.open || random.chance(0.5))
    const records: TestRecord[] = Array.from({ length: random.between(1, 4) }, () => ({
      key: `k${random.below(8)}`, value: random.chance(0.15) ? null : `v${this.model.length}-${random.below(1000)}`.padEnd(random.below(120), '.'), timestamp: NOW_MS + random.below(100_000),
    }))
    const codec = random.pick(['none', 'none', 'gzip', 'lz4', 'snappy', 'zstd'] as const)
    const bytes = batchOf(records, producer === undefined ? { codec } : { codec, producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.sequence, transactional })
    const sent = Buffer.from(bytes)
    const result = open.append(bytes, { origin: 'client' })
    assert.equal(result.baseOffset, this.model.length)
    records.forEach((record, index) => this.model.push({
      offset: result.baseOffset + index, key: record.key, value: record.value, timestamp: record.timestamp ?? NOW_MS, producerId: producer?.id ?? -1, control: false,
    }))
    for (let offset = result.baseOffset; offset < this.model.length; offset++) {
      if (transactional) this.transactionalOffsets.add(offset)
      else this.transactionalOffsets.delete(offset)
    }
    this.counts.appends += 1
    if (producer === undefined) return
    producer.sequence += records.length
    producer.open = transactional
    producer.sent = [...producer.sent.slice(-4), { bytes: sent, baseOffset: result.baseOffset, lastOffset: result.lastOffset }]
  }

  repeat(): void {
    const producer = this.random.pick(this.producers)
    if (producer.sent.length === 0) return
    const batch = this.random.pick(producer.sent)
    const result = this.open.append(Buffer.from(batch.bytes), { origin: 'client' })
    assert.equal(result.duplicate, true, 'a repeated batch was appended again')
    assert.equal(result.baseOffset, batch.baseOffset)
    assert.equal(this.open.logEndOffset, this.model.length)
  }

  endTransaction(): void {
    const producer = this.producers.find(candidate => candidate.open)
    if (producer === undefined) return
    const type = this.random.pick(['commit', 'abort'] as const)
    const result = appendMarker(this.open, type, { producerId: producer.id, producerEpoch: producer.epoch })
    this.model.push({ offset: result.baseOffset, key: null, value: null, timestamp: NOW_MS, producerId: producer.id, control: true })
    producer.open = false
    if (type === 'commit') return
    for (let offset = result.baseOffset - 1; offset >= 0; offset--) {
      const record = this.model[offset]
      if (record === undefined || record.producerId !== producer.id) continue
      if (record.control) break
      if (this.transactionalOffsets.has(offset)) this.aborted.add(offset)
    }
  }

  /** Offsets written within transactions; kept apart, because a producer may also write outside of one. */
  transactionalOffsets = new Set<number>()

  async flush(): Promise<void> {
    const end = this.open.logEndOffset
    await this.sim.run(this.open.flushed(end))
    if (this.durability.kind === 'sync') this.acknowledged = Math.max(this.acknowledged, end)
  }

  async trim(): Promise<void> {
    const { highWatermark, logStartOffset } = this.open
    const to = this.random.between(logStartOffset, highWatermark)
    await this.sim.run(this.open.trimTo(to))
    this.logStart = Math.max(this.logStart, to)
    this.counts.trims += 1
  }

  async retain(): Promise<void> {
    await this.sim.run(applyRetention(this.open, this.process.env.clock.now()))
    assert.ok(this.open.logStartOffset >= this.logStart)
    this.logStart = this.open.logStartOffset
    this.counts.retentions += 1
  }

  async compact(): Promise<void> {
    if (this.config.cleanupCompact !== true) return
    await this.sim.run(compact(this.open, { nowMs: this.process.env.clock.now(), force: true, keyBytesMax: this.random.pick([200, 1_000_000]) }))
    this.counts.compactions += 1
  }

  /** Kills the process, with or without power, maybe in the middle of recovery too, and starts again. */
  async crash(): Promise<void> {
    const powerCut = this.random.chance(0.6)
    this.counts.crashes += 1
    const before = this.logStart
    for (let attempt = 0; ; attempt++) {
      if (powerCut) this.sim.powerCut()
      else this.process.kill()
      this.process = this.sim.process(`p${this.counts.crashes}.${attempt}`)
      if (attempt < 2 && this.random.chance(0.4)) {
        const dieAt = this.sim.disk.operations + this.random.below(40)
        this.sim.disk.fault = operation => operation.index >= dieAt ? 'dieTorn' : undefined
        try {
          await this.start()
          break
        } catch (error) {
          // A dead process never answers: the driver runs out of events, or the call throws ProcessKilled.
          if (this.process.alive) throw error
        } finally {
          this.sim.disk.fault = undefined
        }
        continue
      }
      await this.start()
      break
    }
    this.reconcile(powerCut, before)
  }

  /** What the log holds now must be a prefix of the model that keeps all that was acknowledged. */
  reconcile(powerCut: boolean, logStart: number): void {
    const { open } = this
    const end = open.logEndOffset
    const keeps = powerCut ? Math.max(this.acknowledged, this.seen) : this.model.length
    assert.ok(open.logStartOffset >= logStart, `deleted records are back: the log starts at ${open.logStartOffset}, was ${logStart}`)
    assert.ok(open.leaderEpoch > this.leaderEpoch, `leader epoch ${open.leaderEpoch} after ${this.leaderEpoch} and an unclean stop`)
    this.leaderEpoch = open.leaderEpoch
    assert.ok(end >= keeps, `log end ${end}, but ${keeps} was ${powerCut ? 'acknowledged' : 'written'}`)
    assert.ok(end <= Math.max(this.model.length, logStart))
    this.counts.truncated += this.model.length - end
    this.model.length = end
    this.acknowledged = Math.max(this.acknowledged, this.durability.kind === 'sync' ? end : 0)
    this.logStart = Math.max(logStart, open.logStartOffset)
    for (const offset of [...this.aborted]) if (offset >= end || !this.isMarked(offset)) this.aborted.delete(offset)
    for (const producer of this.producers) {
      const entry = open.producers().find(described => described.producerId === producer.id)
      // Compaction keeps only the newest batch of a producer, and a power cut may take unsynced snapshots.
      producer.sent = this.config.cleanupCompact === true ? [] : producer.sent.filter(batch => batch.lastOffset < end && batch.baseOffset >= open.logStartOffset)
      producer.open = (entry?.currentTransactionStartOffset ?? -1) !== -1
      // Records cut off were never acknowledged: the producer sends them again, or, as here, goes on from what is there.
      producer.sequence = (entry?.lastSequence ?? -1) + 1
    }
  }

  /** Whether the transaction of an aborted record still has its marker in the model. */
  isMarked(offset: number): boolean {
    const record = this.model[offset]
    return record !== undefined && this.model.some(other => other.offset > offset && other.control && other.producerId === record.producerId)
  }

  check(): void {
    const { open, model } = this
    assert.ok(open.logStartOffset <= open.lastStableOffset && open.lastStableOffset <= open.highWatermark && open.highWatermark <= open.logEndOffset)
    if (this.durability.kind === 'sync') this.seen = Math.max(this.seen, open.highWatermark)
    const from = open.logStartOffset
    const all = readAll(open, { bytesMax: this.random.pick([1, 500, 100_000]) })
    for (const record of all) assert.deepEqual(record, model[record.offset], `offset ${record.offset}`)
    if (this.config.cleanupCompact !== true) assert.equal(all.length, open.highWatermark - from)
    else this.checkCompacted(all)
    const committed = readAll(open, { isolation: 'committed', bytesMax: this.random.pick([1, 700, 100_000]) })
    for (const record of committed) {
      assert.deepEqual(record, model[record.offset])
      assert.ok(!this.aborted.has(record.offset), `aborted record ${record.offset} was read`)
    }
    if (this.config.cleanupCompact !== true) {
      const expected = model.filter(record => record.offset >= from && record.offset < open.lastStableOffset && !record.control && !this.aborted.has(record.offset))
      assert.deepEqual(committed.map(record => record.offset), expected.map(record => record.offset))
    }
    this.checkTimestamps(all)
  }

  /** Compaction keeps the newest committed record of each key; a tombstone may be gone. */
  checkCompacted(all: readonly ReadRecord[]): void {
    const kept = new Set(all.map(record => record.offset))
    const newest = new Map<string, ReadRecord>()
    for (const record of this.model) {
      if (record.offset < this.open.logStartOffset || record.offset >= this.open.lastStableOffset || record.control || record.key === null || this.aborted.has(record.offset)) continue
      newest.set(record.key, record)
    }
    for (const record of newest.values()) if (record.value !== null) assert.ok(kept.has(record.offset), `the newest record of ${record.key}, ${record.offset}, is gone`)
  }

  checkTimestamps(all: readonly ReadRecord[]): void {
    const timestamp = NOW_MS + this.random.below(110_000)
    const expected = all.find(record => record.timestamp >= timestamp)
    assert.equal(this.open.offsetForTimestamp(timestamp)?.offset, expected?.offset, `first offset at or after ${timestamp}`)
    const highest = all.reduce<ReadRecord | undefined>((best, record) => best === undefined || record.timestamp > best.timestamp ? record : best, undefined)
    assert.equal(this.open.maxTimestampOffset()?.timestamp, highest?.timestamp)
  }

  async step(): Promise<void> {
    const draw = this.random.below(100)
    if (draw < 45) this.append()
    else if (draw < 55) this.endTransaction()
    else if (draw < 60) this.repeat()
    else if (draw < 72) await this.flush()
    else if (draw < 76) await this.trim()
    else if (draw < 80) await this.retain()
    else if (draw < 85) await this.compact()
    else if (draw < 90) await this.sim.advance(this.random.below(3000))
    else if (draw < 94) {
      await this.sim.run(this.manager?.checkpoint() ?? Promise.resolve())
      if (this.durability.kind !== 'sync') this.acknowledged = this.open.durableOffset
    } else if (draw < 97) this.check()
    else await this.crash()
  }
}

/** Runs one seed; a failure names it. `onOpen` may damage the log under test, to see that it is noticed. */
export async function runLogModel(seed: number, options: { readonly steps?: number; readonly onOpen?: (log: PartitionLog) => void } = {}): Promise<LogModelRun['counts']> {
  const run = new LogModelRun(seed, options.onOpen)
  let step = 0
  try {
    await run.start()
    for (; step < (options.steps ?? 80); step++) await run.step()
    await run.flush()
    run.check()
    await run.crash()
    run.check()
    await run.sim.run(run.manager?.close() ?? Promise.resolve())
    run.process.kill()
    run.process = run.sim.process('last')
    await run.start()
    run.check()
  } catch (error) {
    const kafkaCode = kafkaCodeOf(error)
    throw new Error(`seed ${seed}, step ${step}, ${run.durability.kind}${kafkaCode === undefined ? '' : `, Kafka error ${kafkaCode}`}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error })
  }
  return run.counts
}
