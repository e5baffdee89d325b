/** `npm start` as on a fresh machine: what it opens, what it says, what it survives, and that it finds its data again. */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SMALL } from '../src/cli/footprint.ts'
import type { LedgerAccount } from '../src/http/ledger.ts'
import { freePorts } from './support/kafka.ts'
import { residentOf } from './support/memory.ts'
import { MAIN } from './support/millrace.ts'
import { ROOT } from './support/need.ts'
import { type Started, startProcess } from './support/processes.ts'
import { isLoopback, processTree, socketsOf } from './support/sockets.ts'

const READY_MS_MAX = 120_000
/** 310 (Node 20) to 370 (Node 24) are usual; a hundred shoppers and a slow machine may take more than fifty on a quick one. */
const RESIDENT_MIB_MAX = 450

interface Page {
  readonly status: { readonly tasks: readonly { readonly task: string, readonly state: string, readonly in: number }[] }
  readonly processes: readonly { readonly name: string, readonly state: string, readonly pid: number | null, readonly restarts: number }[]
  readonly ledger: LedgerAccount | null
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-start-'))
let ports: { kafka: number, shop: number, status: number }
let demo: Started

before(async () => {
  const [kafka, shop, status] = await freePorts(3)
  ports = { kafka: kafka ?? 0, shop: shop ?? 0, status: status ?? 0 }
  demo = await start()
})
after(async () => {
  await demo.kill('SIGTERM')
  rmSync(directory, { recursive: true, force: true })
})

async function start(): Promise<Started> {
  const started = startProcess(process.execPath, [...SMALL.flags, MAIN, 'demo', 'recommender', '--data', directory, '--port', String(ports.kafka), '--shop-port', String(ports.shop), '--status-port', String(ports.status), '--shoppers', '100'])
  await started.waitFor(/Ctrl-C ends it/, READY_MS_MAX)
  return started
}

async function page(): Promise<Page> {
  const answer = await fetch(`http://127.0.0.1:${ports.status}/api/status`)
  // The server's own format, read field by field below.
  return await answer.json() as Page
}

async function post(path: string, body: object): Promise<void> {
  const html = await (await fetch(`http://127.0.0.1:${ports.status}/`)).text()
  const token = /"token":"([^"]+)"/.exec(html)?.[1] ?? ''
  const answer = await fetch(`http://127.0.0.1:${ports.status}${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Millrace-Token': token }, body: JSON.stringify(body) })
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(body)}`)
}

/** Waits until `holds` is true of the page; the page is in the error where it never is. */
async function until(what: string, holds: (now: Page) => boolean, seconds = 90): Promise<Page> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const now = await page()
    if (holds(now)) return now
    assert.ok(Date.now() < deadline, `${what}, within ${seconds} s: ${JSON.stringify(now)}\n${demo.stderr().slice(-3000)}`)
    await sleep(250)
  }
}

/** What a visitor sees: the products of the row for them, and the version of the list that it is made of. */
async function listOf(visitor: string): Promise<{ readonly version: number, readonly items: readonly string[] }> {
  const html = await (await fetch(`http://127.0.0.1:${ports.shop}/`, { headers: { Cookie: `visitor=${visitor}` } })).text()
  const row = /<section class="row" data-row="for-you">([\s\S]*?)<\/section>/.exec(html)?.[1] ?? ''
  return { version: Number(/&#34;version&#34;:(-?\d+)/.exec(html)?.[1]), items: [...row.matchAll(/data-item="([^"]+)"/g)].map(match => match[1] ?? '') }
}

async function untilList(visitor: string, holds: (version: number) => boolean): Promise<{ readonly version: number, readonly items: readonly string[] }> {
  const deadline = Date.now() + 90_000
  for (;;) {
    const list = await listOf(visitor)
    if (holds(list.version)) return list
    assert.ok(Date.now() < deadline, `no list: ${JSON.stringify(list)}\n${demo.stderr().slice(-3000)}`)
    await sleep(250)
  }
}

const counted = (now: Page): number => now.ledger?.balances[0]?.counted ?? 0

test('what is started here is what `npm start` starts', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> }
  for (const [name, whole] of [['start', 'recommender'], ['linked', 'linked']] as const) assert.equal(scripts[name], `node ${SMALL.flags.join(' ')} dist/src/cli/main.js demo ${whole}`)
})

test('it opens the ports that it prints and no other, all on loopback, and talks to nobody outside', { skip: process.platform === 'linux' ? false : 'reads /proc, which is Linux' }, () => {
  const sockets = socketsOf(processTree(demo.pid))
  const listening = sockets.filter(socket => socket.state === 'listen')
  assert.deepEqual([...new Set(listening.map(socket => socket.localPort))].sort(), Object.values(ports).sort())
  assert.deepEqual(listening.filter(socket => !isLoopback(socket.localAddress)), [])
  const established = sockets.filter(socket => socket.state === 'established')
  assert.ok(established.length > 0)
  assert.deepEqual(established.filter(socket => !isLoopback(socket.remoteAddress)), [])
  const said = demo.stdout()
  for (const part of [`http://localhost:${ports.shop}/`, `http://localhost:${ports.status}/`, `127.0.0.1:${ports.kafka}`, directory, 'sessionize', 'durability sync']) assert.ok(said.includes(part), `${part} in\n${said}`)
})

