/**
 * Starts Apache Kafka on this machine for `--cluster N`: formats the brokers' data where there is none, and hands each to the supervisor.
 *
 * KC1. Each broker is a child of its own, of kind `broker`: a kill takes one, and it comes back on its data.
 * KC2. Resolves when every broker is a member of the cluster: topics that are made from then on get all their replicas.
 * KC3. What stands in the way (engine, Java, number of brokers, ports) is looked for before anything is started.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { messageOf, MillraceError } from '../base/errors.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import type { Installation } from '../engines/install/store.ts'
import { openEngineStore } from '../engines/install/store.ts'
import { type BrokerPlace, existingCluster, isFormatted, KAFKA_VERSION, prepareBroker, writeMark } from '../engines/kafka/brokers.ts'
import { realEnv } from '../env/real/env.ts'
import { requireJava } from './java.ts'
import { freePorts } from './ports.ts'
import type { Supervisor } from './supervisor.ts'

const HOST = '127.0.0.1'
/** A JVM's start on two busy cores, and the election of the first controller. */
const READY_MS_MAX = 180_000
const FORMAT_MS_MAX = 120_000
const ASKED_MS_MAX = 2000

export interface KafkaClusterOptions {
  readonly brokers: number
  /** Of the first broker; the others, and then the controllers, take the next free ones. 0: all free ones. */
  readonly port: number
  /** Absolute. All of the cluster's data. */
  readonly directory: string
  readonly supervisor: Supervisor
  /** Says where engines and Java are. */
  readonly environment: NodeJS.ProcessEnv
  /** What it does, in lines: the first start takes a quarter of a minute. */
  readonly progress: (line: string) => void
}

export interface KafkaCluster {
  /** `host:port,host:port …` */
  readonly bootstrap: string
  /** Of Kafka. */
  readonly version: string
  readonly places: readonly BrokerPlace[]
}

interface PreparedBroker {
  readonly place: BrokerPlace
  readonly start: readonly string[]
  readonly format: (clusterId: string) => readonly string[]
  readonly log: string
}

export function brokerName(id: number): string {
  return `broker-${id}`
}

export async function startKafkaCluster(options: KafkaClusterOptions): Promise<KafkaCluster> {
  const { directory, brokers, environment } = options
  const existing = existingCluster(realEnv.disk, directory, brokers)
  const installation = openEngineStore(realEnv.disk, environment).installation(`kafka@${KAFKA_VERSION}`)
  const java = await requireJava(installation.manifest.java, environment)
  const ports = await freePorts(realEnv.network, HOST, options.port, brokers * 2)
  const places = Array.from({ length: brokers }, (_, index): BrokerPlace => ({ id: index + 1, port: ports[index] ?? 0, controllerPort: ports[brokers + index] ?? 0 }))
  const clusterId = existing?.clusterId ?? newClusterId()
  if (existing === undefined) writeMark(realEnv.disk, directory, { clusterId, brokers, version: installation.manifest.version })
  const prepared = places.map((place): PreparedBroker => ({ place, ...prepareBroker(realEnv.disk, directory, place.id, places, installation.classpath, installation.manifest.javaOptions) }))
  await formatMissing(options, java, clusterId, prepared, installation)
  options.progress(`starting ${brokers} Kafka broker${brokers === 1 ? '' : 's'}`)
  await Promise.all(prepared.map(each => startBroker(options, java, each)))
  return { bootstrap: places.map(({ port }) => `${HOST}:${port}`).join(','), version: installation.manifest.version, places }
}

/** As Kafka makes them: 16 bytes in 22 characters, the first of them no dash, which its own tools would take for an option. */
function newClusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A')
}

async function formatMissing(options: KafkaClusterOptions, java: string, clusterId: string, prepared: readonly PreparedBroker[], { manifest }: Installation): Promise<void> {
  const missing = prepared.filter(({ place }) => !isFormatted(realEnv.disk, options.directory, place.id))
  if (missing.length === 0) return
  options.progress(`formatting the data of ${missing.length} Kafka broker${missing.length === 1 ? '' : 's'}, Apache Kafka ${manifest.version}`)
  await Promise.all(missing.map(({ place, format }) => new Promise<void>((resolve, reject) => {
    execFile(java, [...format(clusterId)], { timeout: FORMAT_MS_MAX }, (error, stdout, stderr) => {
      if (error === null) return resolve()
      reject(new MillraceError('ENGINE_FAILED', `The data of ${brokerName(place.id)} in ${options.directory} could not be formatted: ${messageOf(error).split('\n')[0]}\n${`${stdout}\n${stderr}`.trim()}`, { cause: error }))
    })
  })))
}

async function startBroker(options: KafkaClusterOptions, java: string, { place, start, log }: PreparedBroker): Promise<void> {
  const name = brokerName(place.id)
  try {
    await options.supervisor.start({
      name, kind: 'broker', command: java, args: start, ipc: false,
      ready: { when: { kind: 'probe', check: () => isMember(place) }, msMax: READY_MS_MAX },
    })
  } catch (error) {
    throw startFailure(error, place, log)
  }
}

/** KC2. A broker that is fenced, or starts, is not in its own answer. */
async function isMember({ id, port }: BrokerPlace): Promise<boolean> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: `${HOST}:${port}`, clientId: 'millrace-start', connectTimeoutMs: ASKED_MS_MAX, requestTimeoutMs: ASKED_MS_MAX, deliveryTimeoutMs: ASKED_MS_MAX })
  try {
    return (await new Admin(cluster).describeCluster()).nodes.some(node => node.id === id)
  } finally {
    await cluster.close()
  }
}

/** What Kafka's last words mean here, and what to do. */
function startFailure(error: unknown, { id, port, controllerPort }: BrokerPlace, log: string): unknown {
  if (!(error instanceof MillraceError)) return error
  const said = error.message
  const wrap = (code: 'PORT_IN_USE' | 'DATA_DIR_LOCKED' | 'ENGINE_FAILED', message: string): MillraceError => new MillraceError(code, message, { cause: error })
  if (/Address already in use|Failed to bind|BindException/.test(said)) return wrap('PORT_IN_USE', `${brokerName(id)} found port ${port} or ${controllerPort} taken: somebody took it a moment ago. Start again, or choose another range with --port.`)
  if (/Failed to acquire lock/.test(said)) return wrap('DATA_DIR_LOCKED', `Another Kafka works on the data of ${brokerName(id)}: another start, or (not on Linux) what one that was killed has left. End it first: 'pgrep -fl server.properties' names it. Its log: ${log}`)
  return wrap('ENGINE_FAILED', `${said}\nIts log: ${log}`)
}
