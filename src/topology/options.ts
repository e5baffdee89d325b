/**
 * The options that govern speed and safety, of tasks on any engine and of topics: one table with what each costs, one way to read them, one way to set them.
 *
 * Each is declared where it belongs: in a task's options, in its engine's function, at a topic. `TARGET.option=value` sets it over that, where TARGET is the
 * name of a task or a topic: `withOptions` gives an app that is declared so, and all that is planned, started and shown follows from it.
 *
 * OP1. Values are whole numbers in the option's unit. `null`: not declared, and who runs it decides (`default` says what that is, where it is known).
 * OP2. What is outside of its range, or no option of that target, is `USAGE`, and says what there is.
 */
import { MillraceError } from '../base/errors.ts'
import { durationMs } from '../base/duration.ts'
import type { ForeignSpec } from './foreign.ts'
import type { AppDescription, Node, TaskDescription, TopicSpec } from './node.ts'

export type OptionUnit = 'ms' | 'bytes' | 'count'

export interface OptionRow {
  /** `count.commitInterval`. */
  readonly name: string
  readonly target: string
  readonly option: string
  readonly engine: string
  readonly unit: OptionUnit
  readonly value: number | null
  readonly default: number | null
  readonly min: number
  readonly max: number
  readonly governs: string
  readonly costs: string
}

interface Option<Target> {
  readonly name: string
  readonly unit: OptionUnit
  readonly default: number | null
  readonly min: number
  readonly max: number
  readonly governs: string
  readonly costs: string
  readonly get: (target: Target) => number | null
  readonly set: (target: Target, value: number) => Target
}

/** Of tasks of ours, in milliseconds and bytes; what is left out is the default. */
export interface TaskTuning {
  readonly commitInterval?: number
  readonly drainedCommit?: number
  readonly linger?: number
  readonly batch?: number
  readonly fetch?: number
  readonly fetchWait?: number
}

export const TUNING_DEFAULTS = { commitInterval: 100, drainedCommit: 5, linger: 2, batch: 256 * 1024, fetch: 32 * 1024 * 1024, fetchWait: 5_000 } as const satisfies Required<TaskTuning>

type OwnOption = Omit<Option<TaskTuning>, 'get' | 'set' | 'default'> & { readonly name: keyof TaskTuning }

const OF_OUR_TASKS: readonly OwnOption[] = [
  { name: 'commitInterval', unit: 'ms', min: 1, max: 600_000, governs: 'a busy task commits this often: results are seen, and after a kill records come again, by that much', costs: 'shorter: a transaction with its markers each time; longer: later results, more to do again' },
  { name: 'drainedCommit', unit: 'ms', min: 1, max: 600_000, governs: 'a task whose input is drained commits no sooner than this after the commit before', costs: 'shorter: lower latency, more transactions; longer: the other way round' },
  { name: 'linger', unit: 'ms', min: 0, max: 60_000, governs: 'how long a batch that is not full waits for more records', costs: 'longer: fewer, larger requests and that much latency; shorter: more requests' },
  { name: 'batch', unit: 'bytes', min: 1_024, max: 16 * 1024 * 1024, governs: 'bytes of a batch to one partition', costs: 'larger: memory for each partition, and a message size that the topic must take; smaller: more requests' },
  { name: 'fetch', unit: 'bytes', min: 64 * 1024, max: 1024 * 1024 * 1024, governs: 'bytes that a worker fetches ahead', costs: 'larger: memory; smaller: the task waits for the broker' },
  { name: 'fetchWait', unit: 'ms', min: 1, max: 60_000, governs: 'how long the broker keeps a fetch that finds nothing', costs: 'longer: fewer requests of an idle task; shorter: more of them. Records that come end the wait at once' },
]

const instances: Option<ForeignSpec> = {
  name: 'instances', unit: 'count', default: 1, min: 1, max: 128, governs: 'processes that share its partitions', costs: 'a process each, a rebalance at each change; more than partitions are idle',
  get: spec => 'instances' in spec ? spec.instances : null,
  set: (spec, value) => 'instances' in spec ? { ...spec, instances: value } : spec,
}

/** Of an engine whose JVMs have pools of them. */
const threads = (governs: string): Option<ForeignSpec> => ({
  name: 'parallelism', unit: 'count', default: 1, min: 1, max: 128, governs, costs: 'threads; more than partitions are idle; a change stops the job and starts it again',
  get: spec => spec.engine === 'storm' || spec.engine === 'samza' ? spec.parallelism : null,
  set: (spec, value) => spec.engine === 'storm' || spec.engine === 'samza' ? { ...spec, parallelism: value } : spec,
})

