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
