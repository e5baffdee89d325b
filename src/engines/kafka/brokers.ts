/**
 * Apache Kafka itself under an app: N KRaft processes on one machine, each a broker and a controller. What they are told, and what lies on disk.
 *
 *   <directory>/cluster.json                         which cluster this is: written before anything is formatted
 *   <directory>/broker-<id>/server.properties        written at each start: ports may change, data may not
 *   <directory>/broker-<id>/log4j2.properties
 *   <directory>/broker-<id>/broker.log               what it says
 *   <directory>/broker-<id>/data/                    Kafka's own; meta.properties in it says that it has been formatted
 *
 * KB1. The number of brokers is part of the data: voters of the controllers' quorum and replicas of the topics are counted in it. A start with another number is refused.
 * KB2. Replication is 3, or the number of brokers where there are fewer; with three replicas two must have a record before it is acknowledged, so that one
 *      broker may die at any moment and every topic goes on.
 * KB3. A broker whose data is gone is formatted anew and gets its replicas from the others.
 * KB4. Everything listens on loopback only.
 */
import { join } from 'node:path'
import { MillraceError } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import { readText, writeText } from '../files.ts'
import { recordOf } from '../install/manifest.ts'
import { propertiesText } from '../properties.ts'

export const KAFKA_VERSION = '4.1'
export const BROKERS_MAX = 9
const FORMAT = 1
const HOST = '127.0.0.1'
const REPLICATION_MAX = 3
/** Of `__consumer_offsets` and `__transaction_state`: as many as one machine's app has use for; each is a log on every broker. */
const INTERNAL_PARTITIONS = 8

/** What a broker's JVM gets: enough for an app's topics on one machine. C1 alone: brokers that idle beside an app have no time to be optimised. */
export const BROKER_JVM = ['-Xms96m', '-Xmx320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Djava.awt.headless=true']

export interface ClusterMark {
  readonly clusterId: string
  readonly brokers: number
  /** Of Kafka, as it was when the data was formatted. */
  readonly version: string
}

export interface BrokerPlace {
  /** 1 … N. */
  readonly id: number
  readonly port: number
  readonly controllerPort: number
}

/** Copies of each record, and how many of them must be there before it is acknowledged. */
export function replicationOf(brokers: number): { readonly replicas: number, readonly inSyncMin: number } {
  const replicas = Math.min(REPLICATION_MAX, brokers)
  return { replicas, inSyncMin: Math.max(1, replicas - 1) }
}

/** The cluster whose data lies in `directory`; `undefined` where there is none. Throws `CONFIG_INVALID` where it has another number of brokers (KB1). */
export function existingCluster(disk: Disk, directory: string, brokers: number): ClusterMark | undefined {
  const path = join(directory, 'cluster.json')
  if (!disk.exists(path)) return undefined
  const mark = parseMark(readText(disk, path))
  if (mark === undefined) throw new MillraceError('CONFIG_INVALID', `${path} is not what this version writes. It says which Kafka cluster lies beside it: give another folder with --data, or delete ${directory} with everything in it.`)
  if (mark.brokers === brokers) return mark
  throw new MillraceError('CONFIG_INVALID', `${directory} holds a Kafka cluster of ${mark.brokers} broker${mark.brokers === 1 ? '' : 's'}, which cannot become one of ${brokers}. Start it with --cluster ${mark.brokers}, give another folder with --data, or delete this one with everything in it.`, { detail: { directory, brokers: mark.brokers, wanted: brokers } })
}

function parseMark(text: string): ClusterMark | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Not ours, or cut off: said by the caller, who knows the path.
    return undefined
  }
  const fields = recordOf(parsed)
  const [clusterId, brokers, version] = [fields?.['clusterId'], fields?.['brokers'], fields?.['version']]
  return fields?.['format'] === FORMAT && typeof clusterId === 'string' && typeof brokers === 'number' && typeof version === 'string' ? { clusterId, brokers, version } : undefined
}

export function writeMark(disk: Disk, directory: string, mark: ClusterMark): void {
  writeText(disk, join(directory, 'cluster.json'), `${JSON.stringify({ format: FORMAT, ...mark }, undefined, 2)}\n`)
}

