import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { MillraceError } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import { Cluster } from '../client/cluster.ts'
import { app } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { type Job, type JobState, type JobStatus, UNKNOWN_STATUS } from '../engines/engine.ts'
import { external, process } from '../engines/process.ts'
import { text } from '../serde/text.ts'
import { build } from '../topology/build.ts'
import { Jobs } from './jobs.ts'
import { Supervisor } from './supervisor.ts'

const numbers = topic('numbers', { key: text, value: text })
const scores = topic('scores', { key: text, value: text })
const others = topic('others', { key: text, value: text })

/** Does what the test says, and writes down what it was told. */
class FakeJob implements Job {
  readonly told: string[] = []
  readonly rescale: ((instances: number) => Promise<void>) | undefined
  /** What the next calls come to, first to last; without one they succeed. */
  readonly outcomes: (() => Promise<void>)[] = []
  /** What a stop comes to. */
  unclean: (() => Promise<void>) | undefined
  #state: JobState = 'stopped'
  #instances = 1

  constructor(canRescale: boolean) {
    if (!canRescale) return
    this.rescale = async instances => {
      await this.#do(`rescale ${instances}`, this.#state)
      this.#instances = instances
    }
  }

  start(): Promise<void> {
    return this.#do('start', 'running')
  }

  stop(): Promise<void> {
    return this.#do('stop', 'stopped')
  }

