/** HTTP ingest on a real embedded broker in this process: what is answered with 200 is durable, everything else says why and what to do. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { f64, record, text, topic } from 'millrace'
import { ingest, serveIngest } from 'millrace/sources'
import { Broker } from '../broker/broker.ts'
import { Control } from '../broker/control.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { realEnv } from '../env/real/env.ts'

const orders = topic('orders', { key: text, value: record({ id: text, total: f64 }), partitions: 2 })
const control = new Control()
let folder = ''
let broker: Broker
let cluster: Cluster
let bootstrap = ''

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-ingest-'))
  broker = await Broker.start(realEnv, { directory: folder, port: 0, control })
  bootstrap = `127.0.0.1:${broker.port}`
  cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'test' })
})

after(async () => {
  await cluster.close()
  await broker.close()
  rmSync(folder, { recursive: true, force: true })
})

const post = (body: unknown, headers: Record<string, string> = {}): Request => new Request('http://x/', { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })
const order = (id: number): object => ({ key: `c${id}`, value: { id: `o${id}`, total: id } })

async function count(): Promise<number> {
  const ends = await new Admin(cluster).listOffsets([0, 1].map(partition => ({ topic: 'orders', partition })), 'latest')
  return ends.reduce((sum, end) => sum + end.offset, 0)
}

test('one event and many, by a server of its own; 200 means that they are there', async () => {
  const server = await serveIngest({ topic: orders, bootstrap, port: 0 })
  for (const body of [order(1), [order(2), order(3)]]) {
    const response = await fetch(server.url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
    assert.equal(response.status, 200)
  }
  assert.equal(await count(), 3)
  assert.equal(server.accepted, 3)
  await server.close()
})

test('a request is taken whole or not at all, and says which event is wrong', async () => {
  const source = await ingest({ topic: orders, bootstrap, recordsMax: 3, bytesMax: 500, allows: request => request.headers.get('x-token') !== 'wrong' })
  const before = await count()
  for (const [request, status, problem] of [
    [post([order(4), { key: 'c', value: { id: 'o', total: 'much' } }]), 400, /event 2: .*total/],
    [post('{'), 400, /not JSON/],
    [post([order(1), { value: { id: 'o', total: 1 } }]), 400, /event 2: it has no key/],
    [post([1, 2, 3, 4].map(order)), 413, /at most 3 events/],
    [post({ key: 'x'.repeat(600), value: {} }), 413, /at most 500 bytes/],
    [post(order(1), { 'content-type': 'text/plain' }), 415, /application\/json/],
    [post(order(1), { 'x-token': 'wrong' }), 401, /not allowed/],
    [new Request('http://x/'), 405, /POST/],
  ] as const) {
    const response = await source.fetch(request)
    assert.equal(response.status, status)
    assert.match(await response.text(), problem)
  }
  assert.equal(await count(), before)
  await source.close()
})

test('above its bounds it answers 429, with Retry-After, and takes nothing', async () => {
  const source = await ingest({ topic: orders, bootstrap, requestsMax: 2 })
  const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => source.fetch(post(order(index)))))
  const refused = answers.filter(response => response.status === 429)
  assert.equal(answers.filter(response => response.status === 200).length, 2)
  assert.equal(refused.length, 4)
  assert.ok(refused.every(response => Number(response.headers.get('retry-after')) >= 1))
  await source.close()
})

test('what Kafka does not acknowledge is 503 for every request that was under way, and the next one is served', async () => {
  const source = await ingest({ topic: orders, bootstrap, timeout: '1 second' })
  assert.equal((await source.fetch(post(order(1)))).status, 200)
  const before = await count()
  const mend = control.on('Produce', () => ({ kind: 'drop' }))
  const answers = await Promise.all(Array.from({ length: 4 }, (_, index) => source.fetch(post(order(index), { 'idempotency-key': `r${index}` }))))
  mend()
  assert.deepEqual(answers.map(response => response.status), [503, 503, 503, 503])
  assert.ok(answers.every(response => response.headers.get('retry-after') !== null))
  assert.equal(await count(), before)
  let status = 503
  for (let attempt = 0; attempt < 100 && status === 503; attempt++) {
    status = (await source.fetch(post(order(9), { 'idempotency-key': 'r9' }))).status
    if (status === 503) await new Promise(resolve => setTimeout(resolve, 50))
  }
  assert.equal(status, 200)
  await source.close()
})

test('open to other machines only with somebody at the door', async () => {
  await assert.rejects(serveIngest({ topic: orders, bootstrap, port: 0, host: '0.0.0.0' }), /say who may write/)
})
