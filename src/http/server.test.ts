import { strict as assert } from 'node:assert'
import { request } from 'node:http'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import type { Graph } from './graph.ts'
import { type Live, startStatusServer, type StatusServer } from './server.ts'

const graph: Graph = { nodes: [{ id: 'task:copy', kind: 'task', name: 'copy', column: 0, row: 0 }], edges: [], columns: 1, rows: 1 }
const live: Live = {
  status: {
    at: 1, app: 'shop', guarantee: 'exactlyOnce', lag: [], processes: [],
    tasks: [{ task: 'copy', state: 'running', processes: 1, shards: 2, inPerSecond: 10, outPerSecond: 9, in: 100, out: 90, lagRecords: 3, lagSeconds: null, commitMsP50: 4, commitMsP99: 9, errors: 0, skipped: 0, deadLettered: 0, restore: null, restored: null, lastError: null, job: null }],
  },
  processes: [{ name: '<img src=x>', kind: 'tasks', state: 'running', pid: 1, restarts: 0, kills: 0, gapMs: null, error: null }],
  ledger: { balanced: true, balances: [{ name: 'b"1', in: 7, counted: 7, pending: 0, lost: 0, doubled: 0, foreign: 0, outOfOrder: 0, examples: [] }] },
  guard: 'on', events: [], links: [], kafka: 'localhost:9092', outside: [],
}

interface Answer { readonly status: number, readonly body: string, readonly headers: Readonly<Record<string, unknown>> }

function ask(port: number, path: string, options: { readonly method?: string, readonly headers?: Record<string, string>, readonly body?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers: options.headers ?? {} }, response => {
      let body = ''
      response.on('data', (chunk: Buffer) => { body += chunk.toString() })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }))
    })
    sent.on('error', reject)
    sent.end(options.body)
  })
}

async function withServer(work: (server: StatusServer, killed: string[]) => Promise<void>): Promise<void> {
  const killed: string[] = []
  const server = await startStatusServer({ host: '127.0.0.1', port: 0, graph, live: () => live, kill: name => { killed.push(name); return name === 'copy' } })
  try {
    await work(server, killed)
  } finally {
    await server.close()
  }
}

const tokenOf = (page: string): string => /"token":"([^"]+)"/.exec(page)?.[1] ?? ''

test('the page, its parts, status and metrics are served with a strict policy', () => withServer(async ({ port }) => {
  const page = await ask(port, '/')
  assert.equal(page.status, 200)
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'; script-src 'self'/)
  assert.ok(!page.body.includes('<img src=x>'))
  for (const asset of ['status.js', 'strings.js', 'graph-view.js', 'elements.js', 'status.css']) assert.equal((await ask(port, `/assets/${asset}`)).status, 200, asset)
  const status: unknown = JSON.parse((await ask(port, '/api/status')).body)
  assert.deepEqual(status, JSON.parse(JSON.stringify(live)))
  const metrics = (await ask(port, '/metrics')).body
  assert.match(metrics, /^millrace_task_lag_records\{app="shop",task="copy"\} 3$/m)
  assert.doesNotMatch(metrics, /millrace_task_lag_seconds\{/, 'what is not known has no sample')
  assert.match(metrics, /^millrace_ledger_in\{balance="b\\"1"\} 7$/m)
}))

test('another host name, origin, method or a missing token changes nothing', () => withServer(async ({ port }, killed) => {
  assert.equal((await ask(port, '/', { headers: { host: 'evil.example:1' } })).status, 421)
  const token = tokenOf((await ask(port, '/')).body)
  const good = { 'content-type': 'application/json', 'x-millrace-token': token, origin: `http://127.0.0.1:${port}` }
  const body = '{"name":"copy"}'
  assert.equal((await ask(port, '/api/kill', { method: 'POST', headers: { ...good, 'x-millrace-token': '' }, body })).status, 403)
  assert.equal((await ask(port, '/api/kill', { method: 'POST', headers: { ...good, origin: 'http://evil.example' }, body })).status, 403)
  assert.equal((await ask(port, '/api/kill', { method: 'POST', headers: { ...good, 'content-type': 'text/plain' }, body })).status, 415)
  assert.equal((await ask(port, '/api/kill', { method: 'PUT', headers: good, body })).status, 405)
  assert.equal((await ask(port, '/api/kill')).status, 404, 'GET has no effect')
  assert.deepEqual(killed, [])
  assert.equal((await ask(port, '/api/kill', { method: 'POST', headers: good, body })).status, 200)
  assert.equal((await ask(port, '/api/kill', { method: 'POST', headers: good, body: '{"name":"other"}' })).status, 404)
  assert.equal((await ask(port, '/api/kill', { method: 'POST', headers: good, body: 'no json' })).status, 400)
  assert.deepEqual(killed, ['copy', 'other'])
}))

test('a WebSocket needs origin and token, and gets the whole state at once', () => withServer(async ({ port }) => {
  const token = tokenOf((await ask(port, '/')).body)
  const open = (query: string, origin: string): Promise<string> => new Promise(resolve => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live?token=${query}`, { origin })
    socket.on('message', data => { resolve(String(data)); socket.terminate() })
    socket.on('error', error => resolve(error.message))
  })
  assert.match(await open('wrong', `http://127.0.0.1:${port}`), /403/)
  assert.match(await open(token, 'http://evil.example'), /403/)
  assert.deepEqual(JSON.parse(await open(token, `http://127.0.0.1:${port}`)), JSON.parse(JSON.stringify(live)))
}))
