/**
 * A Python process, or one in Go, as a task between two tasks of ours: numbered clicks go in, everything is killed in turn, and two verifiers that share
 * nothing with Millrace find every click once on the other side of each hop, in the order of its key.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { type BalanceSpec, verifyLedger } from './ledger.ts'
import { ROOT } from './need.ts'
import { NumberedClicks } from './numbered-clicks.ts'
import { until, Watched } from './watched.ts'
import { readAll } from '../real/runtime/books.ts'

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

interface Risk {
  readonly id: string
  readonly seq: number
  readonly clicks: number
  /** The worker's own count, of the one in Python; the one in Go keeps no state: 0. */
  readonly nth: number
  readonly score: number
  readonly highest: number
}

/** What worker.py and go/main.go compute. */
function scoreOf(seq: number): number {
  const hour = Math.floor((AT + seq * 60_000) / 3_600_000) % 24
  return Math.min(1, seq % 997 / 1000 + (hour < 5 ? 0.5 : 0))
}

/** Recomputes what must be in `fraud.risks`, row by row; returns how many rows there are. */
async function checkRisks(cluster: Cluster, isStateful: boolean): Promise<number> {
  const state = new Map<string, { clicks: number; highest: number }>()
  let rows = 0
  await readAll(cluster, 'fraud.risks', (partition, offset, key, value) => {
    const risk = JSON.parse(value) as Risk // Written by the app under test.
    const before = state.get(key) ?? { clicks: 0, highest: 0 }
    const expected = { clicks: before.clicks + 1, highest: Math.max(before.highest, risk.score) }
    assert.deepEqual({ clicks: risk.clicks, highest: risk.highest }, expected, `state of ${key} at fraud.risks/${partition}@${offset}`)
    assert.equal(risk.nth, isStateful ? expected.clicks : 0, `the worker's own state of ${key} at fraud.risks/${partition}@${offset}`)
    assert.ok(Math.abs(risk.score - scoreOf(risk.seq)) < 0.0011, `score of ${value}`)
    assert.equal(key, `shopper-${risk.seq % KEYS}`)
    state.set(key, expected)
    rows++
  })
  return rows
}

export async function survivesKills(bootstrap: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-foreign-'))
  const watched = await Watched.start(ENTRY, bootstrap, directory, env)
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'foreign-test' })
  const clicks = new NumberedClicks(cluster, { topic: 'fraud.events', perSecond: PER_SECOND, keys: KEYS, more: seq => ({ type: 'click', price: seq % 997, at: AT + seq * 60_000 }) })
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
    await until('every click has come out', async () => await checkRisks(cluster, env['SCORE_WORKER'] === undefined) >= clicks.sent, watched.log)
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
