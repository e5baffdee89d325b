/** A jar on a Flink session cluster that somebody else runs: it stops with a savepoint where the cluster keeps them, and outlives a job manager that forgets its jobs. */
import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger } from '../../../src/base/logger.ts'
import { Jobs } from '../../../src/cli/jobs.ts'
import { Supervisor } from '../../../src/cli/supervisor.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { flink } from '../../../src/engines/flink/flink.ts'
import { openEngineStore } from '../../../src/engines/install/store.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { build } from '../../../src/topology/build.ts'
import { app, json, text, type Topic, topic } from 'millrace'
import { freePorts } from '../../support/kafka.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { ENGINES, need, ROOT } from '../../support/need.ts'
import { NumberedClicks } from '../../support/numbered-clicks.ts'
import { mustRun, type Started, startProcess } from '../../support/processes.ts'
import { until } from '../../support/watched.ts'
import { readAll } from '../../real/runtime/books.ts'

need('engines')

const engines = openEngineStore(realEnv.disk, { MILLRACE_ENGINES: ENGINES })
const MEMORY = { 'framework.heap.size': 128, 'framework.off-heap.size': 64, 'task.heap.size': 192, 'task.off-heap.size': 0, 'network.min': 64, 'network.max': 64, 'managed.size': 64, 'jvm-metaspace.size': 192, 'jvm-overhead.min': 128, 'jvm-overhead.max': 128 }
const ARGS = ['${bootstrap}', '${group}', '${isolation}', '${guarantee}', '${transactionalIdPrefix}', 'linked.clean', 'linked.counted']
const declare = (name: string): Topic<string, unknown> => topic(name, { key: text, value: json<unknown>(), partitions: 4 })

/** As an operator would run it: one job manager, one task manager, checkpoints and savepoints in its own folder. */
class SomebodysCluster {
  readonly url: string
  readonly #directory: string
  readonly #running = new Map<string, Started>()

  constructor(directory: string, rpc: number, rest: number) {
    this.#directory = directory
    this.url = `http://127.0.0.1:${rest}`
    mkdirSync(join(directory, 'tmp'), { recursive: true })
    writeFileSync(join(directory, 'config.yaml'), [
      'jobmanager.rpc.address: 127.0.0.1', `jobmanager.rpc.port: ${rpc}`, 'jobmanager.bind-host: 127.0.0.1', 'rest.address: 127.0.0.1', 'rest.bind-address: 127.0.0.1', `rest.port: ${rest}`,
      'taskmanager.host: 127.0.0.1', 'taskmanager.bind-host: 127.0.0.1', 'taskmanager.numberOfTaskSlots: 2', 'taskmanager.cpu.cores: 1', 'taskmanager.resource-id: one',
      ...Object.entries(MEMORY).map(([name, megabytes]) => `taskmanager.memory.${name}: ${megabytes}m`),
      `execution.checkpointing.dir: 'file://${directory}/checkpoints'`, `execution.checkpointing.savepoint-dir: 'file://${directory}/savepoints'`, `io.tmp.dirs: ${join(directory, 'tmp')}`,
    ].join('\n'))
  }

