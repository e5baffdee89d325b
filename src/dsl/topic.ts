/** Topics with types: what links tasks, and what the compiler checks from one task to the next. */
import { durationMs, type Duration } from '../base/duration.ts'
import { MillraceError } from '../base/errors.ts'
import type { Serde } from '../serde/serde.ts'
import { schema, type StandardSchema } from '../serde/standard-schema.ts'
import { checkTopicName } from '../topology/names.ts'
import type { TimeExtractor, TopicSpec } from '../topology/node.ts'
import { callerSite } from './site.ts'

/** A topic whose keys are `K` and whose values are `V`. */
export interface Topic<K, V> extends TopicSpec, WritableTopic<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Name of the field that holds the event time, where it was declared so. */
  readonly timeField: string | undefined
}

/** A topic that takes keys `K` and values `V`: a stream may be written to it if its keys and values are those, or narrower. */
export interface WritableTopic<in K, in V> extends TopicSpec {
  /** Never there; tells the compiler that the topic takes (not gives) `K` and `V`. */
  readonly accepts?: ((key: K, value: V) => void) | undefined
}

type NumberField<V> = { [N in keyof V & string]: V[N] extends number ? N : never }[keyof V & string]

export interface TopicOptions<K, V> {
  readonly key: Serde<K> | StandardSchema<K>
  /** A serde, or a Standard Schema (zod, valibot …), which `schema(…)` makes a serde of. */
  readonly value: Serde<V> | StandardSchema<V>
  /**
   * Event time in epoch milliseconds: a field's name, or a function of the value and the record's timestamp. Without it the record's
   * timestamp is the event time. A negative time drops the record.
   */
  readonly time?: NumberField<V> | ((value: V, recordTime: number) => number) | undefined
  /**
   * How far out of order event times may come: behind the highest one so far of their partition. Timers and final results wait that long. Without it
   * (0) they go by the highest time seen. What a window still takes is its `grace`.
   */
  readonly disorder?: Duration | undefined
  /** Partitions to make it with, where it does not exist. */
  readonly partitions?: number | undefined
  /** Applied where the cluster has two brokers or more. */
  readonly replicas?: number | undefined
  readonly retention?: Duration | 'forever' | undefined
  readonly cleanup?: 'delete' | 'compact' | 'compact,delete' | undefined
  /**
   * `segment.bytes` to make it with: compaction and retention take finished segments alone. Brokers' own 1 GiB keeps every row that a small compacted topic ever
   * had, and whoever reads it whole at a start reads all of them. Apache Kafka takes 1 MiB (1,048,576) and more.
   */
  readonly segmentBytes?: number | undefined
}

/**
 * Declares a topic. Has no effect on any cluster.
 *
 * @example
 *   const events = topic('shop.events', { key: text, value: ShopEvent, time: 'at', partitions: 8 })
 */
export function topic<K, V>(name: string, options: TopicOptions<K, V>): Topic<K, V> {
  checkTopicName(name, callerSite())
  const { time } = options
  return {
    kind: 'topic',
    name,
    key: serdeOf(options.key),
    value: serdeOf(options.value),
    time: timeExtractor(time),
    timeField: typeof time === 'string' ? time : undefined,
    disorderMs: options.disorder === undefined ? 0 : durationMs(options.disorder, `disorder of topic '${name}'`),
    partitions: positive(name, 'partitions', options.partitions),
    replicas: positive(name, 'replicas', options.replicas),
    retentionMs: options.retention === undefined ? undefined : options.retention === 'forever' ? -1 : durationMs(options.retention, `retention of topic '${name}'`),
    cleanup: options.cleanup,
    segmentBytes: positive(name, 'segmentBytes', options.segmentBytes),
  }
}

function serdeOf<T>(given: Serde<T> | StandardSchema<T>): Serde<T> {
  return '~standard' in given ? schema(given) : given
}

function timeExtractor<V>(time: string | ((value: V, recordTime: number) => number) | undefined): TimeExtractor | undefined {
  if (time === undefined) return undefined
  // The runtime calls it with values of this topic's value serde only, which are V with the numeric field `time`.
  if (typeof time === 'string') return value => (value as Readonly<Record<string, number>>)[time] ?? Number.NaN
  return time as TimeExtractor
}

function positive(topicName: string, what: string, count: number | undefined): number | undefined {
  if (count !== undefined && (!Number.isInteger(count) || count < 1)) throw new MillraceError('CONFIG_INVALID', `${what} of topic '${topicName}' must be a whole number of at least 1, not ${count}`)
  return count
}
