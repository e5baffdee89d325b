import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { app } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { text } from '../serde/text.ts'
import { build } from '../topology/build.ts'
import type { EngineProcess, Job } from './engine.ts'
import { jobContext } from '../../test/support/job-context.ts'
import { jobOf } from './job.ts'
import { process } from './process.ts'

const numbers = topic('numbers', { key: text, value: text })
const scores = topic('scores', { key: text, value: text })

function jobIn(supervise: (process: EngineProcess) => Promise<void>, released: string[] = []): Job {
  const [task] = build(app('shop').task('score', {
    on: process({ command: 'python3', args: ['score.py'], instances: 2, env: { MODE: 'fast', MILLRACE_GROUP: 'mine' } }), reads: [numbers], writes: [scores],
  })).tasks
  assert.ok(task?.kind === 'foreign')
  return jobOf(task, jobContext({ supervise, release: name => { released.push(name); return Promise.resolve() } }))
}

test('each instance is a process with a name of its own, and Millrace\'s variables win over declared ones', async () => {
  const started: EngineProcess[] = []
  const released: string[] = []
  const job = jobIn(each => { started.push(each); return Promise.resolve() }, released)
  await job.start()
  assert.deepEqual(started.map(each => [each.name, each.command, each.env['MODE'], each.env['MILLRACE_GROUP'], each.env['MILLRACE_INSTANCE']]), [
    ['score-1', 'python3', 'fast', 'shop.score', '0'], ['score-2', 'python3', 'fast', 'shop.score', '1'],
  ])
  assert.equal(job.status().state, 'running')
  await job.stop()
  assert.deepEqual(released, ['score-1', 'score-2'])
  assert.equal(job.status().state, 'stopped')
})

test('an instance that does not start fails the job with its reason', async () => {
  const job = jobIn(each => each.name === 'score-2' ? Promise.reject(new Error('no python')) : Promise.resolve())
  await assert.rejects(job.start(), /no python/)
  assert.equal(job.status().state, 'failed')
})

test('rescaling starts or releases the difference alone; where the new one does not start, the others run on', async () => {
  const started: string[] = []
  const released: string[] = []
  let isBroken = false
  const job = jobIn(each => {
    started.push(`${each.name} ${each.env['MILLRACE_INSTANCE']}`)
    return isBroken ? Promise.reject(new Error('no memory')) : Promise.resolve()
  }, released)
  await job.rescale?.(1)
  assert.deepEqual(started, [], 'it does not run yet: the number counts from the start on')
  await job.start()
  await job.rescale?.(3)
  assert.deepEqual([started, job.status().instances], [['score-1 0', 'score-2 1', 'score-3 2'], 3])
  await job.rescale?.(2)
  assert.deepEqual([started.length, released, job.status().instances], [3, ['score-3'], 2])
  isBroken = true
  await assert.rejects(job.rescale?.(4) ?? Promise.resolve(), /no memory/)
  assert.deepEqual([released, job.status().instances, job.status().state], [['score-3', 'score-3', 'score-4'], 2, 'running'])
  await job.stop()
  assert.deepEqual(released.slice(-2), ['score-1', 'score-2'])
})

test('an only instance is named like its task, and keeps its name when others come', async () => {
  const names: string[] = []
  const [task] = build(app('shop').task('score', { on: process({ command: 'x' }), reads: [numbers], writes: [scores] })).tasks
  assert.ok(task?.kind === 'foreign')
  const job = jobOf(task, jobContext({ supervise: each => { names.push(each.name); return Promise.resolve() }, release: () => Promise.resolve() }))
  await job.start()
  await job.rescale?.(3)
  assert.deepEqual(names, ['score', 'score-2', 'score-3'])
})
