/** When a batch of somebody's results begins to be in Kafka: the moment at which a kill finds it between its write and its commit. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin } from '../../src/client/admin.ts'
import type { Cluster } from '../../src/client/cluster.ts'

const POLL_MS = 15
const MS_MAX = 120_000

/** The sum of a topic's ends. */
export async function endOf(cluster: Cluster, topic: string, isolation: 'read_committed' | 'read_uncommitted'): Promise<number> {
  const parts = (await cluster.partitions(topic)).map(({ partition }) => ({ topic, partition }))
  return (await new Admin(cluster).listOffsets(parts, 'latest', { isolation })).reduce((sum, { offset }) => sum + offset, 0)
}

/**
 * Resolves as soon as the results of a batch begin to be there, committed or not. What a batch writes comes in several requests, so the next batch is what comes
 * after `quietMs` of nothing: less than what each batch stands still, more than what lies between two of its requests.
 */
export async function nextBatch(cluster: Cluster, topic: string, quietMs: number, log: () => string): Promise<void> {
  const deadline = performance.now() + MS_MAX
  let end = await endOf(cluster, topic, 'read_uncommitted')
  for (let last = performance.now(); ;) {
    if (performance.now() > deadline) throw new Error(`no batch came to ${topic} for two minutes\n${log()}`)
    await sleep(POLL_MS)
    const now = await endOf(cluster, topic, 'read_uncommitted')
    const isQuiet = performance.now() - last >= quietMs
    if (now === end) continue
    if (isQuiet) return
    end = now
    last = performance.now()
  }
}
