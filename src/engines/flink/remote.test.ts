/** A `flink({ cluster })` task against a REST interface that answers as Flink's does: where its next job goes on from, whoever forgot what. The real one is in test/real. */
import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { app, json, text, topic } from 'millrace'
import { jobContext } from '../../../test/support/job-context.ts'
import { until } from '../../../test/support/watched.ts'
import { build } from '../../topology/build.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import type { FlinkSpec } from '../../topology/foreign.ts'
import type { Job, JobContext } from '../engine.ts'
import { flink } from './flink.ts'
import { flinkJob } from './job.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-flink-remote-'))
const jar = join(folder, 'job.jar')
/** What the cluster knows: its jobs, and their last checkpoint. */
const jobs = new Map<string, { state: string; checkpoint: string | null }>()
/** Bodies of what was asked for. */
let submitted: { jobId: string; savepointPath?: string }[] = []
let stopped: object[] = []
/** How often a job is still asked for as RUNNING after its savepoint was made. */
let lingers = 0
let server: Server
let url = ''

before(async () => {
  writeFileSync(jar, Buffer.from('PK\x03\x04 a jar'))
  server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const [status, body] = answer(`${request.method} ${request.url}`, Buffer.concat(parts))
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // It listens on a port.
})
after(() => { server.close() })
beforeEach(() => {
  jobs.clear()
  submitted = []
  stopped = []
  lingers = 0
})

function answer(what: string, body: Buffer): [number, unknown] {
  if (what === 'POST /jars/upload') return [200, { filename: '/tmp/flink-web/abc_job.jar', status: 'success' }]
  if (what.startsWith('POST /jars/')) {
    const asked = JSON.parse(body.toString()) as { jobId: string; savepointPath?: string } // By rest.ts.
    submitted.push(asked)
    jobs.set(asked.jobId, { state: 'RUNNING', checkpoint: null })
    return [200, { jobid: asked.jobId }]
  }
  const [, id = '', rest = ''] = /^\w+ \/jobs\/(\w+)(.*)$/.exec(what) ?? []
  const job = jobs.get(id)
  if (job === undefined) return [404, { errors: [`Job ${id} not found`] }]
  if (rest === '' && job.state === 'ENDING') {
    if (--lingers <= 0) job.state = 'FINISHED'
    return [200, { state: 'RUNNING', vertices: [] }]
  }
  if (rest === '') return [200, { state: job.state, vertices: [] }]
  if (rest === '/checkpoints') {
    return [200, { counts: { failed: 0 }, latest: { completed: job.checkpoint === null ? null : { latest_ack_timestamp: 1, end_to_end_duration: 5, state_size: 10, external_path: job.checkpoint } } }]
  }
  if (rest === '/stop') {
    stopped.push(JSON.parse(body.toString()) as object)
    job.state = lingers > 0 ? 'ENDING' : 'FINISHED'
    return [202, { 'request-id': 'trigger' }]
  }
  if (rest === '/savepoints/trigger') return [200, { status: { id: 'COMPLETED' }, operation: { location: 's3://far/savepoint-1' } }]
  return [200, rest.startsWith('/metrics') ? [] : {}]
}

function jobOn(restUrl: string, directory?: string): { job: Job; context: JobContext } {
  const declared = topic('remote.clicks', { key: text, value: json<unknown>() })
  const [task] = build(app('shop').task('count', { on: flink({ jar, cluster: { restUrl } }), reads: [declared] })).tasks
  let ids = 0
  const context = jobContext({ randomHex: () => `job${submitted.length}${ids++}`, ...directory === undefined ? {} : { directory } })
  return { job: flinkJob(task as ForeignTaskPlan & { readonly on: FlinkSpec }, context), context } // The one task there is, on Flink.
}

const logs = (): string => JSON.stringify([...jobs])
const keptIn = ({ directory }: JobContext): { checkpoint?: string } => JSON.parse(readFileSync(join(directory, 'job.json'), 'utf8')) as { checkpoint?: string } // As kept.ts writes it.