export function brokerDirectory(directory: string, id: number): string {
  return join(directory, `broker-${id}`)
}

export function isFormatted(disk: Disk, directory: string, id: number): boolean {
  return disk.exists(join(brokerDirectory(directory, id), 'data', 'meta.properties'))
}

/** Writes what broker `id` is told at its start; the arguments of `java` that start it, and those that format its data. */
export function prepareBroker(disk: Disk, directory: string, id: number, places: readonly BrokerPlace[], classpath: readonly string[], javaOptions: readonly string[]): { readonly start: readonly string[], readonly format: (clusterId: string) => readonly string[], readonly log: string } {
  const own = brokerDirectory(directory, id)
  const [properties, logging, log] = [join(own, 'server.properties'), join(own, 'log4j2.properties'), join(own, 'broker.log')]
  writeText(disk, properties, propertiesText(brokerProperties(own, id, places)))
  writeText(disk, logging, loggingProperties(log))
  const jvm = [...javaOptions, ...BROKER_JVM, `-Dlog4j2.configurationFile=${logging}`, '-cp', classpath.join(':')]
  return {
    log,
    start: [...jvm, 'kafka.Kafka', properties],
    format: clusterId => [...jvm, 'kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', properties, '--ignore-formatted'],
  }
}

export function brokerProperties(own: string, id: number, places: readonly BrokerPlace[]): Record<string, string> {
  const place = places.find(each => each.id === id)
  const { replicas, inSyncMin } = replicationOf(places.length)
  const [listen, control] = [`PLAINTEXT://${HOST}:${place?.port}`, `CONTROLLER://${HOST}:${place?.controllerPort}`]
  return {
    'process.roles': 'broker,controller', 'node.id': String(id), 'controller.quorum.voters': places.map(each => `${each.id}@${HOST}:${each.controllerPort}`).join(','),
    'controller.listener.names': 'CONTROLLER', 'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    listeners: `${listen},${control}`, 'advertised.listeners': listen,
    'log.dirs': join(own, 'data'),
    'num.partitions': '1', 'default.replication.factor': String(replicas), 'min.insync.replicas': String(inSyncMin), 'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': String(replicas), 'offsets.topic.num.partitions': String(INTERNAL_PARTITIONS),
    'transaction.state.log.replication.factor': String(replicas), 'transaction.state.log.min.isr': String(inSyncMin), 'transaction.state.log.num.partitions': String(INTERNAL_PARTITIONS),
    'share.coordinator.state.topic.replication.factor': String(replicas), 'share.coordinator.state.topic.min.isr': String(inSyncMin),
    'group.initial.rebalance.delay.ms': '0',
    // A broker that was killed is missed after 3 s, not after 9: on one machine nothing but a death is silent for so long.
    'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500',
    // They are stopped all at once: none can hand its partitions to another, and waiting for it would only be waited out.
    'controlled.shutdown.enable': 'false',
    'num.network.threads': '2', 'num.io.threads': '4', 'num.replica.fetchers': '1', 'background.threads': '2', 'num.recovery.threads.per.data.dir': '2',
    'log.cleaner.dedupe.buffer.size': String(16 * 1024 * 1024),
  }
}

/** All of it into the broker's own file; what is wrong also to its standard error, where its supervisor takes its last words from. */
function loggingProperties(log: string): string {
  return `rootLogger.level = INFO
rootLogger.appenderRef.file.ref = File
rootLogger.appenderRef.error.ref = Error
appender.file.type = RollingFile
appender.file.name = File
appender.file.fileName = ${log}
appender.file.filePattern = ${log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %-5p %m (%c{1})%n%xEx
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
appender.error.type = Console
appender.error.name = Error
appender.error.target = SYSTEM_ERR
appender.error.filter.threshold.type = ThresholdFilter
appender.error.filter.threshold.level = ERROR
appender.error.layout.type = PatternLayout
appender.error.layout.pattern = ✖ KAFKA  %m%notEmpty{: %throwable{short.message}}%n
`
}
