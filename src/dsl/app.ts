/**
 * An app: a graph of named tasks linked by typed topics. Describing one has no effect on the world; `run` and `millrace start` do.
 *
 * A1. Each `.task(…)` returns a new app; the one it was called on stays as it was.
 * A2. A task's function runs at once, so that a mistake in it is reported where it stands.
 */
import type { Duration } from '../base/duration.ts'
import { MillraceError } from '../base/errors.ts'
import type { PickedSerde, RecordSerde } from '../serde/record.ts'
import type { Serde } from '../serde/serde.ts'
import { checkName, checkTopicName, topologyError } from '../topology/names.ts'
import type { ForeignSpec, Link } from '../topology/foreign.ts'
import { tuningOf } from '../topology/options.ts'
import type { AppDescription, ErrorPolicy, Guarantee, NodeId, SourceNode, TaskDescription, TimeExtractor, TopicSpec } from '../topology/node.ts'
import { TaskGraph } from './graph.ts'
import { callerSite } from './site.ts'
import { GlobalTable, Stream, Table } from './stream.ts'
import type { Topic } from './topic.ts'
import type { Sync } from './types.ts'

export interface AppOptions {
  /** Of every task that does not say otherwise; `exactlyOnce` without it. */
  readonly guarantee?: Guarantee | undefined
}

export interface TaskOptions {
  readonly guarantee?: Guarantee | undefined
  /** What becomes of a record that user code or a serde throws on: stop the task (`fail`), drop it, or write it to a topic. */
  readonly onError?: 'fail' | 'skip' | ErrorPolicy | undefined
  /** A busy task commits this often; 100 ms without it. `millrace topology --options` says what it and the following cost. */
  readonly commitInterval?: Duration | undefined
  /** A task whose input is drained commits no sooner than this after the commit before; 5 ms without it. */
  readonly drainedCommit?: Duration | undefined
  /** How long a batch of its output that is not full waits for more records; 2 ms without it. */
  readonly linger?: Duration | undefined
  /** Bytes of such a batch; 256 KiB without it. */
  readonly batch?: number | undefined
  /** Bytes that a worker fetches ahead for it; 32 MiB without it. */
  readonly fetch?: number | undefined
  /** How long the broker keeps a fetch that finds nothing; 5 s without it. */
  readonly fetchWait?: Duration | undefined
}

/**
 * A task that another engine runs. `on` says how it is started, and how such a job usually meets Kafka; every field of that `Link` can be
 * said otherwise here: its group, its guarantee, what becomes of duplicates, its partitioner …
 */
export interface ForeignOptions extends Partial<Link> {
  readonly on: ForeignSpec
  readonly reads?: readonly TopicSpec[] | undefined
  readonly writes?: readonly TopicSpec[] | undefined
}

export interface ReadOptions<F> {
  /** Decode only these fields of a `record`: narrows the type, and the work. */
  readonly fields?: readonly F[] | undefined
  /** Where to start when the task has no committed offset; `earliest` without it. */
  readonly from?: 'earliest' | 'latest' | undefined
}

/** What a task's function gets. */
export interface TaskTools {
  /** Reads a topic as a stream. */
  read<K, V>(topic: Topic<K, V>, options?: ReadOptions<never>): Stream<K, V>
  read<K, V, F extends keyof V & string>(topic: Topic<K, V>, options: ReadOptions<F> & { readonly fields: readonly F[] }): Stream<K, Pick<V, F>>
  /** Reads a topic as a table of the last value of each key; null deletes. `name` is that of its store, the topic's without it. */
  table<K, V>(topic: Topic<K, V>, options?: { readonly name?: string | undefined }): Table<NonNullable<K>, NonNullable<V>>
  /** Reads all of a topic into every process, to look up by any key. */
  globalTable<K, V>(topic: Topic<K, V>): GlobalTable<NonNullable<K>, NonNullable<V>>
}

export class App implements AppDescription {
  readonly name: string
  readonly tasks: readonly TaskDescription[]
  readonly guarantee: Guarantee

  constructor(name: string, guarantee: Guarantee, tasks: readonly TaskDescription[]) {
    this.name = name
    this.guarantee = guarantee
    this.tasks = tasks
  }

