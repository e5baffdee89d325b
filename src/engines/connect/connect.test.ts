import { strict as assert } from 'node:assert'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { app } from '../../dsl/app.ts'
import { topic } from '../../dsl/topic.ts'
import { realEnv } from '../../env/real/env.ts'
import { text } from '../../serde/text.ts'
import { build } from '../../topology/build.ts'
import { jobContext } from '../../../test/support/job-context.ts'
import type { EngineProcess, Job, JobStatus } from '../engine.ts'
import { readText } from '../files.ts'
import { connect, type ConnectOptions } from './connect.ts'
import { connectJob } from './job.ts'
import { connectorConfig, type ConnectTask, undeclared, workerConfig } from './worker.ts'

const lines = topic('lines', { key: text, value: text })
const cleaned = topic('cleaned', { key: text, value: text })
const SOURCE = { 'connector.class': 'FileStreamSource', file: 'in.txt', topic: 'lines' }
const SINK = { 'connector.class': 'FileStreamSink', file: 'out.txt', topics: 'cleaned' }

function taskOf(options: ConnectOptions, guarantee?: 'atLeastOnce'): ConnectTask {
  const [task] = build(app('shop').task('files', { on: connect(options), reads: [cleaned], writes: [lines], ...guarantee === undefined ? {} : { guarantee } })).tasks
  assert.ok(task?.kind === 'foreign' && task.on.engine === 'connect')
  return { ...task, on: task.on }
}

test('a worker gets topics of its task, the guarantee of its link, and the user\'s settings last', () => {
  const config = workerConfig(taskOf({ connectors: { in: SOURCE }, config: { 'value.converter': 'Json' } }), { app: 'shop', bootstrap: 'kafka:9092' }, '127.0.0.1', 9700)
  assert.deepEqual([config['group.id'], config['offset.storage.topic'], config['listeners'], config['exactly.once.source.support'], config['consumer.isolation.level']],
    ['shop.files.workers', 'shop.files.connect-offsets', 'http://127.0.0.1:9700', 'enabled', 'read_committed'])
  assert.equal(config['value.converter'], 'Json')
  assert.equal(config['plugin.path'], undefined)
  const other = workerConfig(taskOf({ connectors: { in: SOURCE }, plugins: ['/a', '/b'] }, 'atLeastOnce'), { app: 'shop', bootstrap: 'kafka:9092' }, '127.0.0.1', 9700)
  assert.deepEqual([other['exactly.once.source.support'], other['plugin.path']], ['disabled', '/a,/b'])
})

test('a sink reads in the task\'s group, several in one each, and topics that are not declared are found', () => {
  const one = taskOf({ connectors: { in: SOURCE, out: SINK } })
  assert.equal(connectorConfig(one, 'out', SINK)['consumer.override.group.id'], 'shop.files')
  assert.deepEqual(connectorConfig(one, 'in', SOURCE), SOURCE)
  assert.equal(connectorConfig(taskOf({ connectors: { a: SINK, b: SINK } }), 'b', SINK)['consumer.override.group.id'], 'shop.files.b')
  assert.equal(undeclared(one), undefined)
  assert.deepEqual(undeclared(taskOf({ connectors: { out: { ...SINK, topics: 'cleaned, other' } } })), { connector: 'out', topic: 'other', as: 'reads' })
  assert.deepEqual(undeclared(taskOf({ connectors: { in: { ...SOURCE, topic: 'other' } } })), { connector: 'in', topic: 'other', as: 'writes' })
})

