/**
 * Apache Kafka 4.1 for the measurements: one broker with the JVM flags of Kafka's own start script and the settings of its own example, on loopback.
 *
 * B1. Its data lies in a folder of its own, which goes with it. What the contenders wrote is deleted after each round, the inputs stay.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, realEnv } from 'millrace/client'
import { freePorts } from '../../test/support/kafka.ts'
import { type Child, startChild } from './child.ts'

/** bin/kafka-server-start.sh and bin/kafka-run-class.sh of Apache Kafka 4.1. */
const JVM = ['-Xmx1g', '-Xms1g', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent', '-Djava.awt.headless=true']
const CLUSTER_ID = 'bWlsbHJhY2UtYmVuY2gtY2w'
const SERVES_MS_MAX = 120_000

export const BROKER_SETTINGS = {
  'num.network.threads': '3', 'num.io.threads': '8', 'socket.send.buffer.bytes': '102400', 'socket.receive.buffer.bytes': '102400',
  'offsets.topic.replication.factor': '1', 'transaction.state.log.replication.factor': '1', 'transaction.state.log.min.isr': '1', 'offsets.topic.num.partitions': '8', 'transaction.state.log.num.partitions': '8',
  'group.initial.rebalance.delay.ms': '0', 'auto.create.topics.enable': 'false', 'log.segment.delete.delay.ms': '1000',
} as const

export interface BenchBroker {
  readonly bootstrap: string
  readonly pid: number
  /** Bytes in the logs of the topics that this names. */
  logBytes(ofTopic: (topic: string) => boolean): number
  stop(): Promise<void>
}

export async function startBroker(directory: string, classpath: readonly string[]): Promise<BenchBroker> {
  rmSync(directory, { recursive: true, force: true })
  const data = join(directory, 'data')
  mkdirSync(directory, { recursive: true })
  const [port = 0, controllerPort = 0] = await freePorts(2)
  const bootstrap = `127.0.0.1:${port}`
  const properties = {
    'process.roles': 'broker,controller', 'node.id': '1', 'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`, 'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT', listeners: `PLAINTEXT://${bootstrap},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${bootstrap}`, 'log.dirs': data, ...BROKER_SETTINGS,
  }
  const file = join(directory, 'server.properties')
  writeFileSync(file, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''))
  const logging = join(directory, 'log4j2.properties')
  writeFileSync(logging, 'rootLogger.level = WARN\nrootLogger.appenderRef.console.ref = Console\nappender.console.name = Console\nappender.console.type = CONSOLE\nappender.console.layout.type = PatternLayout\nappender.console.layout.pattern = %d %-5p %m (%c{1})%n\n')
  const args = (main: string, ...more: string[]): string[] => [`-Dlog4j2.configurationFile=${logging}`, '-cp', classpath.join(':'), main, ...more]
  execFileSync('java', args('kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file), { stdio: 'pipe' })
  const child = startChild('java', [...JVM, ...args('kafka.Kafka', file)], { log: join(directory, 'broker.log') })
  await serves(bootstrap, child)
  return {
    bootstrap, pid: child.pid,
    logBytes: ofTopic => readdirSync(data).filter(name => ofTopic(name.replace(/-\d+$/, ''))).reduce((sum, name) => sum + bytesOf(join(data, name)), 0),
    async stop() {
      await child.end(10_000)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function bytesOf(folder: string): number {
  return readdirSync(folder).filter(name => /\.log(\.deleted)?$/.test(name)).reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0)
}

async function serves(bootstrap: string, child: Child): Promise<void> {
  for (const deadline = Date.now() + SERVES_MS_MAX; ;) {
    try {
      const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'bench' })
      return await cluster.close()
    } catch (error) {
      if (!child.isAlive() || Date.now() > deadline) throw new Error(`Apache Kafka does not serve:\n${child.lastWords()}`, { cause: error })
      await sleep(200)
    }
  }
}
