/**
 * A Flink session cluster of one task on this machine: a job manager, task managers, and a SQL Gateway while a script is submitted.
 *
 * C1. Started without Flink's scripts, so every piece of a task manager's memory is named (FLIP-49), and nothing is derived.
 * C2. A task manager keeps its resource id over its restarts: the job manager replaces the dead one at once and does not wait for its heartbeats.
 * C3. Everything listens on loopback only.
 * C4. A port that was free when it was chosen may be taken when Flink opens it: that is said, and the next start chooses others.
 */
import { join } from 'node:path'
import { messageOf, MillraceError } from '../../base/errors.ts'
import type { FlinkSpec } from '../../topology/foreign.ts'
import type { JobContext, Readiness } from '../engine.ts'
import { writeText } from '../files.ts'
import { ErrorLog } from '../java-trace.ts'
import { FlinkRest, SqlGateway } from './rest.ts'

const JAVA_MIN = 17
const READY_MS_MAX = 180_000
const HOST = '127.0.0.1'
const JOB_MANAGER = 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint'
const TASK_MANAGER = 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner'
const GATEWAY = 'org.apache.flink.table.gateway.SqlGateway'
/** Megabytes of each piece of a task manager. */
const MEMORY = { 'framework.heap': 128, 'framework.off-heap': 64, 'task.heap': 256, 'task.off-heap': 0, managed: 64, 'jvm-metaspace': 192 }
const MEMORY_RANGES = { network: 64, 'jvm-overhead': 128 }

