/**
 * Kills Apache Kafka brokers and the app's processes while numbered records flow, then recounts: three brokers, replication 3, two in sync at least.
 *
 *   node dist/test/real/runtime/broker-kill-loop.js [--kills 100] [--minutes 60] [--seed 1] [--rate 200]
 *
 * As a command it ends with one JSON object on stdout, and with 0 where all books balance; after `--minutes` no further round begins.
 * `scripts/broker-kill-report.ts` makes a page of docs/reports/ of it.
 *
 * Rounds go by progress, never by time: one broker dies and records must flow without it; or two or all three die at once, and nothing flows until they are
 * back, which is right (two must have each record). Processes of the app die in each round, at some point of it. A round ends when every replica is in sync and
 * records flow again.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import type { LedgerAccount } from '../../../src/http/ledger.ts'
import { type Kafka, type KafkaBroker, startKafka } from '../../support/kafka.ts'
import { verifyLedger } from '../../support/ledger.ts'
import { ROOT } from '../../support/need.ts'
import { type Started, startProcess } from '../../support/processes.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { type Books, drained, NumberedProducer, recount } from './books.ts'

export interface Round {
  /** Ids of the brokers that die at once. */
  readonly brokers: readonly number[]
  /** How many processes of the app die: one while the brokers are gone, a second one while they come back. */
  readonly processes: 1 | 2
}

/** Ten kills of brokers and ten of processes: each broker alone, each with another one, all three. */
export const TEN: readonly Round[] = [
  { brokers: [1], processes: 2 }, { brokers: [2, 3], processes: 1 }, { brokers: [2], processes: 2 }, { brokers: [3, 1], processes: 1 }, { brokers: [3], processes: 2 }, { brokers: [1, 2, 3], processes: 2 },
]

export interface RoundDone extends Round {
  /** From a single broker's death to records flowing without it, milliseconds; `null` where more than one died. */
  readonly failoverMs: number | null
  /** Until all was well again, milliseconds. */
  readonly ms: number
}

export interface Outcome {
  readonly rounds: readonly RoundDone[]
  readonly brokerKills: number
  readonly processKills: number
  readonly seconds: number
  /** By our own reader. */
  readonly books: Books
  /** By the verifiers that share nothing with Millrace. */
  readonly accounts: Readonly<Record<'node' | 'python', LedgerAccount>>
}

export interface BrokerKillOptions {
  readonly rounds: readonly Round[]
  readonly perSecond?: number | undefined
  /** Asked before each round but the first: `false` ends the kills, and the books are recounted. */
  readonly goesOn?: (() => boolean) | undefined
  readonly log?: ((line: string) => void) | undefined
}

const PREFIX = 'brokers'
const PARTITIONS = 6
const PROCESSES = 2
const PER_SECOND = 200
const MS_MAX = 120_000
/** So many further records count as flowing. */
const FLOW = 100