test('it prints rates, event → page and the ledger, once these are known', async () => {
  await demo.waitFor(/● in \d+\/s {3}lag \d+ {3}event → page p50 \d+ p90 \d+ p99 \d+ ms {3}ledger in \d+ counted \d+ lost 0 doubled 0: balanced/, 120_000)
})

test('the shop is served with products and rows in its first bytes', async () => {
  const html = await (await fetch(`http://127.0.0.1:${ports.shop}/`)).text()
  assert.ok(/\.svg/.test(html), 'drawn pictures')
  assert.ok(/€\s?\d/.test(html), `prices in\n${html.slice(0, 4000)}`)
})

test('every task runs in two processes, and the books balance', async () => {
  const now = await until('all tasks run and something was counted', each => each.status.tasks.every(task => task.state === 'running') && counted(each) > 100)
  assert.equal(now.processes.filter(process => process.name.startsWith('tasks-')).length, 2)
  assert.equal(now.ledger?.balanced, true, JSON.stringify(now.ledger))
})

test('all its processes together fit into little memory, with traffic', { skip: process.platform === 'linux' ? false : 'reads /proc, which is Linux' }, async context => {
  await until('a thousand events were counted', each => counted(each) > 1000)
  const pids = processTree(demo.pid)
  assert.ok(pids.length >= 6, `host, broker, two processes of tasks, shop, verifier: ${pids.join(' ')}`)
  // The history of the new shop goes through first, at full speed: what is asked is what stays.
  const seen: number[] = []
  do {
    if (seen.length > 0) await sleep(1_000)
    const { pssBytes, rssBytes } = residentOf(pids)
    assert.ok(pssBytes > 0)
    seen.push(Math.round(pssBytes / 2 ** 20))
    context.diagnostic(`${seen.at(-1)} MiB are resident (${Math.round(rssBytes / 2 ** 20)} with shared pages counted in each process)`)
  } while ((seen.at(-1) ?? 0) >= RESIDENT_MIB_MAX && seen.length < 45)
  assert.ok((seen.at(-1) ?? 0) < RESIDENT_MIB_MAX, `MiB that were resident, each second: ${seen.join(' ')}`)
})

test('a killed task process and a killed broker come back, and the books still balance', async () => {
  for (const name of ['tasks-1', 'broker', 'tasks-2']) {
    const before = await page()
    await post('/api/kill', { name })
    const after = await until(`${name} is back and work goes on`, now => {
      const process = now.processes.find(each => each.name === name)
      return process?.state === 'running' && process.restarts > (before.processes.find(each => each.name === name)?.restarts ?? 0) && counted(now) > counted(before) + 50
    })
    assert.equal(after.ledger?.balanced, true, `after ${name}: ${JSON.stringify(after.ledger)}`)
  }
})

test('Ctrl-C ends it with 0 and leaves no process; the next start finds the data and goes on, on the next free port where its own is taken', async t => {
  const visitor = 'feedbeef01'
  const viewed = await fetch(`http://127.0.0.1:${ports.shop}/events`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify([{ visitor, item: 'lamp-1' }, { visitor, item: 'chair-2' }]) })
  assert.equal(viewed.status, 200, await viewed.text())
  const list = await untilList(visitor, version => version >= 0)
  assert.ok(list.items.length > 0)
  const before = await page()
  const tree = processTree(demo.pid)
  demo.child.kill('SIGINT')
  const ran = await demo.exited
  assert.equal(ran.exitCode, 0, ran.stderr.slice(-3000))
  for (const pid of tree) assert.throws(() => process.kill(pid, 0), /ESRCH/, `process ${pid} is left`)
  // Meanwhile somebody else has taken the broker's port.
  const other = createServer().listen(ports.kafka, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  demo = await start()
  const [, kafka = ''] = new RegExp(`Kafka +127\\.0\\.0\\.1:(\\d+) +port ${ports.kafka} is taken, so the next free one`).exec(demo.stdout()) ?? []
  assert.ok(Number(kafka) > ports.kafka, demo.stdout())
  const [, resumed = ''] = /Resumed\s+at shop\.events ([\d,]+)\s+the last record is of \d{4}-/.exec(demo.stdout()) ?? []
  assert.ok(Number(resumed.replaceAll(',', '')) >= (before.ledger?.balances[0]?.counted ?? Infinity), `resumed at '${resumed}', where ${counted(before)} were counted before`)
  const now = await until('counting goes on', each => counted(each) > counted(before))
  assert.deepEqual((await untilList(visitor, version => version >= list.version)).items, list.items, 'the same list as before')
  assert.equal(now.ledger?.balanced, true, JSON.stringify(now.ledger))
})

test('with the guard off, kills turn the ledger red', async () => {
  await post('/api/guard', { guard: 'off' })
  for (let kill = 0; kill < 12 && (await page()).ledger?.balanced === true; kill++) {
    const before = await page()
    await post('/api/kill', { name: `tasks-${kill % 2 + 1}` })
    await until('work goes on', now => now.processes.every(each => each.state === 'running') && counted(now) > counted(before) + 20)
  }
  const now = await until('something is doubled', each => each.ledger?.balanced === false, 20)
  assert.ok((now.ledger?.balances[0]?.doubled ?? 0) > 0, JSON.stringify(now.ledger))
})
