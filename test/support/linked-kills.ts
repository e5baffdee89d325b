/**
 * An app with a task of another engine, killed while numbered clicks flow through it: nothing lost, nothing doubled, state exact.
 *
 * The chain is `clicks → … → counted`, where the engine's task adds to each click how many its key has had: so the output says by itself whether
 * the engine's state survived. The ledger's two verifiers recount what came through, and `recounted` recomputes the counts. Where either is wrong, the topics'
 * batches and the app's log are kept in a folder that outlives the test, which the output names.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster } from '../../src/client/cluster.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { Admin } from '../../src/client/admin.ts'
import { readAll } from '../real/runtime/books.ts'
import { keepEvidence } from '../real/runtime/evidence.ts'
import { type BalanceSpec, verifyLedger } from './ledger.ts'
import { countsEvidence, type WrongCount } from './linked-evidence.ts'
import type { JobRequest } from '../../src/http/job-request.ts'
import type { LedgerAccount } from '../../src/http/ledger.ts'
import { NumberedClicks } from './numbered-clicks.ts'
import { seededRandom } from './seeded-random.ts'
import { until, Watched } from './watched.ts'

/** Of Apache Kafka, or the embedded one. */
export interface KillableBroker {
  readonly id: number
  kill(): Promise<void>
  start(): Promise<unknown>
}

/** Brokers that die at once, and processes of the app that die while they come back. Where others are left, records must flow without a single one first. */
export interface BrokerKill {
  readonly brokers: readonly number[]
  readonly meanwhile?: readonly string[] | undefined
}

/** Something that is no process of the app. */
export interface OtherKill {
  readonly what: string
  kill(): Promise<void>
}

export interface LinkedKillsOptions {
  /** The app's module. */
  readonly entry: string
  readonly bootstrap: string
  /** Names of processes to kill, what to ask of a job, and brokers to kill, in turn. */
  readonly kills: readonly (string | JobRequest | BrokerKill | OtherKill)[]
  /** The cluster's. */
  readonly brokers?: readonly KillableBroker[] | undefined
  /** Each kill waits for up to a second more; the random numbers' seed. Without it none does. */
  readonly seed?: number | undefined
  readonly input: string
  readonly output: string
  /** Topics between the two, in their order, with the click's id: shown where counts are wrong. */
  readonly between?: readonly string[] | undefined
  readonly balances: readonly BalanceSpec[]
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly perSecond?: number | undefined
  /** Further fields of a click. */
  readonly more?: ((seq: number) => Readonly<Record<string, unknown>>) | undefined
  /** Verifiers to recount with; both without it. */
  readonly clients?: readonly ('node' | 'python')[] | undefined
  /** False: an engine that doubles what it has not committed when killed; then the accounts are for the caller to judge. */
  readonly exact?: boolean | undefined
  /** A task whose lag, rates and latency must be known while it runs, from Kafka or from its engine; of Storm its own metrics too. */
  readonly measured?: string | undefined
  /** What a task of ours must have dropped some of, as it counts itself: `{ task: 'once', why: 'distinct: duplicate' }`. */
  readonly drops?: { readonly task: string; readonly why: string } | undefined
}

export interface LinkedKillsResult {
  /** How many `drops` has counted. */
  readonly dropped: number
  readonly sent: number
  readonly accounts: readonly LedgerAccount[]
  /** Rows of `output` whose count is not one more than the one before of its key. */
  readonly countsWrong: number
}

const PARTITIONS = 4
const KEYS = 31
/** A job of another engine takes its time to come back. */
const FLOW_SECONDS_MAX = 180

