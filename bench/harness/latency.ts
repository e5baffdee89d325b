/**
 * Latency at a fixed rate: how old a committed row of `rekey` is when the independent reader has it, from the moment its event was made.
 *
 * L1. The source is the same for all: this process makes events by the wall clock, in ticks of `TICK_MS`, idempotent, acks=all, without linger; its own way to the
 *     broker is in every figure. It does not wait for anybody: a contender that falls behind is measured as it falls behind.
 * L2. The reader starts its clock with the first row, waits `WARM_S`, and takes what comes in the `MEASURED_S` after. Fewer rows than were due is `keptUp: false`.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Admin, Cluster, partitionOf, Producer, realEnv } from 'millrace/client'
import type { BenchBroker } from './broker.ts'
import type { Case } from './case.ts'
import { startChild } from './child.ts'
import type { Contender } from './contenders.ts'
import { events } from './input.ts'
import { SCRATCH } from './places.ts'
import { commandOf, readerCommand } from './programs.ts'
import { environmentOf } from './round.ts'

const TICK_MS = 2
const KEPT_SHARE = 0.75
const BEHIND_SHARE = 0.97

export interface LatencyPlan { readonly perSecond: number, readonly commitMs: number, readonly warmS: number, readonly measuredS: number }

/** Of `npm run bench -- --latency`. */
export const PLANS: readonly LatencyPlan[] = [100, 1_000].flatMap(commitMs => [1_000, 10_000, 100_000].map(perSecond => ({ perSecond, commitMs, warmS: 15, measuredS: 20 })))

export type LatencyRound = { readonly index: number, readonly load: number } & (
  | { readonly kind: 'measured', readonly p50: number, readonly p90: number, readonly p99: number, readonly max: number, readonly rowsPerSecond: number, readonly keptUp: boolean }
  | { readonly kind: 'failed', readonly why: string })

export async function latencyRound(of: { readonly broker: BenchBroker, readonly one: Case, readonly contender: Contender, readonly plan: LatencyPlan, readonly name: string, readonly index: number }): Promise<LatencyRound> {
  const { broker, contender, plan, name, index } = of
  const one: Case = { ...of.one, commitMs: plan.commitMs }
  const head = { index, load: loadavg()[0] ?? 0 }
  const [input, output, directory] = [`${name}.in`, `${name}.out`, join(SCRATCH, name)]
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'bench-latency' })
  const admin = new Admin(cluster)
  try {
    mkdirSync(directory, { recursive: true })
    await admin.createTopics([input, output].map(topic => ({ name: topic, partitions: one.partitions, replicas: 1 })))
    const job = commandOf(contender)
    const child = startChild(job.command, job.args, { cwd: job.cwd, log: join(directory, 'said.log'), env: environmentOf({ broker, one, contender, name, input, output, directory }) })
    const source = await startSource(cluster, input, one, plan.perSecond)
    try {
      const { command, args, cwd } = readerCommand()
      const reader = promisify(execFile)(command, [...args, 'latency', broker.bootstrap, 'rekey', output, String(plan.warmS), String(plan.measuredS)], { cwd, timeout: (plan.warmS + plan.measuredS + 90) * 1_000 })
      const { stdout } = await reader
      if (!child.isAlive()) throw new Error(`it ended:\n${child.lastWords()}`)
      const seen = JSON.parse(stdout) as { readonly rows: number, readonly seconds: number, readonly p50: number, readonly p90: number, readonly p99: number, readonly max: number } // As Reader.java prints it.
      const rowsPerSecond = seen.rows / seen.seconds
      return { ...head, kind: 'measured', p50: seen.p50, p90: seen.p90, p99: seen.p99, max: seen.max, rowsPerSecond, keptUp: rowsPerSecond >= plan.perSecond * KEPT_SHARE * BEHIND_SHARE }
    } finally {
      await source.stop()
      await child.end(10_000)
    }
  } catch (error) {
    return { ...head, kind: 'failed', why: (error instanceof Error ? error.message : String(error)).slice(0, 2_000) }
  } finally {
    const left = (await admin.listTopics()).filter(topic => topic.startsWith(name))
    if (left.length > 0) await admin.deleteTopics(left)
    await cluster.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** L1. */
async function startSource(cluster: Cluster, topic: string, one: Case, perSecond: number): Promise<{ stop(): Promise<void> }> {
  const producer = new Producer(cluster, { lingerMs: 0 })
  await producer.init()
  await cluster.partitions(topic)
  let time = Date.now()
  const next = events(one, 1_000_000, { now: () => time })
  const startedMs = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    time = Date.now()
    // What is due by now, but never more than a tenth of a second at once: a stopped process does not make up for it in one batch.
    const due = Math.min(Math.floor((performance.now() - startedMs) / 1_000 * perSecond), sent + perSecond / 10)
    for (; sent < due && !producer.full; sent++) {
      const { key, value, at } = next()
      producer.send(topic, partitionOf(key, one.partitions), at, key, value)
    }
  }, TICK_MS)
  return {
    async stop() {
      clearInterval(timer)
      await producer.flush()
      await producer.close()
    },
  }
}