/** One that is a key of an engine's own settings. */
function setting(engine: ForeignSpec['engine'], key: string, field: 'config' | 'source', option: Omit<Option<ForeignSpec>, 'get' | 'set'>): Option<ForeignSpec> {
  return {
    ...option,
    get(spec) {
      const settings = settingsOf(spec, field)
      const value = settings?.[key]
      return value === undefined || !/^\d+$/.test(value) ? null : Number(value)
    },
    // Of a spec of this engine, which has the field.
    set: (spec, value) => spec.engine === engine ? { ...spec, [field]: { ...settingsOf(spec, field), [key]: String(value) } } : spec,
  }
}

function settingsOf(spec: ForeignSpec, field: 'config' | 'source'): Readonly<Record<string, string>> | undefined {
  if (field === 'source') return spec.engine === 'spark' ? spec.source : undefined
  return 'config' in spec ? spec.config : undefined
}

function optionsOf(spec: ForeignSpec): readonly Option<ForeignSpec>[] {
  switch (spec.engine) {
    case 'flink': return [{
      name: 'parallelism', unit: 'count', default: 1, min: 1, max: 128, governs: 'subtasks that share its partitions', costs: 'a slot each; more than partitions are idle; a change stops the job with a savepoint',
      get: each => each.engine === 'flink' ? each.parallelism : null, set: (each, value) => each.engine === 'flink' ? { ...each, parallelism: value } : each,
    }, {
      name: 'checkpointInterval', unit: 'ms', default: 1_000, min: 10, max: 3_600_000, governs: 'exactly-once results are seen this much later, and after a kill this much is done again', costs: 'shorter: state is written more often, more transactions; longer: later results. Stays below the transaction timeout',
      get: each => each.engine === 'flink' ? each.checkpointIntervalMs : null, set: (each, value) => each.engine === 'flink' ? { ...each, checkpointIntervalMs: value } : each,
    }]
    // One that reads what there is has no interval.
    case 'spark': return ['ms' in spec.trigger ? [{
      name: 'trigger', unit: 'ms', default: 1_000, min: 0, max: 3_600_000, governs: 'shortest time from batch to batch: results are seen this much later', costs: 'shorter: planning and a checkpoint for each batch; longer: later results',
      get: each => each.engine === 'spark' && 'ms' in each.trigger ? each.trigger.ms : null, set: (each, value) => each.engine === 'spark' && 'ms' in each.trigger ? { ...each, trigger: { ...each.trigger, ms: value } } : each,
    } satisfies Option<ForeignSpec>] : [], spec.api === 'structured' ? setting('spark', 'maxOffsetsPerTrigger', 'source', { name: 'maxOffsetsPerTrigger', unit: 'count', default: null, min: 1, max: 1e9, governs: 'rate limit: records of a batch', costs: 'lower: longer to catch up; higher or none: the first batch after a stop takes long, and is done again after a kill' })
      : setting('spark', spec.api === 'direct' ? 'spark.streaming.kafka.maxRatePerPartition' : 'spark.streaming.receiver.maxRate', 'config', { name: 'maxRate', unit: 'count', default: null, min: 1, max: 1e9, governs: `rate limit: records a second ${spec.api === 'direct' ? 'of each partition' : 'of the receiver'}`, costs: 'lower: longer to catch up; higher or none: batches that take longer than their interval, and memory for them' })].flat()
    case 'kafkaStreams': return [instances,
      setting('kafkaStreams', 'commit.interval.ms', 'config', { name: 'commitInterval', unit: 'ms', default: 100, min: 1, max: 600_000, governs: 'exactly-once results are seen this much later', costs: 'shorter: a transaction each time; longer: later results, more to do again' }),
      setting('kafkaStreams', 'producer.linger.ms', 'config', { name: 'linger', unit: 'ms', default: 100, min: 0, max: 60_000, governs: 'how long a batch that is not full waits for more', costs: 'longer: fewer requests and that much latency' }),
      setting('kafkaStreams', 'producer.batch.size', 'config', { name: 'batch', unit: 'bytes', default: 16_384, min: 1_024, max: 16 * 1024 * 1024, governs: 'bytes of a batch to one partition', costs: 'larger: memory for each partition; smaller: more requests' }),
      setting('kafkaStreams', 'consumer.fetch.max.wait.ms', 'config', { name: 'fetchWait', unit: 'ms', default: 500, min: 1, max: 60_000, governs: 'how long the broker keeps a fetch that finds nothing', costs: 'shorter: more requests of an idle task' })]
    case 'storm': return [
      threads('executors of each spout and bolt, which share its partitions, as far as the program gives them the hint `parallelism`'),
      setting('storm', 'offset.commit.period.ms', 'config', { name: 'commitInterval', unit: 'ms', default: 1_000, min: 1, max: 600_000, governs: 'after a kill records come again by that much, as far as the program reads offset.commit.period.ms', costs: 'shorter: more commits; longer: more duplicates to remove' }),
      setting('storm', 'topology.max.spout.pending', 'config', { name: 'pending', unit: 'count', default: 1_000, min: 1, max: 1_000_000, governs: 'tuples of a spout that are under way at once, as far as the program sets it', costs: 'more: memory, and tuples that wait until their timeout are replayed; fewer: bolts wait for work' })]
    case 'samza': return [...spec.zookeeper === undefined ? [] : [instances],
      threads('tasks, one for each partition, that run at the same time'),
      setting('samza', 'task.commit.ms', 'config', { name: 'commitInterval', unit: 'ms', default: 1_000, min: 1, max: 600_000, governs: 'after a kill records come again by that much', costs: 'shorter: stores are flushed and checkpoints written more often; longer: more duplicates to remove' }),
      setting('samza', 'systems.kafka.producer.linger.ms', 'config', { name: 'linger', unit: 'ms', default: 10, min: 0, max: 60_000, governs: 'how long a batch that is not full waits for more', costs: 'longer: fewer requests and that much latency' }),
      setting('samza', 'systems.kafka.producer.batch.size', 'config', { name: 'batch', unit: 'bytes', default: 16_384, min: 1_024, max: 16 * 1024 * 1024, governs: 'bytes of a batch to one partition', costs: 'larger: memory for each partition; smaller: more requests' })]
    case 'connect': return [instances,
      setting('connect', 'offset.flush.interval.ms', 'config', { name: 'commitInterval', unit: 'ms', default: 1_000, min: 1, max: 600_000, governs: 'sinks, and sources at least once, do this much again after a kill', costs: 'shorter: more commits; longer: more duplicates' })]
    default: return 'instances' in spec ? [instances] : []
  }
}

