/**
 * Kills an app again and again, by SIGKILL at random moments and at the named failpoints of a commit, while numbered records flow; then the books must balance.
 *
 *   node dist/test/real/runtime/kill-loop.js --bootstrap localhost:19092 --kills 100 [--processes 3] [--guarantee atLeastOnce] [--rate 2000] [--seed 1] [--threads 1]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { FAILPOINTS } from '../../../src/runtime/failpoints.ts'
import { startProcess } from '../../support/processes.ts'
import type { Started } from '../../support/processes.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { balanced, drained, NumberedProducer, recount } from './books.ts'
import type { Books } from './books.ts'
import { keepEvidence } from './evidence.ts'

export interface KillLoopOptions {
  readonly bootstrap: string
  readonly kills: number
  readonly processes?: number | undefined
  readonly guarantee?: 'exactlyOnce' | 'atLeastOnce' | undefined
  readonly perSecond?: number | undefined
  readonly seed?: number | undefined
  readonly threads?: number | undefined
  /** Counts are combined before they travel. */
  readonly combined?: boolean | undefined
  /** Stops a process (SIGSTOP) for this long after the kills, then lets it go on: a zombie that must find itself fenced. */
  readonly pauseMs?: number | undefined
  /** Something else that goes wrong, before every third kill: a broker that dies. */
  readonly disturb?: (() => Promise<void>) | undefined
  readonly log?: ((line: string) => void) | undefined
}

const APP = join(dirname(fileURLToPath(import.meta.url)), 'kill-app.js')
const PARTITIONS = 4
/** Commits come several a second; a point that is not reached in this time is not on their way. */
const FAILPOINT_MS_MAX = 30_000

export async function killLoop(options: KillLoopOptions): Promise<Books> {
  const seed = options.seed ?? Math.floor(Math.random() * 1e9)
  const log = options.log ?? (() => {})
  const prefix = `kill${seed}x${process.pid}`
  const data = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
  log(`seed ${seed}, prefix ${prefix}`)
  const cluster = await Cluster.connect(realEnv, { bootstrap: options.bootstrap, clientId: 'kill-loop' })
  const admin = new Admin(cluster)
  await admin.createTopics([{ name: `${prefix}.input`, partitions: PARTITIONS }])
  await cluster.refresh([`${prefix}.input`])
  const producer = new NumberedProducer(cluster, `${prefix}.input`, PARTITIONS)
  const fleet = new Fleet(options, { prefix, data, random: seededRandom(seed), log })
  try {
    await fleet.startAll()
    await producer.start(options.perSecond ?? 1_000)
    for (let kill = 1; kill <= options.kills; kill++) {
      if (kill % 3 === 0) await options.disturb?.()
      await fleet.killOne(kill)
    }
    if (options.pauseMs !== undefined) await fleet.pauseOne(options.pauseMs)
    await producer.stop()
    if (!await drained(options.bootstrap, prefix, 60_000)) throw new Error(`the app did not read all of its input in 60 s\n${await fleet.status()}`)
    await fleet.stopAll()
    const books = await recount(options.bootstrap, prefix, { combined: options.combined })
    // Without the transaction an imbalance is what is asked for.
    if (balanced(books) || options.guarantee === 'atLeastOnce') return books
    const topics = (await admin.listTopics()).filter(name => name.startsWith(`${prefix}.`))
    const evidence = await keepEvidence(cluster, topics, fleet.output())
    return { ...books, examples: [...books.examples, `the logs are kept in ${evidence}`] }
  } finally {
    await fleet.killAll()
    const topics = (await admin.listTopics()).filter(name => name.startsWith(`${prefix}.`))
    await admin.deleteTopics(topics)
    await cluster.close()
    rmSync(data, { recursive: true, force: true })
  }
}

interface FleetRun {
  readonly prefix: string
  readonly data: string
  readonly random: SeededRandom
  readonly log: (line: string) => void
}

/** The processes of the app; every second kill is by failpoint, the others by a timer. */
class Fleet {
  readonly #options: KillLoopOptions
  readonly #run: FleetRun
  readonly #running: Started[] = []
  readonly #ended: Started[] = []
  /** Names of the points at which processes end by themselves. */
  readonly #failpoints = new Map<Started, string>()
  #failpoint = 0

  constructor(options: KillLoopOptions, run: FleetRun) {
    this.#options = options
    this.#run = run
  }

