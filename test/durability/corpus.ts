/**
 * Data directories to damage: what a broker left after a clean stop, and what it left when it was killed; and what must be read from them.
 *
 * C1. Every kind of file is there: rolled and sealed segments, each codec, aborted and committed transactions, one that is open, a compacted topic,
 *     a group's offsets, snapshots of producers, state files, checkpoints, commit marks.
 * C2. Everything in it was acknowledged under `sync`.
 */
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { realEnv } from '../../src/env/real/env.ts'
import type { Env } from '../../src/env/env.ts'
import { MillraceError } from '../../src/base/errors.ts'
import { LogManager } from '../../src/log/log-manager.ts'
import type { PartitionLog } from '../../src/log/partition-log.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/log/types.ts'
import { loadCompression } from '../../src/wire/compression.ts'
import type { CodecName } from '../../src/wire/compression.ts'
import { walkBatches } from '../../src/wire/record-batch.ts'
import { readAll } from '../support/log-batches.ts'

export interface Corpus {
  readonly name: 'clean' | 'killed'
  readonly directory: string
}

/** Every line is one record or lookup, in order, by partition. */
export type Contents = ReadonlyMap<string, readonly string[]>

export async function makeCorpora(directory: string): Promise<readonly [Corpus, Corpus]> {
  await loadCompression()
  const clean = join(directory, 'clean')
  const killed = join(directory, 'killed')
  mkdirSync(clean, { recursive: true })
  const broker = await Broker.start(realEnv, { directory: clean, port: 0 })
  try {
    await fill(broker.address)
    // What a SIGKILL leaves is what the page cache holds: the files as they are read now.
    cpSync(clean, killed, { recursive: true })
  } finally {
    await broker.close()
  }
  return [{ name: 'clean', directory: clean }, { name: 'killed', directory: killed }]
}

async function fill(bootstrap: string): Promise<void> {
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'corpus' })
  try {
    const admin = new Admin(cluster)
    await admin.createTopics([
      { name: 'orders', partitions: 2, configs: { 'segment.bytes': '4096', 'retention.ms': '-1' } },
      { name: 'profiles', partitions: 1, configs: { 'segment.bytes': '4096', 'cleanup.policy': 'compact' } },
    ])
    await writeOrders(cluster)
    await writeTransactions(cluster)
    // One that stays open: its owner may still commit it after any restart.
    const open = new Producer(cluster, { transactionalId: 'open', transactionTimeoutMs: 600_000 })
    await open.init()
    open.begin()
    open.send('orders', 1, 1_000, Buffer.from('open'), Buffer.from('not decided yet'))
    await open.flush()
    await open.sendOffsets({ groupId: 'readers', generation: -1, memberId: '', groupInstanceId: undefined }, [{ topic: 'orders', partition: 0, offset: 7, leaderEpoch: 0, metadata: 'pending' }])
  } finally {
    await cluster.close()
  }
}

async function writeOrders(cluster: Cluster): Promise<void> {
  const codecs: readonly CodecName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
  for (const [index, codec] of codecs.entries()) {
    const producer = new Producer(cluster, { codec, batchBytesMax: 600 })
    await producer.init()
    for (let number = 0; number < 60; number++) {
      const id = index * 60 + number
      producer.send('orders', id % 2, 1_000 + id, Buffer.from(`k${id % 7}`), Buffer.from(`order ${id} ${'x'.repeat(40 + id % 50)}`))
      producer.send('profiles', 0, 1_000 + id, Buffer.from(`p${id % 5}`), id % 11 === 10 ? null : Buffer.from(`profile ${id} ${'y'.repeat(60)}`))
      if (number % 9 === 8) await producer.flush()
    }
    await producer.close()
  }
}

async function writeTransactions(cluster: Cluster): Promise<void> {
  const producer = new Producer(cluster, { transactionalId: 'mover' })
  await producer.init()
  for (let number = 0; number < 12; number++) {
    producer.begin()
    for (let each = 0; each < 3; each++) producer.send('orders', each % 2, 2_000 + number, Buffer.from(`t${number}`), Buffer.from(`transaction ${number}.${each}`))
    await producer.sendOffsets({ groupId: 'readers', generation: -1, memberId: '', groupInstanceId: undefined }, [{ topic: 'orders', partition: 1, offset: number, leaderEpoch: 0, metadata: '' }])
    await (number % 3 === 2 ? producer.abort() : producer.commit())
  }
  await producer.close()
}

/** What every client does with the batches that it gets. */
function checkSums(log: PartitionLog): void {
  for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
    const { records } = log.read({ offset, isolation: 'uncommitted', bytesMax: 64 * 1024, minOneBatch: true })
    // A compacted log may end with offsets that no record is left of.
    if (records.length === 0) return
    for (const batch of walkBatches(records)) {
      if (!batch.verifyCrc()) throw new MillraceError('BATCH_CORRUPT', `the checksum of the batch at offset ${batch.baseOffset} does not hold`)
      offset = batch.lastOffset + 1
    }
  }
}

/** All that the directory holds: every record as each isolation level sees it, and where times are found. */
export async function contentsOf(env: Env, directory: string): Promise<Contents> {
  const manager = await LogManager.open(env, { directory, durability: { kind: 'sync' }, minFreeBytes: 0 })
  const contents = new Map<string, string[]>()
  try {
    for (const id of manager.partitionsOnDisk()) {
      const log = await manager.openPartition({ ...id, config: DEFAULT_LOG_CONFIG })
      checkSums(log)
      const lines = (isolation: 'uncommitted' | 'committed'): string[] => readAll(log, { isolation, bytesMax: 700 })
        .map(record => `${isolation} ${record.offset} ${record.timestamp} ${record.producerId} ${record.control} ${record.key ?? '-'} ${record.value ?? '-'}`)
      contents.set(`${id.topic}-${id.partition}`, [...lines('uncommitted')])
      contents.set(`${id.topic}-${id.partition} committed`, [...lines('committed')])
      if (!id.topic.startsWith('__')) {
        contents.set(`${id.topic}-${id.partition} times`, [900, 1_000, 1_077, 1_150, 1_299, 2_005].map(time => `${time} ${log.offsetForTimestamp(time)?.offset ?? 'none'}`))
      }
    }
  } finally {
    await manager.close()
  }
  return contents
}
