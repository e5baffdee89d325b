/**
 * What the log says where books do not balance: every batch and marker around the records in question, committed or not, and what the processes logged.
 * Written into a folder that outlives the test, because a failure that comes once in hundreds of runs is only understood from what it left.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '../../../src/client/admin.ts'
import type { Cluster } from '../../../src/client/cluster.ts'
import { Fetcher } from '../../../src/client/fetcher.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { endTxnMarkerOf } from '../../../src/wire/batch-builder.ts'
import { BatchView } from '../../../src/wire/record-batch.ts'

/** Writes one file for each topic and one with the processes' output; returns their folder. */
export async function keepEvidence(cluster: Cluster, topics: readonly string[], output: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-evidence-'))
  writeFileSync(join(folder, 'processes.log'), output)
  for (const topic of topics) writeFileSync(join(folder, `${topic}.txt`), (await batchesOf(cluster, topic)).join('\n'))
  return folder
}

/** A line for each batch of the topic: partition, offsets, time, producer id and epoch, what it is, and its records' values. */
async function batchesOf(cluster: Cluster, topic: string): Promise<string[]> {
  const parts = (await cluster.partitions(topic)).map(({ partition }) => ({ topic, partition }))
  const ends = new Map((await new Admin(cluster).listOffsets(parts, 'latest', { isolation: 'read_uncommitted' })).map(each => [each.partition, each.offset] as const))
  const fetcher = new Fetcher(cluster, { isolation: 'read_uncommitted' })
  const lines: string[] = []
  for (const [partition, end] of ends) {
    if (end > 0) fetcher.assign(topic, partition, 'earliest')
    else ends.delete(partition)
  }
  const deadline = Date.now() + 60_000
  while (ends.size > 0 && Date.now() < deadline) {
    const fetched = fetcher.poll()
    if (fetched === undefined) {
      await realEnv.clock.sleep(5)
      continue
    }
    for (let position = 0; position < fetched.batches.length;) {
      const view = new BatchView(fetched.batches, position)
      lines.push(`${fetched.partition} ${describe(view)}`)
      position = view.end
    }
    if (fetched.offsetNext >= (ends.get(fetched.partition) ?? Infinity)) ends.delete(fetched.partition)
    fetched.release()
  }
  await fetcher.close()
  return lines
}

function describe(view: BatchView): string {
  const what = view.isControl ? endTxnMarkerOf(view)?.type ?? 'control' : view.isTransactional ? 'transactional' : 'plain'
  const head = `${view.baseOffset}-${view.lastOffset} ${new Date(view.maxTimestamp).toISOString()} producer ${view.producerId} epoch ${view.producerEpoch} sequence ${view.baseSequence} ${what}`
  if (view.isControl) return head
  const values: string[] = []
  for (const record = view.records(); record.next();) values.push(`${record.buffer.toString('utf8', record.keyStart, record.keyEnd)}=${record.buffer.toString('utf8', record.valueStart, record.valueEnd)}`)
  return `${head} ${values.join(' ')}`
}
