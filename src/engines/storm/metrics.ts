/**
 * What Storm tells of its topology: the metrics that its `LoggingMetricsConsumer` writes into the log, one a line, of every task of it, every so often.
 *
 * SW1. `stormOptions` and `StormMetrics` belong together: the first lets the lines be written that the second reads. It goes by the system property that Storm's
 *      own command line sets, so the program of the topology knows nothing of it; what that program says itself goes before.
 * SW2. Latency of a tuple tree ("complete latency") is told by spouts alone, and so is what they had acknowledged and what failed: these count.
 * SW3. A name is cut after 23 characters: of a stream with a long name, what it counts cannot be told from the rate of it, and is left out.
 */

/** Storm's own words for its own things. */
export interface StormFigures {
  /** Of the last tuples, from a spout's emit to its tree's acknowledgement: mean, of the slowest spout. */
  readonly completeLatencyMs: number | null
  /** Share of its time that the busiest bolt executes, 0 to 1 and a little above. */
  readonly capacity: number | null
  /** Since the JVM started; Storm samples, so these are multiples of 20 where `topology.stats.sample.rate` is what it is without being set. */
  readonly acked: number
  readonly failed: number
}

const SECONDS = 5
const NAME_CHARACTERS = 23
const LINE = /\t\s*(\d+):(\S+)\s*\t(__[\w:.-]+)\s*\t(-?[\d.]+(?:E-?\d+)?)\s*$/
const WANTED = ['__complete-latency.*', '__ack-count.*', '__fail-count.*', '__capacity.*']

/** `-Dstorm.options=…`: pairs with commas between them, each URL-encoded, the values JSON. */
export function stormOptions(): string {
  return optionsText({
    'topology.metrics.consumer.register': [{ class: 'org.apache.storm.metric.LoggingMetricsConsumer', 'parallelism.hint': 1, whitelist: WANTED }],
    'topology.enable.v2.metrics.tick': true, 'topology.v2.metrics.tick.interval.seconds': SECONDS, 'topology.builtin.metrics.bucket.size.secs': SECONDS, 'executor.metrics.frequency.secs': SECONDS,
  })
}

/** The same of any settings. */
export function optionsText(settings: Readonly<Record<string, unknown>>): string {
  return `-Dstorm.options=${Object.entries(settings).map(([name, value]) => encodeURIComponent(`${name}=${JSON.stringify(value)}`)).join(',')}`
}

export class StormMetrics {
  /** By task of the topology and metric. */
  readonly #values = new Map<string, number>()

  take(line: string): void {
    const [, task, component, metric, value] = LINE.exec(line) ?? []
    // SW2: tasks whose names begin so are Storm's own, the ackers among them.
    if (task === undefined || component === undefined || metric === undefined || component.startsWith('__')) return
    if (metric.includes('-count-') && metric.length >= NAME_CHARACTERS) return
    this.#values.set(`${task} ${metric}`, Number(value))
  }

  forget(): void {
    this.#values.clear()
  }

  /** `null` until it has told something. */
  status(): StormFigures | null {
    if (this.#values.size === 0) return null
    const spouts = new Set([...this.#values.keys()].filter(key => key.includes(' __complete-latency-')).map(taskOf))
    const of = (metric: string, isWanted: (key: string) => boolean = () => true): number[] => [...this.#values].filter(([key]) => key.includes(` ${metric}`) && isWanted(key)).map(([, value]) => value)
    const isOfSpout = (key: string): boolean => spouts.has(taskOf(key))
    const [latencies, capacities] = [of('__complete-latency-'), of('__capacity')]
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
    return {
      completeLatencyMs: latencies.length === 0 ? null : Math.max(...latencies), capacity: capacities.length === 0 ? null : Math.max(...capacities),
      acked: sum(of('__ack-count-', isOfSpout)), failed: sum(of('__fail-count-', isOfSpout)),
    }
  }
}

/** As `millrace lag` and `millrace job describe` say it. */
export function stormText({ completeLatencyMs, capacity, acked, failed }: StormFigures): string {
  return `tuple tree ${completeLatencyMs === null ? '—' : `${completeLatencyMs.toFixed(1)} ms`}, capacity ${capacity === null ? '—' : `${Math.round(capacity * 100)} %`}, ${acked} acked, ${failed} failed`
}

function taskOf(key: string): string {
  return key.slice(0, key.indexOf(' '))
}