  /** Adds a task: a function that describes its steps, or a task of another engine (`{ on, reads, writes }`). */
  task<R>(name: string, describe: (tools: TaskTools) => Sync<R>, options?: TaskOptions): App
  task(name: string, foreign: ForeignOptions): App
  task(name: string, what: ((tools: TaskTools) => unknown) | ForeignOptions, options: TaskOptions = {}): App {
    const site = callerSite()
    checkName('task', name, site)
    if (this.tasks.some(task => task.name === name)) throw topologyError(`app '${this.name}' has two tasks named '${name}'`, site)
    if (typeof what !== 'function') {
      const { on, reads = [], writes = [], ...link } = what
      return this.#with({ kind: 'foreign', name, on, link, reads, writes, site })
    }
    const graph = new TaskGraph(name)
    what(toolsOf(graph))
    return this.#with({ kind: 'native', name, nodes: graph.close(), guarantee: options.guarantee, onError: errorPolicy(options.onError), tuning: tuningOf(name, options), site })
  }

  #with(task: TaskDescription): App {
    return new App(this.name, this.guarantee, [...this.tasks, task])
  }
}

/**
 * Starts the description of an app. Its name is the first part of its groups, transactional ids and internal topics.
 *
 * @example
 *   export default app('shop').task('purchases', ({ read }) => read(events).filter(e => e.type === 'purchase').write(purchases))
 */
export function app(name: string, options: AppOptions = {}): App {
  checkName('app', name, callerSite())
  return new App(name, options.guarantee ?? 'exactlyOnce', [])
}

/** The error policy that writes a failing record, as it came, to `topic`, with headers that say why. */
export function deadLetter(topic: string): ErrorPolicy {
  checkTopicName(topic, callerSite())
  return { kind: 'deadLetter', topic }
}

function errorPolicy(policy: TaskOptions['onError']): ErrorPolicy {
  return typeof policy === 'object' ? policy : { kind: policy ?? 'fail' }
}

function toolsOf(graph: TaskGraph): TaskTools {
  // One node for each topic and way of reading it: reading twice is consuming once.
  const known = new Map<string, NodeId>()
  const once = (id: string, make: () => NodeId): NodeId => {
    const node = known.get(id) ?? make()
    known.set(id, node)
    return node
  }
  const store = (topic: TopicSpec, name: string | undefined): string => name ?? topic.name.replaceAll('.', '-')
  const read = (topic: Topic<unknown, unknown>, options: ReadOptions<string> = {}): Stream<unknown, unknown> => {
    const { fields, from = 'earliest' } = options
    return new Stream(graph, once(`read ${topic.name} ${from} ${fields?.join(',') ?? '*'}`, () => graph.add({ kind: 'source', topic, key: topic.key, fields, from, ...narrowed(topic, fields) }, { defaultName: topic.name })))
  }
  return {
    // A stream's types exist for the compiler only: the two overloads say which of the topic's types it carries.
    read: read as TaskTools['read'],
    table: (topic, options = {}) => {
      const name = store(topic, options.name)
      return new Table(graph, once(`table ${topic.name} ${name}`, () => graph.add({ kind: 'table', topic, key: topic.key, value: topic.value, time: topic.time, store: name }, { name: options.name, defaultName: name })))
    },
    globalTable: topic => new GlobalTable(graph, once(`global ${topic.name}`, () => graph.add({ kind: 'globalTable', topic, key: topic.key, value: topic.value, store: topic.name }, { defaultName: topic.name }))),
  }
}

/** Value serde and time of a source that reads `fields` only. */
function narrowed(topic: Topic<unknown, unknown>, fields: readonly string[] | undefined): Pick<SourceNode, 'value' | 'time'> {
  if (fields === undefined) return { value: topic.value, time: topic.time }
  if (!isRecord(topic.value)) throw new MillraceError('TOPOLOGY_INVALID', `read(${topic.name}, { fields }): its values are ${topic.value.kind}, only those of record({ … }) have fields to choose`)
  if (topic.time !== undefined && topic.timeField === undefined) throw new MillraceError('TOPOLOGY_INVALID', `read(${topic.name}, { fields }): its time is a function that may need any field; declare the topic with the name of the field, time: '…'`)
  // Names of fields are keys of the record's value type, which is unknown here; `pick` checks them.
  const value: PickedSerde<unknown> = (topic.value as RecordSerde<Record<string, unknown>>).pick(fields, topic.timeField)
  const time: TimeExtractor | undefined = topic.timeField === undefined ? undefined : () => value.sideNumber()
  return { value, time }
}

function isRecord(serde: Serde<unknown>): serde is RecordSerde<unknown> {
  return 'pick' in serde && typeof serde.pick === 'function'
}
