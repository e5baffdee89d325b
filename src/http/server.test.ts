import { strict as assert } from 'node:assert'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { MillraceError } from '../base/errors.ts'
import { type JobStatus, UNKNOWN_STATUS } from '../engines/engine.ts'
import type { Graph } from './graph.ts'
import type { JobRequest } from './job-request.ts'
import { type Live, startStatusServer, type StatusServer } from './server.ts'

const graph: Graph = { nodes: [{ id: 'task:copy', kind: 'task', name: 'copy', engine: null, detail: null, column: 0, row: 0 }], edges: [], columns: 1, rows: 1 }
const trend: JobStatus = { ...UNKNOWN_STATUS, state: 'running', instances: 2, restarts: 4, checkpoint: { at: -999, ms: 30, bytes: 4096, failed: 0 }, backPressure: 0.25, storm: { completeLatencyMs: 12.5, capacity: 0.1, acked: 400, failed: 20 }, url: 'http://127.0.0.1:8081' }
const live: Live = {
  status: {
    at: 1, app: 'shop', guarantee: 'exactlyOnce', lag: [], processes: [], replication: { brokers: 2, partitions: 62, underReplicated: 41, offline: 0 },
    tasks: [
      {
        task: 'copy', engine: 'millrace', group: 'shop.copy', state: 'running', processes: 1, processRestarts: null, shards: 2, inPerSecond: 10, outPerSecond: 9, ratesOf: 'records', in: 100, out: 90,
        lagRecords: 3, lagSeconds: null, latency: { p50Ms: 300, p99Ms: 2500, withinMs: 1000 }, commitMsP50: 4, commitMsP99: 9, errors: 0, skipped: 0, deadLettered: 0, dropped: { 'distinct: duplicate': 3 }, restore: null, restored: null, lastError: null, job: null,
        workers: [], commitsPerSecond: null, catchUp: { verdict: 'in', seconds: 12.5, arrivalPerSecond: 100, drainPerSecond: 220, drainFrom: 'backlog', cause: { kind: 'slow', share: 0.97, what: null } },
      },
      {
        task: 'trend', engine: 'flink', group: 'shop.trend', state: 'running', processes: 2, processRestarts: 1, shards: null, inPerSecond: 7, outPerSecond: null, ratesOf: 'offsets', in: null, out: null,
        lagRecords: 5, lagSeconds: null, latency: null, commitMsP50: null, commitMsP99: null, errors: null, skipped: null, deadLettered: null, dropped: null, restore: null, restored: null, lastError: null, job: trend,
        workers: [], commitsPerSecond: null, catchUp: { verdict: 'never', seconds: null, arrivalPerSecond: 300, drainPerSecond: null, drainFrom: null, cause: null },
      },
    ],
  },
  processes: [{ name: '<img src=x>', kind: 'tasks', task: null, state: 'running', pid: 1, restarts: 0, kills: 0, gapMs: null, error: null }],
  ledger: { balanced: true, balances: [{ name: 'b"1', in: 7, counted: 7, pending: 0, lost: 0, doubled: 0, foreign: 0, outOfOrder: 0, examples: [] }] },
  guard: 'on', events: [], links: [], kafka: 'localhost:9092', options: [], edges: [], advice: [], outside: [], refused: [{ client: '<b>old</b> 1', api: 'ShareFetch', apiKey: 78, version: 0 }],
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

async function withServer(work: (server: StatusServer, killed: string[], asked: JobRequest[]) => Promise<void>): Promise<void> {
  const killed: string[] = []
  const asked: JobRequest[] = []
  const control = (request: JobRequest): Promise<JobStatus> => {
    asked.push(request)
    if (request.name === 'trend') return Promise.resolve({ ...trend, state: 'stopped' })
    return Promise.reject(request.name === 'copy' ? new MillraceError('USAGE', 'copy is none') : new MillraceError('ENGINE_MISSING', 'No Java was found.'))
  }
  const server = await startStatusServer({ host: '127.0.0.1', port: 0, graph, live: () => live, kill: name => { killed.push(name); return name === 'copy' }, control })
  try {
    await work(server, killed, asked)
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
  for (const asset of readdirSync(new URL('./browser/', import.meta.url)).filter(name => /\.(js|css)$/.test(name))) assert.equal((await ask(port, `/assets/${asset}`)).status, 200, asset)
  const status: unknown = JSON.parse((await ask(port, '/api/status')).body)
  assert.deepEqual(status, JSON.parse(JSON.stringify(live)))
  const metrics = (await ask(port, '/metrics')).body
  assert.match(metrics, /^millrace_task_lag_records\{app="shop",task="copy"\} 3$/m)
  assert.match(metrics, /^millrace_task_catch_up_seconds\{app="shop",task="copy"\} 12.5$/m)
  assert.match(metrics, /^millrace_task_catch_up_seconds\{app="shop",task="trend"\} \+Inf$/m)
  assert.match(metrics, /^millrace_task_lag_cause\{app="shop",task="copy",cause="slow"\} 1$/m)
  assert.match(metrics, /^millrace_task_drain_per_second\{app="shop",task="copy"\} 220$/m)
  assert.match(metrics, /^millrace_task_dropped_total\{app="shop",task="copy",operator="distinct",reason="duplicate"\} 3$/m)
  for (const line of ['millrace_task_latency_seconds_p50{app="shop",task="copy"} 0.3', 'millrace_task_latency_seconds_p99{app="shop",task="copy"} 2.5', 'millrace_job_storm_complete_latency_milliseconds{app="shop",task="trend",engine="flink"} 12.5', 'millrace_job_storm_acked{app="shop",task="trend",engine="flink"} 400']) assert.ok(metrics.split('\n').includes(line), `${line} in\n${metrics}`)
  assert.doesNotMatch(metrics, /millrace_task_lag_seconds\{/, 'what is not known has no sample')
  assert.doesNotMatch(metrics, /millrace_task_records_in_total\{app="shop",task="trend"/, 'nobody counts its records')
  const ofTrend = (name: string, value: string): void => assert.ok(metrics.includes(`\nmillrace_job_${name}{app="shop",task="trend",engine="flink"} ${value}\n`), `${name} ${value}\n${metrics}`)
  for (const [name, value] of Object.entries({ running: '1', instances: '2', processes: '2', restarts: '4', process_restarts: '1', checkpoint_age_seconds: '1', checkpoint_milliseconds: '30', checkpoint_bytes: '4096', checkpoints_failed: '0', backpressure_ratio: '0.25' })) ofTrend(name, value)
  assert.doesNotMatch(metrics, /millrace_job_\w+\{app="shop",task="copy"/)
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

test('a job is asked for by name and action, behind the same guard; who asks gets its state, or the reason with its code', () => withServer(async ({ port }, _, asked) => {
  const token: unknown = JSON.parse((await ask(port, '/api/token')).body)
  assert.ok(typeof token === 'object' && token !== null && 'token' in token && typeof token.token === 'string')
  const good = { 'content-type': 'application/json', 'x-millrace-token': token.token }
  const post = async (body: string, headers: Record<string, string> = good): Promise<[number, unknown]> => {
    const { status, body: answer } = await ask(port, '/api/job', { method: 'POST', headers, body })
    return [status, status === 403 ? '' : JSON.parse(answer)]
  }
  assert.deepEqual(await post('{"name":"trend","action":"stop"}', { ...good, 'x-millrace-token': 'x' }), [403, ''])
  assert.deepEqual(await post('{"name":"trend","action":"stop"}', { ...good, origin: 'http://evil.example' }), [403, ''])
  for (const body of ['no json', '{}', '{"name":"trend"}', '{"name":"trend","action":"explode"}', '{"name":"trend","action":"scale"}', ...['0', '1.5', '"2"', '1000'].map(instances => `{"name":"trend","action":"scale","instances":${instances}}`)]) {
    assert.equal((await post(body))[0], 400, body)
  }
  assert.deepEqual(asked, [])
  assert.deepEqual(await post('{"name":"trend","action":"stop"}'), [200, { name: 'trend', job: { ...trend, state: 'stopped' } }])
  assert.equal((await post('{"name":"trend","action":"scale","instances":3}'))[0], 200)
  assert.deepEqual(asked, [{ name: 'trend', action: { kind: 'stop' } }, { name: 'trend', action: { kind: 'scale', instances: 3 } }])
  assert.deepEqual(await post('{"name":"copy","action":"start"}'), [400, { error: 'copy is none', code: 'USAGE' }])
  assert.deepEqual(await post('{"name":"other","action":"start"}'), [400, { error: 'No Java was found.', code: 'ENGINE_MISSING' }])
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