const OF_TOPICS: readonly Option<TopicSpec>[] = [
  { name: 'partitions', unit: 'count', default: null, min: 1, max: 10_000, governs: 'how many workers can share a task that reads it; where the topic is made', costs: 'files, memory and a marker of each commit; more of them later moves keys', get: topic => topic.partitions ?? null, set: (topic, partitions) => ({ ...topic, partitions }) },
  { name: 'replicas', unit: 'count', default: null, min: 1, max: 9, governs: 'copies on brokers, of which all but one may be lost; where the topic is made', costs: 'disk and network for each copy, and acknowledgements wait for the in-sync ones', get: topic => topic.replicas ?? null, set: (topic, replicas) => ({ ...topic, replicas }) },
]

/** Options of tasks of ours as a task's function takes them: durations as text. Throws `CONFIG_INVALID` where one is out of range. */
export function tuningOf(task: string, given: Readonly<Partial<Record<keyof TaskTuning, string | number | undefined>>>): TaskTuning {
  return Object.fromEntries(OF_OUR_TASKS.flatMap(({ name, unit, min, max }) => {
    const value = given[name]
    if (value === undefined) return []
    const number = typeof value === 'number' ? value : durationMs(value, `${name} of task '${task}'`)
    if (!Number.isSafeInteger(number) || number < min || number > max) throw new MillraceError('CONFIG_INVALID', `${name} of task '${task}' is ${number}: give a whole number from ${min} to ${max} (${unit}).`)
    return [[name, number]]
  }))
}

