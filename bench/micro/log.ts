/**
 * The log on the real disk: appends (one batch of 16 KiB, 128 records of about 110 bytes, a partition's usual unit), reads at the
 * tail and from the file, and recovery of a log that was not closed.
 *
 *   node dist/bench/micro/log.js [directory] [gigabytes to recover, default 1]
 *
 * What it does not measure: sockets and the protocol; a cold page cache. Five rounds, median and range are printed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realEnv } from '../../src/env/real/env.ts'
import { LogManager } from '../../src/log/log-manager.ts'
import type { PartitionLog } from '../../src/log/partition-log.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/log/types.ts'
import type { Durability } from '../../src/log/types.ts'
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { loadCompression } from '../../src/wire/compression.ts'
import { setBaseOffset } from '../../src/wire/record-batch.ts'

const parent = process.argv[2] ?? tmpdir()
const recoverBytes = Number(process.argv[3] ?? 1) * 1024 ** 3
const ROUNDS = 5
const TOPIC_ID = 'Sg4pPkLVQm6jVFTTxh2hVw'
const template = makeBatch()

await loadCompression()
for (const durability of [{ kind: 'os' }, { kind: 'sync' }] as const) {
  await inFresh(durability, async log => {
    await rounds(`append, ${durability.kind}, a flush every 64 batches`, 'MB/s', () => appends(log, 4000, 64))
    if (durability.kind === 'sync') await rounds('append, sync, a flush for every batch', 'MB/s', () => appends(log, 300, 1))
    await rounds(`read at the tail, 1 MiB a fetch, ${durability.kind}`, 'MB/s', () => Promise.resolve(reads(log, log.highWatermark - 128 * 2000)))
    await rounds(`read from the start, 1 MiB a fetch, ${durability.kind}`, 'MB/s', () => Promise.resolve(reads(log, 0)))
  })
}
await recovery()

async function appends(log: PartitionLog, count: number, flushEvery: number): Promise<number> {
  // Copies are made outside of the clock: in the broker the bytes come from a socket and are the log's own.
  const batches = Array.from({ length: count }, () => Buffer.from(template))
  for (const batch of batches) setBaseOffset(batch, 0, 0)
  const started = performance.now()
  for (let index = 0; index < count; index++) {
    const { lastOffset } = log.append(batches[index] ?? template, { origin: 'client' })
    if (index % flushEvery === flushEvery - 1) await log.flushed(lastOffset + 1)
  }
  await log.flushed(log.logEndOffset)
  return count * template.length / (performance.now() - started) / 1000
}

function reads(log: PartitionLog, from: number): number {
  const started = performance.now()
  let bytes = 0
  let offset = Math.max(0, from)
  while (offset < log.highWatermark && bytes < 256e6) {
    const { records } = log.read({ offset, bytesMax: 1_048_576, isolation: 'uncommitted', minOneBatch: true })
    if (records.length === 0) break
    bytes += records.length
    offset += records.length / template.length * 128
  }
  return bytes / (performance.now() - started) / 1000
}

async function recovery(): Promise<void> {
  const directory = mkdtempSync(join(parent, 'millrace-bench-'))
  try {
    const manager = await open(directory, { kind: 'os' })
    const log = await openPartition(manager)
    // A little less than a segment, so that all of it is the active one: the worst case.
    for (let bytes = 0; bytes < recoverBytes * 0.99; bytes += template.length) log.append(Buffer.from(template), { origin: 'client' })
    await manager.checkpoint()
    const end = log.logEndOffset
    log.abandon()
    // As after a SIGKILL: no clean marker. The lock is this process's own, so the copy is opened by a manager of its own name.
    const { cpSync } = await import('node:fs')
    cpSync(directory, `${directory}-killed`, { recursive: true })
    await manager.close().catch(() => {})
    for (const what of ['after a kill, checkpointed just before', 'again'] as const) {
      const killed = await open(`${directory}-killed`, { kind: 'sync' })
      const started = performance.now()
      const recovered = await openPartition(killed)
      const { bytesScanned, segments } = recovered.recovery
      console.log(`recovery of ${(recovered.sizeBytes / 1e6).toFixed(0)} MB in ${segments} segments, ${what}: ${(performance.now() - started).toFixed(0)} ms, ${(bytesScanned / 1e6).toFixed(0)} MB scanned${recovered.logEndOffset === end ? '' : ' END DIFFERS'}`)
      await killed.close()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
    rmSync(`${directory}-killed`, { recursive: true, force: true })
  }
}

async function inFresh(durability: Durability, work: (log: PartitionLog) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(parent, 'millrace-bench-'))
  try {
    const manager = await open(directory, durability)
    await work(await openPartition(manager))
    await manager.close()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function open(directory: string, durability: Durability): Promise<LogManager> {
  return LogManager.open(realEnv, { directory, durability })
}

function openPartition(manager: LogManager): Promise<PartitionLog> {
  return manager.openPartition({ topicId: TOPIC_ID, topic: 'bench', partition: 0, config: { ...DEFAULT_LOG_CONFIG, retentionMs: -1 } })
}

async function rounds(name: string, unit: string, run: () => Promise<number>): Promise<void> {
  await run()
  const results: number[] = []
  for (let round = 0; round < ROUNDS; round++) results.push(await run())
  results.sort((a, b) => a - b)
  console.log(`${name}: ${results[ROUNDS >> 1]?.toFixed(0)} ${unit} (${results[0]?.toFixed(0)}–${results[ROUNDS - 1]?.toFixed(0)})`)
}

function makeBatch(): Buffer {
  const builder = new BatchBuilder({ bytesMax: 64 * 1024 })
  for (let index = 0; index < 128; index++) builder.append(Date.now(), Buffer.from(`shopper-${index}`), Buffer.from(JSON.stringify({ type: 'view', shopper: `shopper-${index}`, item: `item-${index * 7}`, price: 19.99, at: Date.now() })))
  return Buffer.from(builder.build())
}
