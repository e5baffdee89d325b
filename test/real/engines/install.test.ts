/**
 * Engines from the public repository: a download that is cut and goes on, and proof that the manifests are complete, since real programs
 * run from the installed jars and nothing else.
 */
import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { installDistributions, type InstallEvents, realDownloads } from '../../../src/engines/install/install.ts'
import { MAVEN_CENTRAL } from '../../../src/engines/install/location.ts'
import { bytesOf } from '../../../src/engines/install/manifest.ts'
import { EngineStore, openEngineStore } from '../../../src/engines/install/store.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { freePorts } from '../../support/kafka.ts'
import { millrace, startTestBroker } from '../../support/millrace.ts'
import { ENGINES, need, ROOT } from '../../support/need.ts'
import { type Started, startProcess } from '../../support/processes.ts'

need('engines')

const PROGRAMS = join(ROOT, 'test', 'real', 'engines', 'streams')
const engines = openEngineStore(realEnv.disk, { ...process.env, MILLRACE_ENGINES: ENGINES })

test('jars come from the public repository, an interrupted download goes on by range', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-engines-'))
  try {
    // The small jars of a real manifest, and one large enough to be interrupted.
    const streams = engines.find('kafka-streams')
    const manifest = { ...streams, jars: streams.jars.filter(jar => jar.bytes < 10_000_000) }
    const store = new EngineStore({ directory, disk: realEnv.disk, manifests: [manifest] })
    const ranges: string[] = []
    const watched = (url: string, options: { readonly headers: Record<string, string>, readonly signal: AbortSignal }): Promise<Response> => {
      if (options.headers['range'] !== undefined) ranges.push(options.headers['range'])
      return fetch(url, options)
    }
    const install = (signal: AbortSignal, progress: InstallEvents['progress']): Promise<unknown> => installDistributions({
      store, manifests: [manifest], repository: MAVEN_CENTRAL, signal,
      world: { ...realDownloads(realEnv, watched), installWheels: () => Promise.reject(new Error('it has no Python packages')) },
      events: { planned: () => undefined, progress, retry: (file, reason) => t.diagnostic(`${file}: ${reason}`), waiting: () => undefined, wheels: () => undefined, done: () => undefined },
    })
    const controller = new AbortController()
    await assert.rejects(install(controller.signal, progress => { if (progress.doneBytes > 1_000_000) controller.abort(new Error('stopped')) }), /stopped/)
    assert.equal(store.isInstalled(manifest), false)
    await install(new AbortController().signal, () => undefined)
    assert.equal((await store.classpathOf('kafka-streams')).length, manifest.jars.length)
    assert.ok(ranges.length > 0, 'nothing was taken up by range')
    t.diagnostic(`${manifest.jars.length} jars, ${bytesOf(manifest)} bytes, resumed with ${ranges.join(', ')}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('Kafka Streams runs from its installed jars: counts with RocksDB, exactly once, on the embedded broker', async t => {
  const broker = await startTestBroker()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-streams-'))
  let program: Started | undefined
  try {
    for (const topic of ['words', 'counts']) await millrace(['topic', 'new', topic, '-p', '1', '-b', broker.bootstrap])
    const keys = Array.from({ length: 60 }, (_, index) => `k${index % 7}`)
    await millrace(['topic', 'produce', 'words', '-K', '\\t', '-b', broker.bootstrap], { input: keys.map(key => `${key}\t1\n`).join('') })
    const classpath = await engines.classpathOf('kafka-streams')
    const started = Date.now()
    program = startProcess('java', ['-Xmx256m', '-cp', classpath.join(':'), join(PROGRAMS, 'CountByKey.java'), broker.bootstrap, 'words', 'counts', directory])
    const counted = await until(async () => {
      const tail = await millrace(['topic', 'tail', 'counts', '-o', 'earliest', '-e', '-f', '%k=%v\\n', '-b', broker.bootstrap])
      const last = new Map(tail.stdout.trim().split('\n').map((line): [string, number] => [line.split('=')[0] ?? '', Number(line.split('=')[1])]))
      return [...last.values()].reduce((sum, count) => sum + count, 0) === keys.length ? last : undefined
    }, () => program?.stderr() ?? '')
    t.diagnostic(`first counts after ${((Date.now() - started) / 1000).toFixed(1)} s, JVM start and compile included`)
    for (const key of new Set(keys)) assert.equal(counted.get(key), keys.filter(each => each === key).length, key)
  } finally {
    await program?.kill('SIGTERM')
    await broker.stop()
    broker.remove()
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a Flink session cluster starts from its installed jars: job manager, task manager, SQL Gateway', async t => {
  const { classpath, manifest } = engines.installation('flink@2.0')
  const directory = mkdtempSync(join(tmpdir(), 'millrace-flink-'))
  const [rpc = 0, rest = 0, gateway = 0] = await freePorts(3)
  const running: Started[] = []
  const jvm = (main: string, ...args: string[]): void => void running.push(startProcess('java', [...manifest.javaOptions, '-Xmx384m', '-cp', classpath.join(':'), main, ...args], { env: { FLINK_CONF_DIR: directory } }))
  const log = (): string => running.map(each => each.stdout() + each.stderr()).join('\n')
  const json = async (url: string): Promise<Record<string, unknown> | undefined> => {
    const body: unknown = await fetch(url).then(response => response.ok ? response.json() : undefined, () => undefined)
    return typeof body === 'object' && body !== null ? { ...body } : undefined
  }
  try {
    mkdirSync(join(directory, 'tmp'))
    writeFileSync(join(directory, 'config.yaml'), flinkConfig(directory, rpc, rest, gateway))
    const started = Date.now()
    jvm('org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint', '--configDir', directory)
    jvm('org.apache.flink.runtime.taskexecutor.TaskManagerRunner', '--configDir', directory)
    jvm('org.apache.flink.table.gateway.SqlGateway')
    const overview = await until(async () => {
      const answer = await json(`http://127.0.0.1:${rest}/overview`)
      return answer?.['taskmanagers'] === 1 && answer['slots-available'] === 2 ? answer : undefined
    }, log)
    assert.equal(overview['flink-version'], '2.0.0')
    const info = await until(() => json(`http://127.0.0.1:${gateway}/v1/info`), log)
    assert.deepEqual(info, { productName: 'Apache Flink', version: '2.0.0' })
    t.diagnostic(`cluster and gateway answer after ${((Date.now() - started) / 1000).toFixed(1)} s`)
  } finally {
    for (const each of running.reverse()) await each.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
})

