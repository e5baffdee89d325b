/**
 * A Storm cluster as an operator would run it: ZooKeeper, Nimbus, and a supervisor that starts workers, from the jars of the installed distribution. Topologies
 * come as jars; workers have the distribution's jars, the Kafka spout among them.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { openEngineStore } from '../../src/engines/install/store.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { freePorts } from './kafka.ts'
import { ENGINES, ROOT } from './need.ts'
import { mustRun, type Started, startProcess } from './processes.ts'
import { until } from './watched.ts'
import { startZooKeeper } from './zookeeper.ts'

export interface StormCluster {
  /** `127.0.0.1:PORT`. */
  readonly nimbus: string
  /** Kills the JVMs of the topologies' workers with SIGKILL. Fails where there is none. */
  killWorkers(): Promise<void>
  /** Nimbus goes away and comes back on the same port. */
  restartNimbus(): Promise<void>
  stop(): Promise<void>
}

const SLOTS = 2
const WORKER = 'org.apache.storm.daemon.worker.Worker'
const LOG4J = (file: string): string => `<Configuration><Appenders><File name="file" fileName="${file}"><PatternLayout pattern="%d %c{1} [%p] %m%n"/></File></Appenders><Loggers><Root level="info"><AppenderRef ref="file"/></Root></Loggers></Configuration>\n`

export async function startStormCluster(): Promise<StormCluster> {
  const { classpath } = openEngineStore(realEnv.disk, { MILLRACE_ENGINES: ENGINES }).installation('storm@2.8')
  const home = mkdtempSync(join(tmpdir(), 'millrace-storm-'))
  const zookeeper = await startZooKeeper('storm@2.8')
  const [nimbusPort = 0, supervisorPort = 0, ...slots] = await freePorts(2 + SLOTS)
  homeOf(home, classpath, {
    'storm.zookeeper.servers': ['127.0.0.1'], 'storm.zookeeper.port': Number(zookeeper.connect.split(':')[1]), 'nimbus.seeds': ['127.0.0.1'], 'nimbus.thrift.port': nimbusPort,
    'storm.local.hostname': '127.0.0.1', 'storm.local.dir': join(home, 'local'), 'supervisor.slots.ports': slots, 'supervisor.thrift.port': supervisorPort,
    'nimbus.monitor.freq.secs': 2, 'supervisor.monitor.frequency.secs': 1, 'supervisor.worker.start.timeout.secs': 240, 'worker.heap.memory.mb': 256,
    'worker.childopts': '-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1', 'topology.worker.logwriter.childopts': '-Xmx32m',
  })
  const daemon = (name: 'nimbus.Nimbus' | 'supervisor.Supervisor'): Started => startProcess('java', [
    '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Dstorm.home=${home}`, `-Dstorm.log.dir=${join(home, 'logs')}`, `-Dlog4j2.configurationFile=${join(home, 'log4j2', `${name}.xml`)}`,
    '-cp', [join(home, 'conf'), ...classpath].join(':'), `org.apache.storm.daemon.${name}`,
  ])
  let nimbus = daemon('nimbus.Nimbus')
  const supervisor = daemon('supervisor.Supervisor')
  const logs = (): string => readdirSync(join(home, 'logs'), { withFileTypes: true }).filter(entry => entry.isFile()).map(({ name }) => `${name}\n${readFileSync(join(home, 'logs', name), 'utf8').slice(-3_000)}`).join('\n') + nimbus.stderr().slice(-2_000) + supervisor.stderr().slice(-2_000)
  const answers = async (): Promise<boolean> => {
    try {
      (await realEnv.network.connect({ host: '127.0.0.1', port: nimbusPort, timeoutMs: 1_000 })).destroy()
      return true
    } catch {
      return false
    }
  }
  await until('Nimbus answers', answers, logs, 120)
  return {
    nimbus: `127.0.0.1:${nimbusPort}`,
    async killWorkers() {
      const pids = workersOf(home)
      if (pids.length === 0) throw new Error(`no worker runs\n${logs()}`)
      for (const pid of pids) process.kill(pid, 'SIGKILL')
    },
    async restartNimbus() {
      await nimbus.kill('SIGKILL')
      nimbus = daemon('nimbus.Nimbus')
      await until('Nimbus answers again', answers, logs, 120)
    },
    async stop() {
      await supervisor.kill('SIGKILL')
      await nimbus.kill('SIGKILL')
      for (const pid of workersOf(home)) process.kill(pid, 'SIGKILL')
      await zookeeper.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** What `storm.home` has to hold for a supervisor to start workers from it. JSON is YAML. */
function homeOf(home: string, classpath: readonly string[], settings: Readonly<Record<string, unknown>>): void {
  for (const name of ['conf', 'lib-worker', 'extlib', 'log4j2', 'logs', 'local']) mkdirSync(join(home, name))
  for (const jar of classpath) symlinkSync(jar, join(home, 'lib-worker', basename(jar)))
  writeFileSync(join(home, 'conf', 'storm.yaml'), JSON.stringify(settings))
  for (const daemon of ['nimbus.Nimbus', 'supervisor.Supervisor']) writeFileSync(join(home, 'log4j2', `${daemon}.xml`), LOG4J(join(home, 'logs', `${daemon}.log`)))
  writeFileSync(join(home, 'log4j2', 'worker.xml'), LOG4J(join(home, 'logs', 'worker-${sys:worker.port}.log')))
}

/** JVMs of workers, and what writes their logs, of this cluster. */
function workersOf(home: string): number[] {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(Number).filter(pid => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return command.includes(home) && command.includes(WORKER)
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
}

/** `examples/linked/CountClicksStorm.java` as a jar in `directory`. */
export async function stormJar(directory: string): Promise<string> {
  const { classpath } = openEngineStore(realEnv.disk, { MILLRACE_ENGINES: ENGINES }).installation('storm@2.8')
  const [classes, jar] = [join(directory, 'classes'), join(directory, 'count-clicks.jar')]
  await mustRun('javac', ['-d', classes, '-cp', classpath.join(':'), join(ROOT, 'examples', 'linked', 'CountClicksStorm.java')])
  await mustRun('jar', ['cf', jar, '-C', classes, '.'])
  return jar
}