test('a job that its cluster still knows goes on from the last checkpoint that the cluster tells of', async () => {
  const { job, context } = jobOn(url)
  await job.start()
  const [first] = submitted
  assert.ok(first !== undefined && first.savepointPath === undefined)
  jobs.set(first.jobId, { state: 'FAILED', checkpoint: 's3://far/job/chk-9' })
  await until('it is seen that it has failed', () => Promise.resolve(job.status().state === 'failed'), logs)
  await job.stop()
  const again = jobOn(url, context.directory)
  await again.job.start()
  assert.equal(submitted[1]?.savepointPath, 's3://far/job/chk-9')
  await again.job.stop()
  assert.deepEqual(stopped, [{ drain: false }], 'savepoints lie where the cluster keeps them')
  await again.job.start()
  assert.equal(submitted[2]?.savepointPath, 's3://far/savepoint-1')
  await again.job.stop()
})

test('a job that still runs when its savepoint is there is waited for, and never taken for the one to be started', async () => {
  const { job, context } = jobOn(url)
  await job.start()
  lingers = 3
  await job.stop()
  assert.equal(jobs.get(submitted[0]?.jobId ?? '')?.state, 'FINISHED', 'stopped is ended')
  // As it would be found by one that is started anew while it ends.
  jobs.set(submitted[0]?.jobId ?? '', { state: 'ENDING', checkpoint: null })
  lingers = 3
  const again = jobOn(url, context.directory)
  await again.job.start()
  assert.equal(submitted.length, 2)
  assert.equal(submitted[1]?.savepointPath, 's3://far/savepoint-1')
  await again.job.stop()
})

test('forgotten, and its checkpoints are where nobody here can look: it waits for somebody to ask, and then goes on from what was heard of last', async () => {
  const { job, context } = jobOn(url)
  await job.start()
  const [first] = submitted
  jobs.set(first?.jobId ?? '', { state: 'RUNNING', checkpoint: 's3://far/job/chk-3' })
  await until('its checkpoint is kept', () => Promise.resolve(keptIn(context).checkpoint === 's3://far/job/chk-3'), logs)
  jobs.clear()
  await until('it is seen that it is gone', () => Promise.resolve(job.status().state === 'failed'), logs)
  assert.match(job.status().lastError ?? '', /^The cluster at http:\S+ has forgotten Flink job job00, and its checkpoints cannot be read from here: the next start goes on from s3:\/\/far\/job\/chk-3, the last one .*millrace job start count$/)
  assert.equal(submitted.length, 1)
  await job.stop()
  await job.start()
  assert.equal(submitted[1]?.savepointPath, 's3://far/job/chk-3')
  await job.stop()
})

test('forgotten, and its checkpoints can be read here: it goes on by itself from the newest whole one, told of or not', async () => {
  const { job, context } = jobOn(url)
  await job.start()
  const [first] = submitted
  const checkpoints = join(folder, 'checkpoints')
  for (const [name, isWhole] of [['chk-3', true], ['chk-4', true], ['chk-5', false]] as const) {
    mkdirSync(join(checkpoints, name), { recursive: true })
    if (isWhole) writeFileSync(join(checkpoints, name, '_metadata'), '')
  }
  jobs.set(first?.jobId ?? '', { state: 'RUNNING', checkpoint: `file:${join(checkpoints, 'chk-3')}` })
  await until('its checkpoint is kept', () => Promise.resolve(keptIn(context).checkpoint !== undefined), logs)
  jobs.clear()
  await until('it was submitted anew', () => Promise.resolve(submitted.length === 2), logs)
  assert.equal(submitted[1]?.savepointPath, `file://${join(checkpoints, 'chk-4')}`)
  await job.stop()
})

test('a cluster that is gone is named with its address, and may be tried again', async () => {
  await assert.rejects(jobOn('http://127.0.0.1:9').job.start(), (error: { code?: string; retriable?: boolean; message?: string }) => error.code === 'CONNECTION_FAILED' && error.retriable === true && /127\.0\.0\.1:9\/jars\/upload/.test(error.message ?? ''))
})