export interface FlinkCluster {
  readonly rest: FlinkRest
  /** Runs `use` with a SQL Gateway that belongs to this cluster. */
  withGateway<T>(use: (gateway: SqlGateway) => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/** Of somebody else: nothing is started or stopped. */
export function remoteCluster(spec: NonNullable<FlinkSpec['cluster']>, sleep: (ms: number) => Promise<void>): FlinkCluster {
  return {
    rest: new FlinkRest(spec.restUrl, sleep),
    withGateway: use => use(new SqlGateway(spec.sqlGatewayUrl ?? '', sleep)),
    stop: () => Promise.resolve(),
  }
}

/** Resolves when every task manager has its slots registered. */
export async function startCluster(name: string, spec: FlinkSpec, context: JobContext, sleep: (ms: number) => Promise<void>): Promise<FlinkCluster> {
  const java = await context.java(JAVA_MIN)
  const { classpath, manifest } = context.installation(`flink@${spec.version}`)
  const [rpcPort, restPort, gatewayPort] = [await context.freePort(), await context.freePort(), await context.freePort()]
  const rest = new FlinkRest(`http://${HOST}:${restPort}`, sleep)
  const slots = Math.ceil(spec.parallelism / spec.taskManagers)
  const start = async (box: string, main: string, heapMb: number, settings: Readonly<Record<string, string>>, ready: Readiness): Promise<void> => {
    const folder = join(context.directory, 'conf', box)
    writeText(context.disk, join(folder, 'config.yaml'), yaml(settings))
    const log = join(folder, 'log4j2.properties')
    writeText(context.disk, log, LOG_CONFIG)
    const log4j = new StartLog()
    await context.supervise({
      name: box, command: java, cwd: undefined, readyMsMax: READY_MS_MAX,
      args: [...manifest.javaOptions, `-Xmx${heapMb}m`, '-XX:+UseSerialGC', `-Dlog4j.configurationFile=${log}`, '-cp', classpath.join(':'), main, ...main === GATEWAY ? [] : ['--configDir', folder]],
      env: { FLINK_CONF_DIR: folder }, ready, onLine: line => log4j.take(line),
    }).catch((error: unknown) => { throw startFailure(box, error, log4j, context.directory) })
  }
  const common = { ...clusterSettings(spec, context), 'jobmanager.rpc.address': HOST, 'jobmanager.rpc.port': String(rpcPort), 'rest.address': HOST, 'rest.port': String(restPort) }
  const managers = Array.from({ length: spec.taskManagers }, (_, index) => spec.taskManagers === 1 ? `${name}-taskmanager` : `${name}-taskmanager-${index + 1}`)
  await start(`${name}-jobmanager`, JOB_MANAGER, 384, common, { kind: 'probe', check: async () => (await rest.slots()).taskManagers >= 0 })
  // Its own word: the job manager counts one that has died for a while.
  await Promise.all(managers.map(box => start(box, TASK_MANAGER, MEMORY['framework.heap'] + MEMORY['task.heap'], {
    ...common, ...taskManagerSettings(box, slots),
  }, { kind: 'line', pattern: /Successful registration at resource manager/ })))
  return {
    rest,
    async withGateway(use) {
      const box = `${name}-sql-gateway`
      const gateway = new SqlGateway(`http://${HOST}:${gatewayPort}`, sleep)
      await start(box, GATEWAY, 384, { ...common, 'sql-gateway.endpoint.rest.address': HOST, 'sql-gateway.endpoint.rest.port': String(gatewayPort) }, { kind: 'probe', check: () => gateway.answers() })
      try {
        return await use(gateway)
      } finally {
        await context.release(box)
      }
    },
    async stop() {
      await Promise.all(managers.map(box => context.release(box)))
      await context.release(`${name}-jobmanager`)
    },
  }
}

/** What Flink logs while it starts: on its standard output, where nobody looks for a reason. */
class StartLog {
  readonly #errors = new ErrorLog()
  /** Of a port: later errors are of its end. */
  portTaken: string | undefined

  take(line: string): void {
    this.#errors.take(line)
    if (/BindException|[Ff]ailed to bind/.test(line)) this.portTaken ??= line.replace(/^[\d:,]+ \w+ +\S+ +- /, '').trim()
  }

  get last(): string | null {
    return this.#errors.last
  }
}

/** C4. */
function startFailure(box: string, error: unknown, log: StartLog, directory: string): unknown {
  const file = join(directory, `${box}.log`)
  if (log.portTaken !== undefined) return new MillraceError('ENGINE_FAILED', `${box} found a port taken that was free a moment ago (${log.portTaken}); others are tried. Its log: ${file}`, { retriable: true, cause: error })
  const [first = ''] = messageOf(error).split('\n')
  // The supervisor knows no more than how it ended.
  if (!(error instanceof MillraceError) || log.last === null || !/exit code \d+$/.test(first)) return error
  return new MillraceError('ENGINE_FAILED', `${first}: ${log.last}\nIts log: ${file}`, { cause: error })
}

function clusterSettings(spec: FlinkSpec, context: JobContext): Record<string, string> {
  return {
    'jobmanager.bind-host': HOST, 'rest.bind-address': HOST, 'parallelism.default': String(spec.parallelism),
    'state.backend.type': 'hashmap',
    'execution.checkpointing.interval': `${spec.checkpointIntervalMs} ms`, 'execution.checkpointing.mode': 'EXACTLY_ONCE',
    'execution.checkpointing.dir': `file://${join(context.directory, 'checkpoints')}`,
    'execution.checkpointing.savepoint-dir': `file://${join(context.directory, 'savepoints')}`,
    'execution.checkpointing.num-retained': '3', 'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
    'restart-strategy.type': 'fixed-delay', 'restart-strategy.fixed-delay.attempts': '2147483647', 'restart-strategy.fixed-delay.delay': '500 ms',
    'heartbeat.interval': '1000', 'heartbeat.timeout': '10000',
    'io.tmp.dirs': join(context.directory, 'tmp'),
    ...spec.config,
  }
}

function taskManagerSettings(box: string, slots: number): Record<string, string> {
  return {
    'taskmanager.host': HOST, 'taskmanager.bind-host': HOST, 'taskmanager.numberOfTaskSlots': String(slots), 'taskmanager.cpu.cores': '1', 'taskmanager.resource-id': box,
    ...Object.fromEntries(Object.entries(MEMORY).map(([piece, mb]) => [`taskmanager.memory.${piece}.size`, `${mb}m`])),
    ...Object.fromEntries(Object.entries(MEMORY_RANGES).flatMap(([piece, mb]) => [[`taskmanager.memory.${piece}.min`, `${mb}m`], [`taskmanager.memory.${piece}.max`, `${mb}m`]])),
  }
}

/** Flink's config.yaml is YAML since 2.0: values that YAML could take for something else are quoted. */
export function yaml(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings).map(([name, value]) => `${name}: ${/^[\w./-]+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`}\n`).join('')
}

const LOG_CONFIG = `rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %-40c{1} - %m%n%xEx
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
`
