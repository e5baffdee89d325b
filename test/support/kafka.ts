/**
 * A real Apache Kafka 4.1 (KRaft) for tests: one or three brokers on free loopback ports, each a process that can be killed
 * and started again on its data.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KAFKA_JARS, need } from './need.ts'
import { mustRun, type Ran, type RunOptions, runCommand, type Started, startProcess } from './processes.ts'

export interface KafkaBroker {
  readonly id: number
  readonly port: number
  readonly directory: string
  /** The process id while it runs. */
  pid(): number | undefined
  /** SIGKILL (default) or another signal; resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on its data and resolves when it serves. */
  start(): Promise<void>
  log(): string
}

export interface Kafka {
  /** `127.0.0.1:p1,127.0.0.1:p2 …` */
  readonly bootstrap: string
  readonly brokers: readonly KafkaBroker[]
  stop(): Promise<void>
}

export interface KafkaOptions {
  readonly brokers?: 1 | 3 | undefined
  /** Further lines of server.properties, by name. */
  readonly properties?: Readonly<Record<string, string>> | undefined
  /** Further listeners of a single broker on localhost, by name. */
  readonly listeners?: Readonly<Record<string, { readonly protocol: string, readonly port: number }>> | undefined
}

const CLUSTER_ID = 'bWlsbHJhY2UtdGVzdC1jbA'
const SERVES_MS_MAX = 120_000

export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  need('kafka')
  const count = options.brokers ?? 1
  const directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  const ports = await freePorts(count * 2)
  const brokers = await Promise.all(Array.from({ length: count }, (_, index) => prepare(index, count, ports, directory, options)))
  await Promise.all(brokers.map(broker => broker.start()))
  return {
    bootstrap: brokers.map(broker => `127.0.0.1:${broker.port}`).join(','),
    brokers,
    async stop() {
      await Promise.all(brokers.map(broker => broker.kill()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Runs the main class of one of Kafka's own tools to its end. */
export function kafkaTool(mainClass: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  need('kafka')
  return runCommand('java', javaArgs(mainClass, args), options)
}

/** Starts a long-running one. */
export function startKafkaTool(mainClass: string, args: readonly string[], options: RunOptions = {}): Started {
  need('kafka')
  return startProcess('java', javaArgs(mainClass, args), options)
}

function javaArgs(mainClass: string, args: readonly string[]): string[] {
  return ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', `${KAFKA_JARS}/*`, mainClass, ...args]
}

async function prepare(index: number, count: number, ports: readonly number[], parent: string, { properties: more = {}, listeners = {} }: KafkaOptions): Promise<KafkaBroker> {
  const id = index + 1
  const directory = join(parent, `broker-${id}`)
  mkdirSync(directory, { recursive: true })
  const port = ports[index] ?? 0
  const controllers = Array.from({ length: count }, (_, other) => `${other + 1}@127.0.0.1:${ports[count + other]}`).join(',')
  const further = Object.entries(listeners).map(([name, listener]) => ({ name, ...listener }))
  const addresses = further.map(({ name, port: own }) => `,${name}://localhost:${own}`).join('')
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller', 'node.id': String(id), 'controller.quorum.voters': controllers,
    'controller.listener.names': 'CONTROLLER', 'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', 'PLAINTEXT:PLAINTEXT', ...further.map(({ name, protocol }) => `${name}:${protocol}`)].join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${ports[count + index]}${addresses}`, 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${addresses}`,
    'log.dirs': join(directory, 'data'), 'num.partitions': '1', 'default.replication.factor': String(count), 'min.insync.replicas': String(Math.min(2, count)),
    'offsets.topic.replication.factor': String(count), 'offsets.topic.num.partitions': '4', 'transaction.state.log.replication.factor': String(count),
    'transaction.state.log.num.partitions': '4', 'transaction.state.log.min.isr': String(Math.min(2, count)), 'group.initial.rebalance.delay.ms': '0',
    'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500', ...more,
  }
  const file = join(directory, 'server.properties')
  writeFileSync(file, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''))
  await mustRun('java', javaArgs('kafka.tools.StorageTool', ['format', '-t', CLUSTER_ID, '-c', file]))
  // Of several, each start counts: they share the cores, and have no time to be optimised.
  return new RealBroker(id, port, directory, file, count === 1 ? ['-Xmx512m'] : ['-Xmx400m', '-XX:TieredStopAtLevel=1'])
}

class RealBroker implements KafkaBroker {
  readonly id: number
  readonly port: number
  readonly directory: string
  readonly #file: string
  readonly #jvm: readonly string[]
  #process: Started | undefined
  #log = ''

  constructor(id: number, port: number, directory: string, file: string, jvm: readonly string[]) {
    this.id = id
    this.port = port
    this.directory = directory
    this.#file = file
    this.#jvm = jvm
  }

  pid(): number | undefined {
    return this.#process?.pid
  }

  log(): string {
    return this.#log + (this.#process?.stdout() ?? '')
  }

  async start(): Promise<void> {
    if (this.#process !== undefined) return
    const started = startProcess('java', [...this.#jvm, '-XX:+UseSerialGC', '-cp', `${KAFKA_JARS}/*`, 'kafka.Kafka', this.#file])
    this.#process = started
    void started.exited.then(ran => {
      this.#log += ran.stdout
      if (this.#process === started) this.#process = undefined
    })
    await this.#serves(started)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process?.kill(signal)
  }

  /** The jars carry no logging backend, so readiness is asked of the socket: kcat-free, by an ApiVersions request of twelve bytes. */
  async #serves(started: Started): Promise<void> {
    const deadline = Date.now() + SERVES_MS_MAX
    while (Date.now() < deadline) {
      if (this.#process !== started) throw new Error(`Kafka broker ${this.id} ended at start:\n${started.stdout().slice(-3000)}\n${started.stderr().slice(-3000)}`)
      if (await answersMetadata(this.port)) return
      await new Promise(resolve => setTimeout(resolve, 150))
    }
    throw new Error(`Kafka broker ${this.id} did not serve within ${SERVES_MS_MAX} ms`)
  }
}

/** Metadata v1 for no topic: answered with at least one broker once the broker is unfenced. */
async function answersMetadata(port: number): Promise<boolean> {
  const { connect } = await import('node:net')
  const request = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0])
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port })
    const end = (answer: boolean): void => { socket.destroy(); resolve(answer) }
    socket.setTimeout(1000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('connect', () => socket.write(request))
    // size, correlation id, number of brokers
    socket.once('data', chunk => end(chunk.length >= 12 && chunk.readInt32BE(8) >= 1))
    socket.once('close', () => end(false))
  })
}

/** Ports that were free a moment ago. All are held until all are known, so that no two are equal. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })))
  const ports = servers.map(server => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
