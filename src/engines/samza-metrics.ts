/**
 * What Samza tells of itself: the metrics that its `LoggingMetricsReporter` writes into the log, one a line, all of them every so often.
 *
 * SM1. Lag is what its consumers are behind the ends of its input partitions, and what they have fetched and not yet processed. While the process does not
 *      speak, it does not grow.
 * SM3. The offset that it has written a checkpoint of is that of the last record it is done with.
 * SM2. The counter begins anew with the process: one that is lower than before begins a new measure.
 * SM4. Of several instances the figures are added up. When one begins its loop the shares may have changed: what was told before is forgotten, and told again.
 */
import type { TopicPartition } from '../client/types.ts'
import type { JobStatus } from './engine.ts'

const LAG = ['messages-behind-high-watermark', 'buffered-message-count', 'unprocessed-messages']
const CHECKPOINTED = 'checkpointed-offset'
const PROCESSED = 'SamzaContainerMetrics-process-envelopes'
const PLACE = new RegExp(`OffsetManagerMetrics-kafka-(.+)-(\\d+)-${CHECKPOINTED}$`)
const LINE = /Metric: (.+), Value: (\d+)$/

/** For Samza to choose by which metrics of a job that reads `topics` are logged: a pattern of `[source]-[group]-[metric]`. */
export function metricsLogged(topics: readonly string[]): string {
  const inputs = topics.map(topic => topic.replaceAll(/[.+]/g, '\\$&')).join('|')
  return `.*(KafkaSystemConsumerMetrics-kafka-(${inputs})-\\d+-${LAG[0]}|KafkaSystemConsumerMetrics-${LAG[1]}-SystemStreamPartition \\[kafka, (${inputs}), \\d+\\]|OffsetManagerMetrics-kafka-(${inputs})-\\d+-${CHECKPOINTED}|SystemConsumersMetrics-${LAG[2]}|${PROCESSED})`
}

export class SamzaMetrics {
  readonly #monotonicMs: () => number
  /** By instance and metric. */
  readonly #waiting = new Map<string, number>()
  /** By place. */
  readonly #done = new Map<string, TopicPartition & { readonly offset: number }>()
  /** By instance. */
  readonly #processed = new Map<string, { readonly count: number; readonly at: number; readonly perSecond: number | null }>()

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
  }

  /** A line of `instance`. */
  take(line: string, instance: string): void {
    const [, metric, value] = LINE.exec(line) ?? []
    if (metric === undefined || value === undefined) return
    if (LAG.some(name => metric.includes(`-${name}`))) this.#waiting.set(`${instance} ${metric}`, Number(value))
    const [, topic, partition] = PLACE.exec(metric) ?? []
    if (topic !== undefined && partition !== undefined) this.#done.set(`${topic}/${partition}`, { topic, partition: Number(partition), offset: Number(value) + 1 })
    if (metric.endsWith(PROCESSED)) this.#count(instance, Number(value))
  }

  /** SM4. Positions stay: they are of the job. */
  forgetShares(): void {
    this.#waiting.clear()
    this.#processed.clear()
  }

  status(): Partial<JobStatus> {
    const rates = [...this.#processed.values()].flatMap(({ perSecond }) => perSecond ?? [])
    const sum = (values: Iterable<number>): number => [...values].reduce((total, each) => total + each, 0)
    return {
      positions: this.#done.size === 0 ? null : [...this.#done.values()],
      inPerSecond: rates.length === 0 ? null : sum(rates), lagRecords: this.#waiting.size === 0 ? null : sum(this.#waiting.values()),
    }
  }

  /** SM2. */
  #count(instance: string, count: number): void {
    const at = this.#monotonicMs()
    const before = this.#processed.get(instance)
    const isMeasure = before !== undefined && count >= before.count && at > before.at
    this.#processed.set(instance, { count, at, perSecond: isMeasure ? (count - before.count) / (at - before.at) * 1000 : before?.perSecond ?? null })
  }
}