export async function brokerKillLoop(options: BrokerKillOptions): Promise<Outcome> {
  const kafka = await startKafka({ brokers: 3 })
  const data = mkdtempSync(join(tmpdir(), 'millrace-broker-kills-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap, clientId: 'broker-kill-loop' })
  const started = performance.now()
  try {
    const rounds = await new Run(options, kafka, cluster, data).all()
    const books = await recount(kafka.bootstrap, PREFIX)
    const balances = [
      { name: 'copy', group: `${PREFIX}.copy`, in: { topic: `${PREFIX}.input`, id: 'value:id' }, out: { topic: `${PREFIX}.copies`, id: 'value:id', order: 'value:id' } },
      { name: 'count', group: `${PREFIX}.count`, in: { topic: `${PREFIX}.input`, id: 'value:id' }, out: { topic: `${PREFIX}.counts`, id: 'value:last', order: 'value:count' } },
    ]
    const [node, python] = [await verifyLedger('node', kafka.bootstrap, balances), await verifyLedger('python', kafka.bootstrap, balances)]
    return {
      rounds, brokerKills: rounds.reduce((sum, round) => sum + round.brokers.length, 0), processKills: rounds.reduce((sum, round) => sum + round.processes, 0),
      seconds: Math.round((performance.now() - started) / 1000), books, accounts: { node: node.account, python: python.account },
    }
  } finally {
    await cluster.close()
    await kafka.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

class Run {
  readonly #options: BrokerKillOptions
  readonly #kafka: Kafka
  readonly #admin: Admin
  readonly #cluster: Cluster
  readonly #data: string
  readonly #processes: Started[] = []
  #victim = 0

  constructor(options: BrokerKillOptions, kafka: Kafka, cluster: Cluster, data: string) {
    this.#options = options
    this.#kafka = kafka
    this.#cluster = cluster
    this.#admin = new Admin(cluster)
    this.#data = data
  }

  async all(): Promise<RoundDone[]> {
    const { rounds, perSecond = PER_SECOND, goesOn = () => true, log = () => {} } = this.#options
    const done: RoundDone[] = []
    await this.#admin.createTopics([{ name: `${PREFIX}.input`, partitions: PARTITIONS, replicas: 3 }])
    await this.#cluster.refresh([`${PREFIX}.input`])
    const producer = new NumberedProducer(this.#cluster, `${PREFIX}.input`, PARTITIONS)
    try {
      for (let index = 0; index < PROCESSES; index++) this.#processes.push(await this.#startProcess())
      await producer.start(perSecond)
      await this.#flows('at first')
      await this.#inSync()
      for (const [index, round] of rounds.entries()) {
        if (index > 0 && !goesOn()) break
        const each = await this.#round(round)
        done.push(each)
        log(`round ${index + 1} of ${rounds.length}: broker${round.brokers.length === 1 ? '' : 's'} ${round.brokers.join(' ')} and ${round.processes} process${round.processes === 1 ? '' : 'es'} killed${each.failoverMs === null ? '' : `, records flow without it after ${(each.failoverMs / 1000).toFixed(1)} s`}, all well after ${(each.ms / 1000).toFixed(1)} s`)
      }
      await producer.stop()
      assert.ok(await drained(this.#kafka.bootstrap, PREFIX, MS_MAX), `everything is read\n${this.#said()}`)
      for (const each of this.#processes) assert.equal((await each.kill('SIGTERM')).exitCode, 0, each.stderr().slice(-2000))
      return done
    } finally {
      for (const each of this.#processes) await each.kill('SIGKILL')
      await producer.stop()
    }
  }

  async #round(round: Round): Promise<RoundDone> {
    const brokers = this.#kafka.brokers.filter(broker => round.brokers.includes(broker.id))
    const killedAt = performance.now()
    await Promise.all(brokers.map(broker => broker.kill()))
    let failoverMs: number | null = null
    if (brokers.length === 1) {
      await this.#flows(`without broker ${round.brokers.join()}`)
      failoverMs = Math.round(performance.now() - killedAt)
    }
    // Brokers and processes come back side by side, and a second process dies meanwhile.
    await Promise.all([this.#startBrokers(brokers), this.#killProcesses(round.processes)])
    await this.#inSync()
    await this.#flows(`after brokers ${round.brokers.join(' ')} are back`)
    return { ...round, failoverMs, ms: Math.round(performance.now() - killedAt) }
  }

  async #startBrokers(brokers: readonly KafkaBroker[]): Promise<void> {
    await Promise.all(brokers.map(broker => broker.start()))
  }

  async #killProcesses(count: number): Promise<void> {
    for (let kill = 0; kill < count; kill++) {
      const victim = this.#victim++ % PROCESSES
      const process = this.#processes[victim]
      assert.ok(process !== undefined)
      const endedBefore = process.child.exitCode !== null || process.child.signalCode !== null
      const ran = await process.kill('SIGKILL')
      assert.ok(!endedBefore && ran.signal === 'SIGKILL', `a process ended by itself (${ran.exitCode ?? ran.signal})\n${ran.stdout.slice(-4000)}\n${ran.stderr.slice(-4000)}`)
      this.#processes[victim] = await this.#startProcess()
    }
  }

  async #startProcess(): Promise<Started> {
    const started = startProcess(process.execPath, [join(ROOT, 'dist', 'test', 'real', 'runtime', 'kill-app.js')], {
      env: { KILL_BOOTSTRAP: this.#kafka.bootstrap, KILL_PREFIX: PREFIX, KILL_DATA: this.#data, KILL_PARTITIONS: String(PARTITIONS) },
    })
    const isRunning = await started.waitFor(/^running$/m, MS_MAX).then(() => true, (error: unknown) => {
      // With no broker there a process ends at once and says so; whoever watches it starts it again.
      if (!/Cannot reach Kafka/.test(started.stderr())) throw error
      return false
    })
    if (isRunning) return started
    await realEnv.clock.sleep(500)
    return this.#startProcess()
  }

  async #flows(when: string): Promise<void> {
    const before = await this.#counted()
    await this.#until(`records flow ${when}`, async () => await this.#counted() > before + FLOW)
  }

  /** Ends of what the stateful task, the second of two hops, has committed. */
  async #counted(): Promise<number> {
    const ends = await this.#admin.listOffsets(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: `${PREFIX}.counts`, partition })), 'latest', { isolation: 'read_committed' })
    return ends.reduce((sum, { offset }) => sum + offset, 0)
  }

  /** Of every topic, the groups' offsets and transactions too: so that the next broker may die. */
  async #inSync(): Promise<void> {
    const names = await this.#admin.listTopics({ internal: true })
    await this.#until('all replicas are in sync', async () => (await this.#admin.describeTopics(names)).every(topic => topic.partitions.every(partition => partition.replicas.length === 3 && partition.inSync.length === 3)))
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + MS_MAX
    while (!await holds()) {
      assert.ok(Date.now() < deadline, `not within ${MS_MAX / 1000} s: ${what}\n${this.#said()}`)
      await realEnv.clock.sleep(150)
    }
  }

  #said(): string {
    return this.#processes.map(each => `${each.stdout()}${each.stderr()}`.slice(-4000)).join('\n---\n')
  }
}

/** `kills` of brokers and as many of processes, in rounds of one (most), two or all three brokers, chosen by seed. */
export function randomRounds(kills: number, seed: number): Round[] {
  const random = seededRandom(seed)
  const rounds: Round[] = []
  let [brokersLeft, processesLeft] = [kills, kills]
  while (brokersLeft > 0 || processesLeft > 0) {
    const ids = [1, 2, 3].sort(() => random.below(3) - 1)
    const brokers = ids.slice(0, Math.min(brokersLeft, [1, 1, 1, 2, 2, 3][random.below(6)] ?? 1))
    const processes = processesLeft > brokersLeft - brokers.length ? 2 : 1
    brokersLeft -= brokers.length
    processesLeft -= processes
    rounds.push({ brokers, processes })
  }
  return rounds
}

export function isExact({ books, accounts }: Outcome): boolean {
  const { node, python } = accounts
  return books.in > 0 && books.lost + books.doubled + books.outOfOrder + books.countsWrong === 0
    && [node, python].every(account => account.balanced && account.balances.every(balance => balance.in === books.in && balance.counted === books.in))
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '10' }, minutes: { type: 'string', default: '600' }, seed: { type: 'string', default: '1' }, rate: { type: 'string', default: String(PER_SECOND) } } })
  const rounds = randomRounds(Number(values.kills), Number(values.seed))
  const endMs = performance.now() + Number(values.minutes) * 60_000
  const outcome = await brokerKillLoop({ rounds, perSecond: Number(values.rate), goesOn: () => performance.now() < endMs, log: line => process.stderr.write(`${line}\n`) })
  console.log(JSON.stringify(outcome))
  process.exit(isExact(outcome) ? 0 : 1)
}

if (process.argv[1]?.endsWith('broker-kill-loop.js') === true) await main()
