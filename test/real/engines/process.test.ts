/**
 * A Python process as a task between two tasks of ours: numbered clicks go in, everything is killed in turn, and two verifiers that share
 * nothing with Millrace find every click once on the other side of each hop, in the order of its key.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { Producer } from '../../../src/client/producer.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { partitionOf } from '../../../src/wire/partitioner.ts'
import { freePorts, startKafka } from '../../support/kafka.ts'
import { type BalanceSpec, verifyLedger } from '../../support/ledger.ts'
import { startMillrace, startTestBroker } from '../../support/millrace.ts'
import { need, PYTHON_PACKAGES, ROOT } from '../../support/need.ts'
import type { Started } from '../../support/processes.ts'
import { processTree } from '../../support/sockets.ts'
import { readAll } from '../runtime/books.ts'

need('kafka', 'python')

const ENTRY = join(ROOT, 'dist', 'examples', 'foreign', 'app.js')
const KILLS = ['score', 'tasks-1', 'score', 'tasks-2', 'score'] as const
const PER_SECOND = 200
const KEYS = 31
const AT = 1_700_000_000_000
const BALANCES: readonly BalanceSpec[] = [
  hop('clean', 'fraud.events', 'fraud.clicks'), hop('score', 'fraud.clicks', 'fraud.scores'), hop('watch', 'fraud.scores', 'fraud.risks'),
  { ...hop('watch', 'fraud.events', 'fraud.risks'), name: 'end to end' },
]

function hop(task: string, from: string, to: string): BalanceSpec {
  return { name: task, group: `fraud.${task}`, in: { topic: from, id: 'value:id' }, out: { topic: to, id: 'value:id', order: 'value:seq' } }
}

/** A watched app, and its status page as its users see it. */
class Watched {
  readonly #started: Started
  readonly #url: string

  constructor(started: Started, url: string) {
    this.#started = started
    this.#url = url
  }

  static async start(bootstrap: string, directory: string): Promise<Watched> {
    const [port] = await freePorts(1)
    const started = startMillrace(['start', ENTRY, '--processes', '2', '--bootstrap', bootstrap, '--data', directory, '--status-port', String(port), '--json'], { env: { PYTHONPATH: PYTHON_PACKAGES } })
    const [, url = ''] = await started.waitFor(/"status":"([^"]+)"/, 120_000)
    return new Watched(started, url)
  }

  async processes(): Promise<readonly { readonly name: string; readonly state: string; readonly restarts: number; readonly pid: number | null; readonly gapMs: number | null }[]> {
    const answer = await fetch(`${this.#url}api/status`)
    // The status server's own format.
    return (await answer.json() as { processes: Awaited<ReturnType<Watched['processes']>> }).processes
  }

  /** SIGKILLs a process by its button, and waits until it runs again. */
  async kill(name: string): Promise<void> {
    const before = (await this.processes()).find(each => each.name === name)
    assert.ok(before !== undefined, `there is a process ${name}`)
    const token = /"token":"([^"]+)"/.exec(await (await fetch(this.#url)).text())?.[1] ?? ''
    const answer = await fetch(`${this.#url}api/kill`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Millrace-Token': token }, body: JSON.stringify({ name }) })
    assert.equal(answer.status, 200, await answer.text())
    await until(`${name} runs again`, async () => {
      const now = (await this.processes()).find(each => each.name === name)
      return now?.state === 'running' && now.restarts > before.restarts && now.pid !== before.pid
    }, this.log)
  }

  readonly log = (): string => this.#started.stderr().slice(-4000)

  /** Ctrl-C: it must end by itself with 0 and leave no process. */
  async stop(): Promise<void> {
    const tree = processTree(this.#started.pid)
    const ran = await this.#started.kill('SIGINT')
    assert.equal(ran.exitCode, 0, ran.stderr.slice(-4000))
    for (const pid of tree) assert.throws(() => process.kill(pid, 0), /ESRCH/, `process ${pid} is left`)
  }

  async end(): Promise<void> {
    await this.#started.kill('SIGTERM')
  }
}

/** Writes numbered clicks: per key `seq` goes up. */
class Clicks {
  readonly #producer: Producer
  #timer: NodeJS.Timeout | undefined
  sent = 0

  constructor(cluster: Cluster) {
    this.#producer = new Producer(cluster, { lingerMs: 5 })
  }