  status(): JobStatus {
    return { ...UNKNOWN_STATUS, state: this.#state, instances: this.#instances }
  }

  async #do(what: string, state: JobState): Promise<void> {
    this.told.push(`${what} …`)
    const outcome = what === 'stop' ? this.unclean : this.outcomes.shift()
    try {
      await outcome?.()
      this.#state = state
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
    this.told.push(what)
  }
}

interface Made { readonly jobs: Jobs, readonly score: FakeJob, readonly rank: FakeJob, readonly said: string[] }

function made(): Made {
  const [score, rank] = [new FakeJob(true), new FakeJob(false)]
  const said: string[] = []
  const plan = build(app('shop')
    .task('copy', ({ read }) => read(numbers).write(others))
    .task('score', { on: process({ command: 'x' }), reads: [numbers], writes: [scores] })
    .task('rank', { on: process({ command: 'x' }), reads: [scores] })
    .task('billing', { on: external(), reads: [scores] }))
  const jobs = new Jobs({
    plan, wanted: () => true, cluster: Object.create(Cluster.prototype), bootstrap: '', directory: '', supervisor: new Supervisor(silentLogger), environment: {}, logger: silentLogger,
    note: (line, { kind }) => said.push(`${kind}: ${line}`),
    jobOf: task => task.name === 'score' ? score : task.name === 'rank' ? rank : { start: () => Promise.resolve(), stop: () => Promise.resolve(), status: () => ({ ...UNKNOWN_STATUS, state: 'external' }) },
  })
  return { jobs, score, rank, said }
}

test('a job is started, rescaled, restarted and stopped; its neighbour is told nothing', async () => {
  const { jobs, score, rank, said } = made()
  assert.equal((await jobs.control('score', { kind: 'start' })).state, 'running')
  assert.equal((await jobs.control('score', { kind: 'start' })).state, 'running')
  assert.equal((await jobs.control('score', { kind: 'scale', instances: 3 })).instances, 3)
  await jobs.control('score', { kind: 'restart' })
  assert.equal((await jobs.control('score', { kind: 'stop' })).state, 'stopped')
  assert.deepEqual(score.told.filter(each => !each.endsWith('…')), ['stop', 'start', 'rescale 3', 'stop', 'start', 'stop'])
  assert.deepEqual(rank.told, [])
  assert.deepEqual(said.map(line => line.split(':')[0]), ['job_started', 'job_scaled', 'job_started', 'job_stopped'])
})

test('what is asked of one job is done in turn, and says meanwhile what is done; another job does not wait for it', async () => {
  const { jobs, score, rank } = made()
  await jobs.control('score', { kind: 'start' })
  let finish = (): void => {}
  score.outcomes.push(() => new Promise(resolve => { finish = resolve }))
  const scaled = jobs.control('score', { kind: 'scale', instances: 2 })
  const stopped = jobs.control('score', { kind: 'stop' })
  await jobs.control('rank', { kind: 'start' })
  assert.deepEqual(rank.told.at(-1), 'start')
  assert.equal(jobs.status().get('score')?.state, 'rescaling')
  assert.equal(score.told.at(-1), 'rescale 2 …')
  finish()
  await Promise.all([scaled, stopped])
  assert.deepEqual(score.told.slice(-3), ['rescale 2', 'stop …', 'stop'])
})

test('a start that fails is told with its reason to who asked, stays on the page, and is tried again only where time can mend it', async () => {
  const { jobs, score, said } = made()
  score.outcomes.push(() => Promise.reject(new MillraceError('ENGINE_MISSING', 'no Java')))
  await assert.rejects(jobs.control('score', { kind: 'start' }), { code: 'ENGINE_MISSING', message: 'no Java' })
  assert.deepEqual([jobs.status().get('score')?.state, jobs.status().get('score')?.lastError], ['failed', 'no Java'])
  assert.deepEqual(said, ['job_failed: score did not start: no Java'])
  score.outcomes.push(() => Promise.reject(new MillraceError('CONNECTION_FAILED', 'no cluster', { retriable: true })))
  await assert.rejects(jobs.control('score', { kind: 'start' }), { code: 'CONNECTION_FAILED' })
  assert.match(said.at(-1) ?? '', /tried again/)
  while (jobs.status().get('score')?.state !== 'running') await new Promise(resolve => setTimeout(resolve, 20))
  assert.equal(jobs.status().get('score')?.lastError, null)
})

test('a stop ends the tries', async () => {
  const { jobs, score } = made()
  score.outcomes.push(() => Promise.reject(new MillraceError('CONNECTION_FAILED', 'no cluster', { retriable: true })))
  await assert.rejects(jobs.control('score', { kind: 'start' }))
  assert.equal((await jobs.control('score', { kind: 'stop' })).state, 'stopped')
  const told = score.told.length
  await new Promise(resolve => setTimeout(resolve, 1500))
  assert.equal(score.told.length, told)
})

test('a rescale that leaves the job failed is a failure of the job; one that does not is only told', async () => {
  const { jobs, score } = made()
  await jobs.control('score', { kind: 'start' })
  score.outcomes.push(() => Promise.reject(new MillraceError('ENGINE_FAILED', 'no slots')))
  await assert.rejects(jobs.control('score', { kind: 'scale', instances: 2 }), { message: 'no slots' })
  assert.deepEqual([jobs.status().get('score')?.state, jobs.status().get('score')?.lastError, score.told.at(-1)], ['failed', 'no slots', 'stop'])
})

test('a stop that is not clean is told to who asked, and does not keep a restart from starting', async () => {
  const { jobs, score, said } = made()
  await jobs.control('score', { kind: 'start' })
  score.unclean = () => Promise.reject(new MillraceError('ENGINE_FAILED', 'no savepoint'))
  await assert.rejects(jobs.control('score', { kind: 'stop' }), { message: 'no savepoint' })
  assert.equal(said.at(-1), 'job_unclean: score did not stop in order: no savepoint')
  assert.equal((await jobs.control('score', { kind: 'restart' })).state, 'running')
})

test('what cannot be asked is refused with what can', async () => {
  const { jobs, score, rank } = made()
  await assert.rejects(jobs.control('nobody', { kind: 'stop' }), { code: 'USAGE', message: "App 'shop' has no task 'nobody'. Tasks on other engines: score, rank." })
  await assert.rejects(jobs.control('copy', { kind: 'stop' }), /Millrace's own processes run it/)
  await assert.rejects(jobs.control('billing', { kind: 'stop' }), /somebody else starts and stops it/)
  await assert.rejects(jobs.control('rank', { kind: 'scale', instances: 2 }), /cannot be rescaled/)
  await jobs.stop()
  await assert.rejects(jobs.control('score', { kind: 'start' }), /is being stopped/)
  assert.deepEqual([...score.told, ...rank.told].filter(each => each === 'start'), [])
})
