/** A real Flink SQL job between two tasks of ours, what takes longer: with its guard off, stopped with a savepoint, rescaled, refused. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger } from '../../../src/base/logger.ts'
import { Jobs } from '../../../src/cli/jobs.ts'
import { Supervisor } from '../../../src/cli/supervisor.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { flink } from '../../../src/engines/flink/flink.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { build } from '../../../src/topology/build.ts'
import { app, json, text, topic } from 'millrace'
import { chainOf, onEmbedded, turnsRed } from '../../support/linked-chains.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { ENGINES, need, ROOT } from '../../support/need.ts'
import { NumberedClicks } from '../../support/numbered-clicks.ts'
import { until } from '../../support/watched.ts'
import { readAll } from '../../real/runtime/books.ts'

need('engines')

const CHAIN = chainOf('flink')

test('without its transactions a kill of it is seen: the books can turn red', () => onEmbedded(bootstrap => turnsRed(CHAIN, bootstrap, ['count-taskmanager', 'count-jobmanager'])))

test('a job stops with a savepoint and goes on from it, with another parallelism too; a script with an error is refused with the place of it', async () => {
  const broker = await startTestBroker()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-flink-job-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'flink-test' })
  const said: string[] = []
  const logger = createLogger({ level: 'warn', write: line => said.push(line), now: Date.now })
  const supervisor = new Supervisor(logger)
  const clicks = new NumberedClicks(cluster, { topic: 'linked.clean', perSecond: 100, keys: 7 })
  const script = join(directory, 'script.sql')
  const good = readFileSync(join(ROOT, 'examples', 'linked', 'count-clicks.sql'), 'utf8')
  writeFileSync(script, good)
  const declare = (name: string): ReturnType<typeof topic<string, unknown>> => topic(name, { key: text, value: json<unknown>(), partitions: 4 })
  const jobs = new Jobs({
    plan: build(app('linked').task('count', { on: flink({ sql: script }), reads: [declare('linked.clean')], writes: [declare('linked.counted')] })),
    wanted: () => true, cluster, bootstrap: broker.bootstrap, directory: join(directory, 'jobs'), supervisor, environment: { ...process.env, MILLRACE_ENGINES: ENGINES }, logger, note: line => said.push(line),
  })
  const counted = async (): Promise<number> => {
    const counts = new Map<string, number>()
    await readAll(cluster, 'linked.counted', (_partition, offset, key, value) => {
      const { count } = JSON.parse(value) as { count: number } // Written by the script.
      assert.equal(count, (counts.get(key) ?? 0) + 1, `${key} at ${offset}`)
      counts.set(key, count)
    })
    return [...counts.values()].reduce((sum, count) => sum + count, 0)
  }
  const log = (): string => said.join('\n')
  try {
    await jobs.start()
    assert.equal(jobs.status().get('count')?.state, 'running', log())
    await cluster.refresh(['linked.clean', 'linked.counted'])
    await clicks.start()
    await until('some are counted', async () => await counted() > 100, log)
    assert.equal((await jobs.control('count', { kind: 'stop' })).state, 'stopped')
    const { savepoint } = JSON.parse(readFileSync(join(directory, 'jobs', 'count', 'job.json'), 'utf8')) as { savepoint: string } // Written by the job.
    assert.match(savepoint, /\/savepoints\/savepoint-/)
    const scaled = await jobs.control('count', { kind: 'scale', instances: 2 })
    assert.deepEqual([scaled.state, scaled.instances], ['stopped', 2], 'the number counts from the start on')
    await jobs.control('count', { kind: 'start' })
    const before = await counted()
    await until('it goes on with two', async () => await counted() > before + 100, log)
    await jobs.control('count', { kind: 'scale', instances: 1 })
    assert.deepEqual([jobs.status().get('count')?.state, jobs.status().get('count')?.instances], ['running', 1], log())
    await clicks.stop()
    await until('every click is counted once', async () => await counted() === clicks.sent, log)

    writeFileSync(script, good.replace('COUNT(*) OVER', 'COUNT(* OVER'))
    await assert.rejects(jobs.control('count', { kind: 'restart' }), { code: 'CONFIG_INVALID' })
    const { state, lastError } = jobs.status().get('count') ?? {}
    assert.equal(state, 'failed')
    const line = good.split('\n').findIndex(each => each.includes('COUNT(*)')) + 1
    assert.match(lastError ?? '', new RegExp(`script\\.sql:${line}:\\d+: Flink refuses this statement: .*Encountered "OVER"`))
  } finally {
    await clicks.stop()
    await jobs.stop()
    await supervisor.stop()
    await cluster.close()
    await broker.stop()
    broker.remove()
    rmSync(directory, { recursive: true, force: true })
  }
})
