/**
 * `npm start -- --cluster 3`: the same shop on three real Apache Kafka brokers of this machine, each killed once by its button on the status page while shoppers
 * click; then the ledger balances, and the next start finds its data. What is only said (`--cluster` where it cannot be) is in test/cluster-bad-input.test.ts.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import type { LedgerAccount } from '../../../src/http/ledger.ts'
import { freePorts } from '../../support/kafka.ts'
import { millrace, startMillrace } from '../../support/millrace.ts'
import { ENGINES, need } from '../../support/need.ts'
import type { Started } from '../../support/processes.ts'
import { isLoopback, processTree, socketsOf } from '../../support/sockets.ts'

need('engines')

const READY_MS_MAX = 240_000

interface Page {
  readonly status: { readonly tasks: readonly { readonly task: string, readonly state: string }[] }
  readonly processes: readonly { readonly name: string, readonly kind: string, readonly state: string, readonly pid: number | null, readonly restarts: number, readonly gapMs: number | null }[]
  readonly ledger: LedgerAccount | null
  readonly kafka: string
  readonly outside: readonly { readonly name: string }[]
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-cluster-'))
const env = { MILLRACE_ENGINES: ENGINES }
let ports: { kafka: number, shop: number, status: number }
let demo: Started | undefined

before(async () => {
  const [kafka = 0, shop = 0, status = 0] = await freePorts(3)
  ports = { kafka, shop, status }
})
after(async () => {
  await demo?.kill('SIGTERM')
  rmSync(directory, { recursive: true, force: true })
})

function args(): string[] {
  return ['demo', 'recommender', '--cluster', '3', '--data', directory, '--port', String(ports.kafka), '--shop-port', String(ports.shop), '--status-port', String(ports.status), '--shoppers', '40']
}

async function start(): Promise<Started> {
  const started = startMillrace(args(), { env })
  demo = started
  await started.waitFor(/Ctrl-C ends it/, READY_MS_MAX)
  return started
}

async function page(): Promise<Page> {
  const ask = (): Promise<Response> => fetch(`http://127.0.0.1:${ports.status}/api/status`)
  // A kept connection may be closed by the server in the moment in which it is used again: on a busy machine that is seen.
  const answer = await ask().catch(ask)
  // The server's own format, read field by field below.
  return await answer.json() as Page
}

async function kill(name: string): Promise<void> {
  const { token } = await (await fetch(`http://127.0.0.1:${ports.status}/api/token`)).json() as { token: string } // The server's own format.
  const answer = await fetch(`http://127.0.0.1:${ports.status}/api/kill`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Millrace-Token': token }, body: JSON.stringify({ name }) })
  assert.equal(answer.status, 200, name)
}

async function until(what: string, holds: (now: Page) => boolean, seconds = 120): Promise<Page> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const now = await page()
    if (holds(now)) return now
    assert.ok(Date.now() < deadline, `${what}, within ${seconds} s: ${JSON.stringify(now)}\n${demo?.stderr().slice(-3000)}`)
    await new Promise(resolve => setTimeout(resolve, 250))
  }
}

async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: (await page()).kafka, clientId: 'cluster-test' })
  try {
    return await use(new Admin(cluster))
  } finally {
    await cluster.close()
  }
}

const counted = (now: Page): number => now.ledger?.balances[0]?.counted ?? 0

test('without Java it is said what to install, and nothing is started', async () => {
  const ran = await millrace(args(), { env: { ...env, JAVA_HOME: join(directory, 'no-java') } })
  assert.equal(ran.exitCode, 2, ran.stderr)
  assert.match(ran.stderr, /✖ ENGINE_MISSING {2}Java 17 or later is needed to run it; found none/)
})

test('three brokers of Apache Kafka run the same shop: every topic has three replicas, and every port that listens was printed', async () => {
  // Somebody listens on the first port: the brokers take the next ones, and say so.
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(ports.kafka, '127.0.0.1', () => resolve()))
  let started: Started
  try {
    started = await start()
  } finally {
    taken.close()
  }
  const said = started.stdout()
  assert.match(said, new RegExp(`port ${ports.kafka} is taken, so the next free one`))
  assert.match(said, /Apache Kafka 4\.1\.0 +3 brokers, replication 3, 2 in sync at least · controllers on \d+, \d+, \d+/)
  const now = await until('all tasks run, and something was counted', each => each.status.tasks.every(task => task.state === 'running') && counted(each) > 100)
  assert.deepEqual(now.processes.filter(each => each.kind === 'broker').map(each => each.name), ['broker-1', 'broker-2', 'broker-3'])
  const topics = await withAdmin(async admin => admin.describeTopics(await admin.listTopics({ internal: true })))
  assert.ok(topics.length > 15, topics.map(topic => topic.name).join(' '))
  for (const topic of topics) for (const { replicas } of topic.partitions) assert.equal(replicas.length, 3, topic.name)
  const configs = await withAdmin(admin => admin.describeConfigs([{ type: 'topic', name: 'session.clicks' }]))
  assert.equal(configs.get('session.clicks')?.find(entry => entry.name === 'min.insync.replicas')?.value, '2')
  assert.deepEqual(now.outside, [], 'the ledger and the shop are no clients from outside')
  const sockets = socketsOf(processTree(started.pid)).filter(socket => socket.state === 'listen')
  assert.deepEqual(sockets.filter(socket => !isLoopback(socket.localAddress)), [])
  for (const port of new Set(sockets.map(socket => socket.localPort))) assert.match(said, new RegExp(`\\b${port}\\b`), `port ${port} in\n${said}`)
})

test('each broker is killed once by its button on the status page: it comes back, all replicas are in sync again, and the books balance', async () => {
  for (const name of ['broker-1', 'broker-2', 'broker-3']) {
    const before = await page()
    await kill(name)
    await until(`work goes on without ${name}, and it is back`, now => {
      const broker = now.processes.find(each => each.name === name)
      return broker?.state === 'running' && broker.restarts === 1 && broker.gapMs !== null && counted(now) > counted(before) + 50
    })
    const deadline = Date.now() + 120_000
    const isWhole = (): Promise<boolean> => withAdmin(async admin => (await admin.describeTopics(await admin.listTopics({ internal: true }))).every(topic => topic.partitions.every(partition => partition.inSync.length === 3)))
    while (!await isWhole()) {
      assert.ok(Date.now() < deadline, `replicas are not in sync 120 s after ${name} was back`)
      await new Promise(resolve => setTimeout(resolve, 500))
    }
  }
  const now = await until('the books balance', each => each.ledger?.balanced === true && each.status.tasks.every(task => task.state === 'running'))
  console.log(`${counted(now)} counted; gaps ${now.processes.filter(each => each.kind === 'broker').map(each => `${each.name} ${each.gapMs} ms`).join(', ')}`)
})

test('Ctrl-C ends it with 0 and leaves no process; the next start finds its data', async () => {
  assert.ok(demo !== undefined)
  const before = await page()
  const tree = processTree(demo.pid)
  demo.child.kill('SIGINT')
  const ran = await demo.exited
  assert.equal(ran.exitCode, 0, ran.stderr.slice(-3000))
  for (const pid of tree) assert.throws(() => process.kill(pid, 0), /ESRCH/, `process ${pid} is left`)
  const again = await start()
  const [, resumed = ''] = /Resumed\s+at shop\.events ([\d,]+)/.exec(again.stdout()) ?? []
  assert.ok(Number(resumed.replaceAll(',', '')) >= counted(before), `resumed at '${resumed}', where ${counted(before)} were counted before`)
  assert.doesNotMatch(again.stderr(), /formatting/)
  await until('the ledger counts all of it, and balances', now => now.ledger?.balanced === true && counted(now) > counted(before))
})
