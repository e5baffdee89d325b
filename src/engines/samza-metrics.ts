/**
 * What Samza tells of itself: the metrics that its `LoggingMetricsReporter` writes into the log, one a line, all of them every so often.
 *
 * SM1. Lag is what its consumers are behind the ends of its input partitions, and what they have fetched and not yet processed. While the process does not
 *      speak, it does not grow.
 * SM3. The offset that it has written a checkpoint of is that of the last record it is done with.
 * SM2. The counter begins anew with the process: one that is lower than before begins a new measure.
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
  readonly #waiting = new Map<string, number>()
  /** By place. */
  readonly #done = new Map<string, TopicPartition & { readonly offset: number }>()
  #processed: { readonly count: number; readonly at: number } | undefined
  #inPerSecond: number | null = null

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
  }

  take(line: string): void {
    const [, metric, value] = LINE.exec(line) ?? []
    if (metric === undefined || value === undefined) return
    if (LAG.some(name => metric.includes(`-${name}`))) this.#waiting.set(metric, Number(value))
    const [, topic, partition] = PLACE.exec(metric) ?? []
    if (topic !== undefined && partition !== undefined) this.#done.set(`${topic}/${partition}`, { topic, partition: Number(partition), offset: Number(value) + 1 })
    if (metric.endsWith(PROCESSED)) this.#count(Number(value))
  }

  status(): Partial<JobStatus> {
    return {
      positions: this.#done.size === 0 ? null : [...this.#done.values()],
      inPerSecond: this.#inPerSecond, lagRecords: this.#waiting.size === 0 ? null : [...this.#waiting.values()].reduce((sum, each) => sum + each, 0),
    }
  }

  /** SM2. */
  #count(count: number): void {
    const at = this.#monotonicMs()
    const before = this.#processed
    this.#processed = { count, at }
    if (before !== undefined && count >= before.count && at > before.at) this.#inPerSecond = (count - before.count) / (at - before.at) * 1000
  }
}