/** Started without Flink's scripts, a task manager wants every piece of its memory named. */
function flinkConfig(directory: string, rpc: number, rest: number, gateway: number): string {
  const memory = { 'framework.heap.size': 128, 'framework.off-heap.size': 64, 'task.heap.size': 192, 'task.off-heap.size': 0, 'network.min': 64, 'network.max': 64, 'managed.size': 64, 'jvm-metaspace.size': 192, 'jvm-overhead.min': 128, 'jvm-overhead.max': 128 }
  return [
    'jobmanager.rpc.address: 127.0.0.1', `jobmanager.rpc.port: ${rpc}`, 'jobmanager.bind-host: 127.0.0.1',
    'taskmanager.host: 127.0.0.1', 'taskmanager.bind-host: 127.0.0.1', 'taskmanager.numberOfTaskSlots: 2', 'taskmanager.cpu.cores: 1', 'taskmanager.resource-id: one',
    ...Object.entries(memory).map(([name, megabytes]) => `taskmanager.memory.${name}: ${megabytes}m`),
    'rest.address: 127.0.0.1', 'rest.bind-address: 127.0.0.1', `rest.port: ${rest}`,
    'sql-gateway.endpoint.rest.address: 127.0.0.1', `sql-gateway.endpoint.rest.port: ${gateway}`,
    `io.tmp.dirs: ${join(directory, 'tmp')}`,
  ].join('\n')
}

async function until<T>(look: () => Promise<T | undefined>, log: () => string): Promise<T> {
  for (let tries = 0; tries < 150; tries++) {
    const found = await look()
    if (found !== undefined) return found
    await sleep(1000)
  }
  throw new Error(`it did not come\n${log().slice(-6000)}`)
}