  async start(name: 'entrypoint.StandaloneSessionClusterEntrypoint' | 'taskexecutor.TaskManagerRunner'): Promise<void> {
    const { classpath, manifest } = engines.installation('flink@2.0')
    const started = startProcess('java', [...manifest.javaOptions, '-Xmx384m', '-XX:+UseSerialGC', '-cp', classpath.join(':'), `org.apache.flink.runtime.${name}`, '--configDir', this.#directory], { env: { FLINK_CONF_DIR: this.#directory } })
    this.#running.set(name, started)
    const slots = name.startsWith('taskexecutor') ? 2 : 0
    await until(`${name} is there`, () => fetch(`${this.url}/overview`).then(async answer => (await answer.json() as { 'slots-total': number })['slots-total'] >= slots, () => false), () => started.stderr().slice(-2000))
  }

  /** SIGKILL. */
  async kill(name: Parameters<SomebodysCluster['start']>[0]): Promise<void> {
    await this.#running.get(name)?.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    for (const started of this.#running.values()) await started.kill('SIGKILL')
  }
}

async function jarOf(directory: string): Promise<string> {
  const [classes, jar] = [join(directory, 'classes'), join(directory, 'count.jar')]
  mkdirSync(classes)
  await mustRun('javac', ['-proc:none', '-cp', engines.installation('flink@2.0').classpath.join(':'), '-d', classes, join(ROOT, 'examples', 'linked', 'CountClicksFlink.java')])
  await mustRun('jar', ['--create', '--file', jar, '--main-class', 'CountClicksFlink', '-C', classes, '.'])
  return jar
}

test('a jar on a named cluster: stopped with a savepoint and started again; a job manager that comes back without its jobs gets it back from the last checkpoint; every click once', async () => {
  const broker = await startTestBroker()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-flink-cluster-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'flink-cluster-test' })
  const [rpc = 0, rest = 0] = await freePorts(2)
  const somebodys = new SomebodysCluster(join(directory, 'cluster'), rpc, rest)
  const said: string[] = []
  const logger = createLogger({ level: 'warn', write: line => said.push(line), now: Date.now })
  const supervisor = new Supervisor(logger)
  const clicks = new NumberedClicks(cluster, { topic: 'linked.clean', perSecond: 100, keys: 7 })
  const jar = await jarOf(directory)
  const jobs = new Jobs({
    plan: build(app('linked').task('count', { on: flink({ jar, args: ARGS, parallelism: 2, cluster: { restUrl: somebodys.url } }), reads: [declare('linked.clean')], writes: [declare('linked.counted')] })),
    wanted: () => true, cluster, bootstrap: broker.bootstrap, directory: join(directory, 'jobs'), supervisor, environment: { ...process.env, MILLRACE_ENGINES: ENGINES }, logger, note: line => said.push(line),
  })
  const counted = async (): Promise<number> => {
    const counts = new Map<string, number>()
    await readAll(cluster, 'linked.counted', (_partition, offset, key, value) => {
      const { count } = JSON.parse(value) as { count: number } // Written by the jar.
      assert.equal(count, (counts.get(key) ?? 0) + 1, `${key} at ${offset}`)
      counts.set(key, count)
    })
    return [...counts.values()].reduce((sum, count) => sum + count, 0)
  }
  const log = (): string => `${said.join('\n')}\n${JSON.stringify(jobs.status().get('count'))}`
  const goesOn = async (when: string): Promise<void> => {
    const before = await counted()
    await until(`it counts ${when}`, async () => await counted() > before + 100, log, 180)
  }
  const kept = (): { readonly jobId: string; readonly savepoint: string | null } => JSON.parse(readFileSync(join(directory, 'jobs', 'count', 'job.json'), 'utf8')) as ReturnType<typeof kept> // As kept.ts writes it.
  try {
    await somebodys.start('entrypoint.StandaloneSessionClusterEntrypoint')
    await somebodys.start('taskexecutor.TaskManagerRunner')
    await jobs.start()
    assert.equal(jobs.status().get('count')?.state, 'running', log())
    assert.deepEqual(supervisor.list(), [], 'nothing of it is started here')
    await cluster.refresh(['linked.clean', 'linked.counted'])
    await clicks.start()
    await goesOn('at first')

    await jobs.control('count', { kind: 'stop' })
    assert.match(kept().savepoint ?? '', /cluster\/savepoints\/savepoint-/)
    await jobs.control('count', { kind: 'start' })
    await goesOn('from its savepoint')

    const { jobId } = kept()
    await until('a checkpoint was heard of', () => Promise.resolve(jobs.status().get('count')?.checkpoint !== null), log)
    await somebodys.kill('entrypoint.StandaloneSessionClusterEntrypoint')
    await somebodys.start('entrypoint.StandaloneSessionClusterEntrypoint')
    await until('it was submitted anew', () => Promise.resolve(kept().jobId !== jobId), log)
    await goesOn('again, on a job manager that had forgotten it')

    await clicks.stop()
    await until('every click is counted once', async () => await counted() === clicks.sent, log, 180)
    await somebodys.stop()
    await until('it is said that the cluster is gone', () => Promise.resolve(/127\.0\.0\.1/.test(jobs.status().get('count')?.lastError ?? '')), log)
    assert.match(jobs.status().get('count')?.lastError ?? '', new RegExp(`${somebodys.url}/jobs/`))
  } finally {
    await clicks.stop()
    await somebodys.stop()
    await jobs.stop().catch(() => { /* Its cluster is gone. */ })
    await supervisor.stop()
    await cluster.close()
    await broker.stop()
    broker.remove()
    rmSync(directory, { recursive: true, force: true })
  }
})
