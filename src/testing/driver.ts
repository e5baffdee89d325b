/**
 * Tests of a user's app: the true runtime, client and broker, on a virtual machine in one thread, on as many partitions as wanted.
 *
 * ```ts
 * const shop = await testApp(app, { partitions: 4 })
 * shop.input(events).send('u-1', { type: 'purchase', … }, { time: Date.UTC(2026, 0, 1) })
 * await shop.settle()
 * shop.output(sales).records()     // [{ key, value, time, partition, offset, headers }]
 * ```
 * V1. Nothing of the app is mocked. Only LMDB is replaced, by a model behind the same contract (`MemoryStores`); time, disk, network and randomness
 *     are simulated and seeded, so the same test gives the same run.
 * V2. Time stands still unless a method here moves it: a test of an hour takes milliseconds.
 * V3. `settle` returns when everything sent has gone through every task and is committed, or a task has failed (then it throws the failure).
 * V4. `kill` is a SIGKILL of the app's process: what it had not committed is gone, and `restart` must make it good.
 * V5. A key is in the partition that Java's clients would put it into, from the first record on.
 * V6. A sink that reaches out of the machine (a database, HTTP) is replaced by a list; `rows` shows what every sink got.
 */
import { durationMs } from '../base/duration.ts'
import type { Duration } from '../base/duration.ts'
import { MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { Broker } from '../broker/broker.ts'
import type { Control } from '../broker/control.ts'
import { Admin } from '../client/admin.ts'
import { Cluster } from '../client/cluster.ts'
import { Producer } from '../client/producer.ts'
import { AppProcess } from '../runtime/app.ts'
import type { RunOptions } from '../runtime/app.ts'
import { KeyedStore } from '../runtime/state/keyed-store.ts'
import { MemoryStores } from '../runtime/state/memory-store.ts'
import { topic } from '../dsl/topic.ts'
import type { Topic } from '../dsl/topic.ts'
import { bytes } from '../serde/bytes.ts'
import type { AppDescription, TopicSpec } from '../topology/node.ts'
import type { Plan } from '../topology/plan.ts'
import type { TargetRow } from '../topology/target.ts'
import { readFile } from '../env/whole-file.ts'
import { loadCompression } from '../wire/compression.ts'
import { InputTopic, OutputTopic } from './driver-topics.ts'
import type { DriverTools } from './driver-topics.ts'
import { DriverSinks } from './driver-sinks.ts'
import { Sim } from './sim/sim.ts'
import type { SimProcess } from './sim/sim.ts'

export interface TestAppOptions {
  /** Of every topic that does not declare its own count. Default 3. */
  readonly partitions?: number | undefined
  /** Default 1. Another seed orders what happens at the same time differently. */
  readonly seed?: number | undefined
  readonly logger?: Logger | undefined
  readonly commitInterval?: Duration | undefined
  readonly guarantee?: RunOptions['guarantee']
  /** Fault hooks in the broker: requests of the app that are cut, dropped, refused. */
  readonly control?: Control | undefined
}

const BROKER_PORT = 9092
const SETTLE_VIRTUAL_MS_MAX = 600_000

/** Starts `app` on a simulated machine with a broker of its own. */
export async function testApp(app: AppDescription, options: TestAppOptions = {}): Promise<TestApp> {
  await loadCompression()
  const sim = new Sim({ seed: options.seed ?? 1 })
  const test = new TestApp(app, options, sim)
  await sim.run(test.start())
  return test
}

export class TestApp {
  readonly #app: AppDescription
  readonly #options: TestAppOptions
  readonly #sim: Sim
  readonly #stores: MemoryStores
  readonly #sinks = new DriverSinks()
  readonly #inputs = new Map<string, InputTopic<unknown, unknown>>()
  readonly #outputs = new Map<string, OutputTopic<unknown, unknown>>()
  #tools: DriverTools | undefined
  #process: SimProcess | undefined
  #running: AppProcess | undefined
  #failure: Error | undefined

  constructor(app: AppDescription, options: TestAppOptions, sim: Sim) {
    this.#app = app
    this.#options = options
    this.#sim = sim
    this.#stores = new MemoryStores({ defer: callback => sim.time.schedule({ alive: true }, 'io', 0, callback) })
  }

  /** Virtual time, epoch milliseconds. */
  get now(): number {
    return this.#testTools.cluster.env.clock.now()
  }

  async start(): Promise<void> {
    const { partitions = 3, control } = this.#options
    await Broker.start(this.#sim.process('broker').env, { directory: '/broker', port: BROKER_PORT, topicDefaults: { partitions }, control })
    const { env } = this.#sim.process('test')
    const cluster = await Cluster.connect(env, { bootstrap: `127.0.0.1:${BROKER_PORT}`, clientId: 'test' })
    const producer = new Producer(cluster)
    await producer.init()
    this.#tools = { cluster, producer, admin: new Admin(cluster), sim: this.#sim }
    await this.#startApp()
  }

  /** Where the test writes. */
  input<K, V>(topic: Topic<K, V>): InputTopic<K, V> {
    const known = this.#inputs.get(topic.name) ?? new InputTopic<unknown, unknown>(this.#testTools, topic as Topic<unknown, unknown>)
    this.#inputs.set(topic.name, known)
    return known as InputTopic<K, V> // Made from the same topic: a name is declared once (`build` checks it).
  }

  /** What has come out, committed, up to the last `settle`. */
  output<K, V>(topic: Topic<K, V>): OutputTopic<K, V> {
    const output = this.#outputs.get(topic.name)
    if (output === undefined) throw new MillraceError('USAGE', `No task of ${this.#app.name} reads or writes topic ${topic.name}.`)
    return output as OutputTopic<K, V> // As in `input`.
  }

  /** The same of a topic that no declaration names, as bytes: dead letters, changelogs. */
  outputOf(name: string): OutputTopic<Buffer, Buffer> {
    const output = this.#outputs.get(name)
    if (output === undefined) throw new MillraceError('USAGE', `Topic ${name} is not one of ${[...this.#outputs.keys()].join(', ')}.`)
    return output as OutputTopic<Buffer, Buffer> // Undeclared topics are made with the bytes serde below.
  }

  /** V6: what a sink of a task has got, in the order of its commits. The sink's name is the one it was given, else its kind: `rows('sales', 'postgres')`. */
  rows(task: string, sink: string): readonly TargetRow[] {
    const rows = this.#sinks.rows(`${this.#app.name}.${task}.${sink}`)
    if (rows === undefined) throw new MillraceError('USAGE', `Task ${task} of ${this.#app.name} has no sink ${sink}, or has not got to it: known are ${this.#sinks.names.join(', ') || 'none'}.`)
    return rows
  }

  /** Text of a file on the app's disk, of a `files` sink for one; V3 says when it is complete. */
  file(path: string): string {
    const { disk } = this.#testTools.sim.process('reader').env
    return readFile(disk, path).toString('utf8')
  }

  /** Names of the files in a folder of the app's disk; empty where there is none. */
  filesIn(path: string): readonly string[] {
    const { disk } = this.#testTools.sim.process('reader').env
    return disk.exists(path) ? disk.list(path) : []
  }

  /** V3. */
  async settle(): Promise<void> {
    await this.#sim.run(this.#settle(), { timeMaxMs: SETTLE_VIRTUAL_MS_MAX })
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Moves the clock, letting everything that is due happen; then settles. */
  async advance(by: Duration | number): Promise<void> {
    await this.#sim.advance(typeof by === 'number' ? by : durationMs(by, 'advance'))
    await this.settle()
  }

  /** Rows of a keyed store of a task, over all its shards. */
  store(task: string, name: string): Map<unknown, unknown> {
    const runner = this.#running?.inlineWorker?.runners.get(task)
    const plan = runner?.context.plan.stores.find(store => store.name === name)
    if (runner === undefined || plan === undefined) throw new MillraceError('USAGE', `Task ${task} of ${this.#app.name} has no store ${name}.`)
    if (plan.kind !== 'keyed') throw new MillraceError('USAGE', `Store ${name} is a ${plan.kind} store: its rows are seen by what comes out.`)
    const rows = new Map<unknown, unknown>()
    for (const seat of runner.seats.values()) {
      if (seat.id.subTopology !== plan.subTopology || seat.shard === undefined) continue
      for (const row of KeyedStore.of(seat.shard.state, name, plan.key, plan.value).rows()) rows.set(row.key, row.value)
    }
    return rows
  }

  /** First offset that a partition still has: where retention and deletion have got to. */
  async startOffset(topicName: string, partition: number): Promise<number> {
    const [found] = await this.#sim.run(this.#testTools.admin.listOffsets([{ topic: topicName, partition }], 'earliest'))
    return found?.offset ?? -1
  }

  /** V4. */
  kill(): void {
    this.#process?.kill()
    this.#stores.crash()
    this.#process = undefined
    this.#running = undefined
  }

  /** Starts the app again: with the state on its disk, or (`withState: false`) as on a new machine. */
  async restart(options: { readonly withState?: boolean } = {}): Promise<void> {
    if (this.#running !== undefined) {
      await this.#sim.run(this.#running.close())
      this.#process?.kill()
    }
    if (options.withState === false) for (const directory of this.#stores.directories()) this.#stores.remove(directory)
    await this.#sim.run(this.#startApp())
  }

  /** Closes the app in order. The simulated machine needs no closing. */
  async close(): Promise<void> {
    if (this.#running !== undefined) await this.#sim.run(this.#running.close())
    this.#running = undefined
  }

  get #testTools(): DriverTools {
    if (this.#tools === undefined) throw new MillraceError('USAGE', 'The test app has not been started: use testApp(…).')
    return this.#tools
  }

  async #startApp(): Promise<void> {
    const { logger, commitInterval, guarantee } = this.#options
    this.#process = this.#sim.process('app')
    this.#failure = undefined
    const running = new AppProcess(this.#app, {
      env: this.#process.env, bootstrap: `127.0.0.1:${BROKER_PORT}`, dataDirectory: '/app', threads: 0, metrics: false, stores: this.#stores, targets: this.#sinks.replace, logger, commitInterval, guarantee,
    })
    this.#running = running
    void running.failed.then(error => { this.#failure = error })
    await running.start()
    for (const topic of topicsOf(running.plan)) {
      if (!this.#outputs.has(topic.name)) this.#outputs.set(topic.name, new OutputTopic<unknown, unknown>(this.#testTools, topic))
      // V5. `send` puts a record into a partition at once, so the partitions are to be known by then.
      await this.#testTools.cluster.partitions(topic.name)
    }
  }

  async #settle(): Promise<void> {
    const { producer } = this.#testTools
    await producer.flush()
    while (this.#running !== undefined && this.#failure === undefined && !await this.#isSettled(this.#running)) await this.#testTools.cluster.env.clock.sleep(1)
    for (const output of this.#outputs.values()) await output.receive()
  }

  /** Every task has taken everything that its inputs hold now, and has committed it: so nothing new can come. */
  async #isSettled(running: AppProcess): Promise<boolean> {
    const runners = [...running.inlineWorker?.runners.values() ?? []]
    const quiet = (): boolean => runners.every(runner => runner.quiet)
    if (!quiet()) return false
    const inputs = new Set(runners.flatMap(runner => runner.context.plan.subTopologies.flatMap(sub => sub.inputTopics)))
    const partitions = (await Promise.all([...inputs].map(async topic => (await this.#testTools.cluster.partitions(topic)).map(meta => ({ topic, partition: meta.partition }))))).flat()
    const ends = await this.#testTools.admin.listOffsets(partitions, 'latest', { isolation: 'read_uncommitted' })
    const taken = runners.every(runner => {
      const own = new Set(runner.context.plan.subTopologies.flatMap(sub => sub.inputTopics))
      const queues = [...runner.seats.values()].flatMap(seat => seat.shard?.queues ?? [])
      return ends.filter(end => own.has(end.topic)).every(end => {
        const queue = queues.find(one => one.input.topic === end.topic && one.input.partition === end.partition)
        return end.offset === 0 || (queue !== undefined && queue.position >= end.offset)
      })
    })
    return taken && quiet()
  }
}

/** Declared topics with their serdes; what the runtime makes by itself, as bytes. */
function topicsOf(plan: Plan): TopicSpec[] {
  const names = plan.tasks.flatMap(task => task.kind !== 'native' ? [] : [
    ...task.onError.kind === 'deadLetter' ? [task.onError.topic] : [],
    ...task.repartitionTopics.map(topic => topic.name), ...task.stores.map(store => store.changelog.name),
  ])
  const known = new Set(plan.topics.map(topic => topic.name))
  return [...plan.topics, ...[...new Set(names)].filter(name => !known.has(name)).map(name => topic(name, { key: bytes, value: bytes }))]
}