  async startAll(): Promise<void> {
    for (let index = 0; index < (this.#options.processes ?? 1); index++) this.#running.push(await this.#start(undefined))
  }

  async killOne(number: number): Promise<void> {
    const index = this.#run.random.below(this.#running.length)
    const victim = this.#running[index]
    if (victim === undefined) throw new Error('no process to kill')
    const failpoint = this.#failpoints.get(victim)
    const [how, waitMs] = await this.#end(victim)
    const startedAt = Date.now()
    this.#ended.push(victim)
    this.#running[index] = await this.#start(number % 2 === 0 && number < this.#options.kills ? this.#nextFailpoint() : undefined)
    this.#run.log(`kill ${number}: ${how === 'failpoint' ? `failpoint ${failpoint}` : how} after ${waitMs} ms, back in ${Date.now() - startedAt} ms`)
  }

  async pauseOne(ms: number): Promise<void> {
    const zombie = this.#running[this.#run.random.below(this.#running.length)]
    // In calm, or in the rebalance that a kill before it has begun.
    await realEnv.clock.sleep(this.#run.random.below(1_500))
    zombie?.child.kill('SIGSTOP')
    await realEnv.clock.sleep(ms)
    zombie?.child.kill('SIGCONT')
    this.#run.log(`paused a process for ${ms} ms`)
    await realEnv.clock.sleep(2_000)
  }

  /** Waits for its failpoint to hit, or kills at a random moment one that has none. */
  async #end(victim: Started): Promise<[string, number]> {
    const startedAt = Date.now()
    if (this.#failpoints.has(victim)) await Promise.race([victim.exited, realEnv.clock.sleep(FAILPOINT_MS_MAX)])
    else await Promise.race([victim.exited, realEnv.clock.sleep(this.#run.random.below(900))])
    const byItself = victim.child.exitCode !== null || victim.child.signalCode !== null
    const ran = await victim.kill('SIGKILL')
    if (ran.signal !== 'SIGKILL') throw new Error(`the app ended by itself: ${ran.exitCode ?? ran.signal}\n${ran.stdout.slice(-4000)}\n${ran.stderr.slice(-4000)}`)
    return [byItself ? 'failpoint' : 'SIGKILL', Date.now() - startedAt]
  }

  #nextFailpoint(): string {
    const point = FAILPOINTS[this.#failpoint++ % FAILPOINTS.length]
    return `${point}:${1 + this.#run.random.below(12)}`
  }

  async #start(failpoint: string | undefined): Promise<Started> {
    const { bootstrap, guarantee = 'exactlyOnce', threads = 0, combined = false } = this.#options
    const started = startProcess(process.execPath, ['--enable-source-maps', APP], {
      env: {
        KILL_BOOTSTRAP: bootstrap, KILL_PREFIX: this.#run.prefix, KILL_DATA: this.#run.data, KILL_GUARANTEE: guarantee, KILL_THREADS: String(threads), KILL_COMBINED: combined ? '1' : '', KILL_PARTITIONS: String(PARTITIONS),
        KILL_LOG: process.env['KILL_LOG'] ?? 'info', ...(failpoint === undefined ? {} : { MILLRACE_FAILPOINT: failpoint }),
      },
    })
    if (failpoint !== undefined) this.#failpoints.set(started, failpoint.replace(/:.*/, ''))
    // A failpoint may hit before the app says that it runs.
    await Promise.race([started.waitFor(/^running$/m, 60_000), started.exited])
    return started
  }

  /** The processes' own view, for the message of a failure. */
  async status(): Promise<string> {
    for (const one of this.#running) one.child.kill('SIGUSR2')
    await realEnv.clock.sleep(1_000)
    return this.output().slice(-8_000)
  }

  output(): string {
    return [...this.#ended, ...this.#running].map(one => `process ${one.child.pid}\n${one.stdout()}${one.stderr()}`).join('\n---\n')
  }

  async stopAll(): Promise<void> {
    for (const one of this.#running) {
      const ran = await Promise.race([one.kill('SIGTERM'), new Promise<undefined>(resolve => { realEnv.clock.setTimer(() => resolve(undefined), 20_000, { background: true }) })])
      if (ran === undefined) throw new Error(`the app did not end on SIGTERM within 20 s\n${this.output().slice(-4000)}`)
    }
  }

  async killAll(): Promise<void> {
    for (const one of this.#running) await one.kill('SIGKILL')
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: {
    bootstrap: { type: 'string', default: 'localhost:19092' }, kills: { type: 'string', default: '20' }, processes: { type: 'string', default: '1' },
    guarantee: { type: 'string', default: 'exactlyOnce' }, rate: { type: 'string', default: '1000' }, seed: { type: 'string' }, threads: { type: 'string', default: '0' }, pause: { type: 'string' },
  } })
  const books = await killLoop({
    bootstrap: values.bootstrap, kills: Number(values.kills), processes: Number(values.processes), perSecond: Number(values.rate), threads: Number(values.threads),
    pauseMs: values.pause === undefined ? undefined : Number(values.pause),
    guarantee: values.guarantee === 'atLeastOnce' ? 'atLeastOnce' : 'exactlyOnce', seed: values.seed === undefined ? undefined : Number(values.seed), log: line => console.log(line),
  })
  console.log(JSON.stringify(books))
  process.exit(books.lost + books.doubled + books.outOfOrder + books.countsWrong === 0 ? 0 : 1)
}

if (process.argv[1]?.endsWith('kill-loop.js') === true) await main()