test('what cannot run is refused with the reason', () => {
  assert.throws(() => connect({ connectors: {} }), /needs what to run/)
  assert.throws(() => connect({ connectors: { a: { file: 'x' } } }), /connector 'a' has no connector\.class/)
  assert.throws(() => connect({ connectors: { a: SINK }, workers: 0 }), /at least 1, not 0/)
  assert.throws(() => connect({ connectors: { a: SINK }, config: { 'group.id': 'x' } }), /group\.id is the graph's to say/)
})

/** As a worker answers, as far as the job asks; what it was told is in `requests`. */
class FakeConnect {
  readonly requests: string[] = []
  readonly connectors = new Map<string, object>([['old', {}]])
  /** By connector: the trace of its failed task. */
  readonly failed = new Map<string, string>()
  /** Requests that are refused because workers share out their work anew. */
  conflicts = 0
  refusal: string | undefined
  isUp = true
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      let body = ''
      request.on('data', chunk => { body += String(chunk) })
      request.on('end', () => {
        const [status, answer] = this.#answer(request.method ?? '', request.url ?? '', body)
        response.writeHead(status, { 'content-type': 'application/json' }).end(answer === undefined ? '' : JSON.stringify(answer))
      })
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>(resolve => { this.#server.listen(0, '127.0.0.1', resolve) })
    return (this.#server.address() as AddressInfo).port // Of a server that listens on a port.
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(method: string, path: string, body: string): [number, unknown] {
    const asked = `${method} ${path}`
    if (asked === 'GET /health') return [200, { status: 'healthy' }]
    if (!this.isUp) return [500, { error_code: 500, message: 'Request timed out' }]
    if (asked === 'GET /connectors?expand=status') return [200, Object.fromEntries([...this.connectors.keys()].map(name => [name, { status: this.#status(name) }]))]
    if (asked === 'GET /connectors') return [200, [...this.connectors.keys()]]
    this.requests.push(asked)
    if (this.conflicts > 0) {
      this.conflicts--
      return [409, { error_code: 409, message: 'Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)' }]
    }
    if (this.refusal !== undefined) return [400, { error_code: 400, message: this.refusal }]
    const name = path.split('/')[2] ?? ''
    if (method === 'DELETE') this.connectors.delete(name)
    else this.connectors.set(name, JSON.parse(body) as object) // Sent by the job.
    return method === 'DELETE' ? [204, undefined] : [201, {}]
  }

  #status(name: string): object {
    const trace = this.failed.get(name)
    return { connector: { state: 'RUNNING' }, tasks: [trace === undefined ? { id: 0, state: 'RUNNING' } : { id: 0, state: 'FAILED', trace }] }
  }
}

async function inConnect(options: ConnectOptions, work: (parts: { readonly job: Job; readonly fake: FakeConnect; readonly started: EngineProcess[]; readonly released: string[] }) => Promise<void>): Promise<void> {
  const fake = new FakeConnect()
  const port = await fake.listen()
  const started: EngineProcess[] = []
  const released: string[] = []
  const manifest = { name: 'connect', version: '4.1.0', describe: '', java: 17, javaOptions: [], jars: [], wheels: [] }
  const job = connectJob(taskOf(options), jobContext({
    java: () => Promise.resolve('java'), freePort: () => Promise.resolve(port), installation: () => ({ manifest, directory: '/d', classpath: ['/d/runtime.jar'], pythonPath: undefined }),
    release: name => { released.push(name); return Promise.resolve() },
    supervise: async each => {
      started.push(each)
      assert.ok(each.ready.kind === 'probe' && await each.ready.check())
    },
  }))
  try {
    await work({ job, fake, started, released })
  } finally {
    await job.stop()
    fake.close()
  }
}

async function status(job: Job, holds: (status: JobStatus) => boolean): Promise<JobStatus> {
  while (!holds(job.status())) await realEnv.clock.sleep(20)
  return job.status()
}

test('connectors are put once the worker is up, again where it is busy; those no longer declared go; a stop releases the worker', () => inConnect({ connectors: { in: SOURCE, out: SINK } }, async ({ job, fake, started, released }) => {
  fake.conflicts = 1
  await job.start()
  assert.deepEqual(fake.requests, ['PUT /connectors/in/config', 'PUT /connectors/in/config', 'PUT /connectors/out/config', 'DELETE /connectors/old'])
  assert.deepEqual(fake.connectors.get('out'), { 'consumer.override.group.id': 'shop.files', ...SINK })
  const [worker] = started
  assert.ok(worker !== undefined)
  assert.deepEqual([worker.name, worker.command, worker.args.slice(0, -1)], ['files', 'java', ['-Xmx256m', '-Dlog4j2.level=WARN', '-cp', '/d/runtime.jar', 'org.apache.kafka.connect.cli.ConnectDistributed']])
  assert.match(readText(realEnv.disk, worker.args.at(-1) ?? join('/', 'none')), /^group\.id=shop\.files\.workers$/m)
  assert.equal(job.status().state, 'running')
  await job.stop()
  assert.deepEqual([job.status().state, released], ['stopped', ['files']])
}))

test('a task that fails is told with the cause of its trace; a worker that does not answer is restarting, and both can pass', () => inConnect({ connectors: { out: SINK } }, async ({ job, fake }) => {
  await job.start()
  fake.failed.set('out', 'org.apache.kafka.connect.errors.ConnectException: Couldn\'t find or create file\n\tat a.b(C.java:1)\nCaused by: java.nio.file.NoSuchFileException: /gone/x\n\tat d.e(F.java:2)\n')
  const failed = await status(job, ({ state }) => state === 'failed')
  assert.match(failed.lastError ?? '', /^Connector 'out' has failed: java\.nio\.file\.NoSuchFileException: \/gone\/x\. .*millrace job restart/)
  fake.failed.clear()
  fake.isUp = false
  await status(job, ({ state }) => state === 'restarting')
  fake.isUp = true
  assert.equal((await status(job, ({ state }) => state === 'running')).lastError, null)
}))

test('a worker that does not start says what its log says; a port that somebody has taken is tried again with another', async () => {
  const refused = (said: readonly string[]): Promise<void> => {
    const job = connectJob(taskOf({ connectors: { out: SINK } }), jobContext({
      java: () => Promise.resolve('java'), freePort: () => Promise.resolve(9), release: () => Promise.resolve(),
      installation: () => ({ manifest: { name: 'connect', version: '4.1.0', describe: '', java: 17, javaOptions: [], jars: [], wheels: [] }, directory: '/d', classpath: [], pythonPath: undefined }),
      supervise: each => {
        said.forEach(line => each.onLine?.(line))
        return Promise.reject(new Error('out ended at its start: exit code 2'))
      },
    }))
    return job.start()
  }
  const failed = '12:00:00.000 [main] ERROR org.apache.kafka.connect.cli.AbstractConnectCli - Stopping due to error'
  await assert.rejects(refused([failed, 'org.apache.kafka.connect.errors.ConnectException: Unable to initialize REST server', '\tat a.b(C.java:1)', 'Caused by: java.net.BindException: Address already in use']),
    { code: 'ENGINE_FAILED', retriable: true, message: 'A worker of Kafka Connect did not start: somebody else listens on http://127.0.0.1:9 (java.net.BindException: Address already in use); another port is tried' })
  await assert.rejects(refused([failed, 'org.apache.kafka.common.config.ConfigException: Invalid value x for configuration key.converter']), { retriable: false, message: /did not start: .*Invalid value x for configuration key\.converter/ })
  await assert.rejects(refused([]), /ended at its start: exit code 2/)
})

test('a connector that Connect does not take, and one that fails at once, fail the start with the reason', async () => {
  await inConnect({ connectors: { out: SINK } }, async ({ job, fake }) => {
    fake.refusal = 'Failed to find any class that implements Connector and which name matches Nonsense, available connectors are: PluginDesc{klass=class a.Sink, name=\'a.Sink\', location=\'classpath\'}, PluginDesc{klass=class b.Source, name=\'b\'}'
    await assert.rejects(job.start(), { code: 'CONFIG_INVALID', message: 'Kafka Connect does not take connector \'out\': Failed to find any class that implements Connector and which name matches Nonsense, available connectors are: a.Sink, b.Source' })
    assert.equal(job.status().state, 'failed')
  })
  await inConnect({ connectors: { out: SINK } }, async ({ job, fake }) => {
    fake.failed.set('out', 'java.lang.IllegalStateException: no disk')
    await assert.rejects(job.start(), /Connector 'out' has failed: java\.lang\.IllegalStateException: no disk/)
  })
  await inConnect({ connectors: { out: { ...SINK, topics: 'other' } } }, async ({ job, started }) => {
    await assert.rejects(job.start(), /Connector 'out' of task 'files' reads topic 'other', which the task does not declare/)
    assert.equal(started.length, 0)
  })
})