  async start(): Promise<void> {
    await this.#producer.init()
    this.#timer = setInterval(() => { for (let index = 0; index < PER_SECOND / 20; index++) this.#send() }, 50)
  }

  #send(): void {
    const seq = this.sent++
    const key = Buffer.from(`shopper-${seq % KEYS}`)
    const event = { id: `e${seq}`, seq, type: 'click', price: seq % 997, at: AT + seq * 60_000 }
    this.#producer.send('fraud.events', partitionOf(key, 4), Date.now(), key, Buffer.from(JSON.stringify(event)))
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#producer.close()
  }
}

async function until(what: string, holds: () => Promise<boolean>, log: () => string, seconds = 120): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!await holds()) {
    assert.ok(Date.now() < deadline, `${what}, within ${seconds} s\n${log()}`)
    await sleep(250)
  }
}

interface Risk {
  readonly id: string
  readonly seq: number
  readonly clicks: number
  readonly score: number
  readonly highest: number
}

/** What worker.py computes. */
function scoreOf(seq: number): number {
  const hour = Math.floor((AT + seq * 60_000) / 3_600_000) % 24
  return Math.min(1, seq % 997 / 1000 + (hour < 5 ? 0.5 : 0))
}

/** Recomputes what must be in `fraud.risks`, row by row; returns how many rows there are. */
async function checkRisks(cluster: Cluster): Promise<number> {
  const state = new Map<string, { clicks: number; highest: number }>()
  let rows = 0
  await readAll(cluster, 'fraud.risks', (partition, offset, key, value) => {
    const risk = JSON.parse(value) as Risk // Written by the app under test.
    const before = state.get(key) ?? { clicks: 0, highest: 0 }
    const expected = { clicks: before.clicks + 1, highest: Math.max(before.highest, risk.score) }
    assert.deepEqual({ clicks: risk.clicks, highest: risk.highest }, expected, `state of ${key} at fraud.risks/${partition}@${offset}`)
    assert.ok(Math.abs(risk.score - scoreOf(risk.seq)) < 0.0011, `score of ${value}`)
    assert.equal(key, `shopper-${risk.seq % KEYS}`)
    state.set(key, expected)
    rows++
  })
  return rows
}

async function survivesKills(bootstrap: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-foreign-'))
  const watched = await Watched.start(bootstrap, directory)
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'foreign-test' })
  const clicks = new Clicks(cluster)
  try {
    assert.deepEqual((await watched.processes()).map(each => each.name).sort(), ['score', 'tasks-1', 'tasks-2'])
    await clicks.start()
    const admin = new Admin(cluster)
    const scored = async (): Promise<number> => (await admin.listOffsets([0, 1, 2, 3].map(partition => ({ topic: 'fraud.scores', partition })), 'latest')).reduce((sum, { offset }) => sum + offset, 0)
    for (const name of KILLS) {
      const before = await scored()
      await until(`scores flow before ${name} is killed`, async () => await scored() > before + 100, watched.log)
      await watched.kill(name)
    }
    const before = await scored()
    await until('scores flow after the last kill', async () => await scored() > before + 100, watched.log)
    await clicks.stop()
    await until('every click has come out', async () => await checkRisks(cluster) >= clicks.sent, watched.log)
    for (const client of ['node', 'python'] as const) {
      const { account } = await verifyLedger(client, bootstrap, BALANCES)
      assert.ok(account.balanced, `${client}: ${JSON.stringify(account)}`)
      for (const { name, counted, pending } of account.balances) assert.deepEqual({ name, counted, pending }, { name, counted: clicks.sent, pending: 0 }, client)
    }
    const gaps = (await watched.processes()).map(({ name, restarts, gapMs }) => `${name}: ${restarts} restarts, last gap ${gapMs} ms`)
    console.log(`${clicks.sent} clicks, ${KILLS.length} kills; ${gaps.join('; ')}`)
    await watched.stop()
  } finally {
    await clicks.stop()
    await cluster.close()
    await watched.end()
    rmSync(directory, { recursive: true, force: true })
  }
}

test('a Python process between two tasks: kills lose and double nothing, on Apache Kafka', async () => {
  const kafka = await startKafka()
  try {
    await survivesKills(kafka.bootstrap)
  } finally {
    await kafka.stop()
  }
})

test('the same on the embedded broker', async () => {
  const broker = await startTestBroker()
  try {
    await survivesKills(broker.bootstrap)
  } finally {
    await broker.stop()
    broker.remove()
  }
})