/** Every option of the app's tasks and topics. */
export function optionTable(app: AppDescription): OptionRow[] {
  const row = <T>(target: string, engine: string, on: T) => ({ get, set: _, ...option }: Option<T>): OptionRow => ({
    name: `${target}.${option.name}`, target, option: option.name, engine, unit: option.unit, value: get(on), default: option.default, min: option.min, max: option.max, governs: option.governs, costs: option.costs,
  })
  return [
    ...app.tasks.flatMap(task => task.kind === 'native' ? ownOptions().map(row(task.name, 'millrace', task.tuning)) : optionsOf(task.on).map(row(task.name, task.on.engine, task.on))),
    ...topicsOf(app).flatMap(topic => OF_TOPICS.map(row(topic.name, 'kafka', topic))),
  ]
}

function ownOptions(): Option<TaskTuning>[] {
  return OF_OUR_TASKS.map(option => ({ ...option, default: TUNING_DEFAULTS[option.name], get: tuning => tuning[option.name] ?? null, set: (tuning, value) => ({ ...tuning, [option.name]: value }) }))
}

/** The same app with each `TARGET.option=value` of `sets` in it. Throws `USAGE`. */
export function withOptions(app: AppDescription, sets: readonly string[]): AppDescription {
  return sets.reduce(withOption, app)
}

function withOption(app: AppDescription, text: string): AppDescription {
  const match = /^(.+)\.([A-Za-z]+)=(.+)$/.exec(text)
  if (match === null) throw new MillraceError('USAGE', `--set takes TARGET.option=value, as in --set count.commitInterval=500ms, not '${text}'.`)
  const [, target = '', option = '', value = ''] = match
  const task = app.tasks.find(each => each.name === target)
  if (task !== undefined) {
    const changed = task.kind === 'native' ? { ...task, tuning: changedBy(ownOptions(), task.tuning, target, option, value) } : { ...task, on: changedBy(optionsOf(task.on), task.on, target, option, value) }
    return { ...app, tasks: app.tasks.map(each => each === task ? changed : each) }
  }
  const topic = topicsOf(app).find(each => each.name === target)
  if (topic !== undefined) return withTopic(app, topic, changedBy(OF_TOPICS, topic, target, option, value))
  throw new MillraceError('USAGE', `--set ${text}: app '${app.name}' has no task and no topic '${target}'. Tasks: ${app.tasks.map(each => each.name).join(', ')}. Topics: ${topicsOf(app).map(each => each.name).join(', ')}.`)
}

function changedBy<Target>(options: readonly Option<Target>[], on: Target, target: string, name: string, text: string): Target {
  const option = options.find(each => each.name === name)
  if (option === undefined) throw new MillraceError('USAGE', `'${target}' has no option '${name}'. ${options.length === 0 ? 'It has none.' : `It has: ${options.map(each => each.name).join(', ')}.`}`)
  const value = parseValue(option.unit, text)
  const { unit, min, max } = option
  if (value === undefined || value < min || value > max) throw new MillraceError('USAGE', `${target}.${name} takes ${unit === 'ms' ? 'a duration, as 500ms or a number of milliseconds,' : unit === 'bytes' ? 'a size, as 64KiB or a number of bytes,' : 'a whole number'} from ${min} to ${max}, not '${text}'.`)
  return option.set(on, value)
}

const SIZES: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 * 1024, GiB: 1024 * 1024 * 1024 }

function parseValue(unit: OptionUnit, text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  if (unit === 'ms') return durationMs(text, '--set')
  const match = unit === 'bytes' ? /^(\d+) ?([KMG]iB)$/.exec(text) : null
  return match === null ? undefined : Number(match[1]) * (SIZES[match[2] ?? ''] ?? 1)
}

function topicsOf(app: AppDescription): TopicSpec[] {
  return [...new Set(app.tasks.flatMap(task => task.kind === 'foreign' ? [...task.reads, ...task.writes] : task.nodes.flatMap(node => topicOf(node) ?? [])))]
}

function topicOf(node: Node): TopicSpec | undefined {
  return 'topic' in node && typeof node.topic === 'object' ? node.topic : undefined
}

/** Wherever it is named: a topic is one object, by which `build` knows it. */
function withTopic(app: AppDescription, from: TopicSpec, to: TopicSpec): AppDescription {
  const of = (topic: TopicSpec): TopicSpec => topic === from ? to : topic
  const changed = (task: TaskDescription): TaskDescription => task.kind === 'foreign'
    ? { ...task, reads: task.reads.map(of), writes: task.writes.map(of) }
    // The same node, but for its topic.
    : { ...task, nodes: task.nodes.map(node => topicOf(node) === from ? { ...node, topic: to } as Node : node) }
  return { ...app, tasks: app.tasks.map(changed) }
}
