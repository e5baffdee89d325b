/**
 * A process that writes to a log until it is killed, and says what was acknowledged.
 *
 *   node writer.js DIRECTORY [segment bytes]
 *
 * Each record's value is its offset, so that any record out of place shows by itself. Lines: `recovered END TRUNCATED`, then
 * `ack NEXT` after each flush. At start everything is read and checked. Ends with the error's exit code (5: disk or log failed).
 */
import { writeSync } from 'node:fs'
import { exitCodeOf, messageOf } from '../../../src/base/errors.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { LogManager } from '../../../src/log/log-manager.ts'
import { loadCompression } from '../../../src/wire/compression.ts'
import { batchOf, configOf, readAll, TOPIC_ID } from '../../support/log-batches.ts'

const [directory, segmentBytes] = process.argv.slice(2)
if (directory === undefined) throw new Error('usage: writer.js DIRECTORY [segment bytes]')
const say = (line: string): void => void writeSync(1, `${line}\n`)

try {
  await loadCompression()
  const manager = await LogManager.open(realEnv, { directory, durability: { kind: 'sync' }, minFreeBytes: 0 })
  const log = await manager.openPartition({ topicId: TOPIC_ID, topic: 'kill', partition: 0, config: configOf({ segmentBytes: Number(segmentBytes ?? 65_536), retentionMs: -1 }) })
  const records = readAll(log, { bytesMax: 1_000_000 })
  records.forEach((record, index) => {
    if (record.offset !== index || record.value?.split(' ')[0] !== String(index)) throw new Error(`record ${index} is ${record.offset} '${record.value}'`)
  })
  if (records.length !== log.logEndOffset) throw new Error(`${records.length} records, the log ends at ${log.logEndOffset}`)
  say(`recovered ${log.logEndOffset} ${log.recovery.bytesTruncated}`)
  for (let round = 0; ; round++) {
    // Several appends a flush, so that a cut finds more than one batch under way.
    for (let batch = 0; batch < 1 + round % 4; batch++) {
      const base = log.logEndOffset
      log.append(batchOf(Array.from({ length: 1 + (base + batch) % 5 }, (_, index) => ({ key: `k${index}`, value: `${base + index} ${'x'.repeat((base * 31) % 400)}`, timestamp: Date.now() })), { codec: base % 3 === 0 ? 'lz4' : 'none' }), { origin: 'client' })
    }
    await log.flushed(log.logEndOffset)
    say(`ack ${log.highWatermark}`)
    if (round % 50 === 49) await manager.checkpoint()
  }
} catch (error) {
  say(`failed ${messageOf(error)}`)
  process.exitCode = exitCodeOf(error)
}