export async function linkedKills(options: LinkedKillsOptions): Promise<LinkedKillsResult> {
  const { bootstrap, input, output, exact = true } = options
  const directory = mkdtempSync(join(tmpdir(), 'millrace-linked-'))
  const watched = await Watched.start(options.entry, bootstrap, directory, options.env)
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'linked-test' })
  const clicks = new NumberedClicks(cluster, { topic: input, perSecond: options.perSecond ?? 200, keys: KEYS, ...options.more === undefined ? {} : { more: options.more } })
  try {
    await clicks.start()
    const random = seededRandom(options.seed ?? 1)
    for (const kill of options.kills) {
      await flows(cluster, output, `before the next step, ${JSON.stringify(kill)}`, watched)
      if (options.seed !== undefined) await realEnv.clock.sleep(random.below(1_000))
      if (typeof kill === 'string') await watched.kill(kill)
      else if ('what' in kill) await kill.kill()
      else if ('brokers' in kill) await brokersKilled(kill, options.brokers ?? [], watched, { cluster, topic: output })
      else await watched.control(kill)
    }
    await flows(cluster, output, 'after the last kill', watched)
    if (options.measured !== undefined) await isMeasured(watched, options.measured)
    await clicks.stop()
    await until('every click has come out', async () => (await recounted(cluster, output)).ids >= clicks.sent, watched.log, FLOW_SECONDS_MAX)
    const { wrong } = await recounted(cluster, output)
    if (exact && wrong.length > 0) console.log(await countsEvidence(cluster, wrong, [input, ...options.between ?? [], output], directory))
    const accounts = []
    for (const client of options.clients ?? ['node', 'python'] as const) {
      const { account } = await verifyLedger(client, bootstrap, options.balances)
      if (exact && (wrong.length > 0 || !account.balanced)) console.log(`${client}: ${JSON.stringify(account)}`)
      accounts.push(account)
    }
    if (exact && (wrong.length > 0 || accounts.some(account => !account.balanced))) {
      const topics = new Set([input, ...options.balances.flatMap(balance => [balance.in.topic, balance.out.topic]), output])
      console.log(`the topics' batches and the app's log are kept in ${await keepEvidence(cluster, [...topics], watched.log())}`)
    }
    if (exact) assert.ok(accounts.every(account => account.balanced), 'the books balance')
    if (exact) assert.equal(wrong.length, 0, 'rows whose count is not one more than the one before')
    const gaps = (await watched.processes()).map(({ name, restarts, gapMs }) => `${name}: ${restarts} restarts, last gap ${gapMs} ms`)
    console.log(`${clicks.sent} clicks, ${options.kills.length} kills; ${gaps.join('; ')}`)
    const dropped = options.drops === undefined ? 0 : await droppedBy(watched, options.drops)
    await watched.stop()
    return { dropped, sent: clicks.sent, accounts, countsWrong: wrong.length }
  } catch (error) {
    console.log(watched.log())
    throw error
  } finally {
    await clicks.stop()
    await cluster.close()
    await watched.end()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function brokersKilled({ brokers, meanwhile = [] }: BrokerKill, all: readonly KillableBroker[], watched: Watched, { cluster, topic }: { readonly cluster: Cluster; readonly topic: string }): Promise<void> {
  const killed = all.filter(broker => brokers.includes(broker.id))
  assert.equal(killed.length, brokers.length, 'there are such brokers')
  await Promise.all(killed.map(broker => broker.kill()))
  if (brokers.length === 1 && all.length > 1) await flows(cluster, topic, `without broker ${brokers.join()}`, watched)
  const processes = async (): Promise<void> => { for (const name of meanwhile) await watched.kill(name) }
  await Promise.all([...killed.map(broker => broker.start()), processes()])
  const admin = new Admin(cluster)
  const names = await admin.listTopics({ internal: true })
  await until('all replicas are in sync', async () => (await admin.describeTopics(names)).every(each => each.partitions.every(partition => partition.inSync.length === partition.replicas.length)), watched.log, FLOW_SECONDS_MAX)
}

async function isMeasured(watched: Watched, name: string): Promise<void> {
  await until(`lag and rates of ${name} are told`, async () => {
    const { engine, lagRecords = null, inPerSecond = null, outPerSecond = null, latency = null, job = null } = await watched.task(name) ?? {}
    if (lagRecords === null || inPerSecond === null || outPerSecond === null || inPerSecond === 0 || outPerSecond === 0 || latency === null) return false
    if (engine === 'storm' && (job === null || job.storm === null || job.storm.completeLatencyMs === null || job.storm.acked === 0)) return false
    console.log(`${name}: ${inPerSecond.toFixed(0)}/s in, ${outPerSecond.toFixed(0)}/s out, lag ${lagRecords}, latency ${JSON.stringify(latency)}, storm ${JSON.stringify(job?.storm)}`)
    return true
  }, watched.log)
}

async function droppedBy(watched: Watched, { task, why }: NonNullable<LinkedKillsOptions['drops']>): Promise<number> {
  let count = 0
  await until(`${task} says how many it dropped (${why})`, async () => {
    count = (await watched.task(task))?.dropped?.[why] ?? 0
    return count > 0
  }, watched.log)
  return count
}

async function flows(cluster: Cluster, topic: string, when: string, watched: Watched): Promise<void> {
  const before = await endOf(cluster, topic)
  await until(`${topic} grows ${when}`, async () => await endOf(cluster, topic) > before + 100, watched.log, FLOW_SECONDS_MAX)
}

async function endOf(cluster: Cluster, topic: string): Promise<number> {
  const ends = await new Admin(cluster).listOffsets(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })), 'latest', { isolation: 'read_committed' })
  return ends.reduce((sum, { offset }) => sum + offset, 0)
}

/** Recomputes the counts of `topic` from its own rows: per key 1, 2, 3 … */
async function recounted(cluster: Cluster, topic: string): Promise<{ readonly ids: number; readonly wrong: readonly WrongCount[] }> {
  const counts = new Map<string, number>()
  const ids = new Set<string>()
  const wrong: WrongCount[] = []
  await readAll(cluster, topic, (partition, offset, key, value) => {
    // Written by the tasks under test; `ours` by one that counts again what the engine has counted.
    const { id, seq, count, ours = count } = JSON.parse(value) as { id: string; seq: number; count: number; ours?: number }
    const expected = (counts.get(key) ?? 0) + 1
    if (count !== expected || ours !== expected) wrong.push({ key, partition, offset, id, seq, expected, got: count === expected ? ours : count })
    counts.set(key, count)
    ids.add(id)
  })
  return { ids: ids.size, wrong }
}
