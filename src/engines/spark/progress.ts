/**
 * What Spark's driver tells of its query in its log: the only place that every program tells it in, without a library of ours in it.
 *
 * SL1. `log4jText` and `ProgressLog` belong together: the first lets the lines be written that the second reads.
 * SL2. The progress of a batch is JSON over many lines, from "Streaming query made progress: {" to a line that is "}". What cannot be read as such is
 *      left out: a figure missing is no error of the job.
 * SL3. Lag is what the last batch left behind: the newest offsets that its source saw, less those that it read to. Between batches it does not grow.
 */
import type { JobStatus } from '../engine.ts'

/** For `-Dlog4j2.configurationFile`. */
export function log4jText(): string {
  return `status = error
appender.out.type = Console
appender.out.name = out
appender.out.target = SYSTEM_OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.batch.name = org.apache.spark.sql.execution.streaming.MicroBatchExecution
logger.batch.level = info
logger.continuous.name = org.apache.spark.sql.execution.streaming.continuous.ContinuousExecution
logger.continuous.level = info
logger.context.name = org.apache.spark.SparkContext
logger.context.level = info
logger.dstreams.name = org.apache.spark.streaming.StreamingContext
logger.dstreams.level = info
logger.jobs.name = org.apache.spark.streaming.scheduler.JobScheduler
logger.jobs.level = info
`
}

/** The query has planned its first batch, or the context of DStreams has started its jobs: it reads and writes from now on. */
export const QUERY_RUNS = /(?:MicroBatch|Continuous)Execution: (?:Starting new streaming query\.|Resuming at (?:batch|epoch) \d+|Streaming query made progress: )|StreamingContext: StreamingContext started/
const DRIVER_STARTS = /SparkContext: Running Spark version/
const PROGRESS = /(?:MicroBatch|Continuous)Execution: Streaming query made progress: (\{.*)$/
const IDLE = /MicroBatchExecution: Streaming query has been idle/
const QUERY_FAILED = /(?:MicroBatch|Continuous)Execution: Query .* terminated with error|JobScheduler: Error running job/
/** Of DStreams, when all that a batch wrote is written. */
const BATCH_ENDED = /JobScheduler: Total delay: [\d.]+ s for time (\d+) ms \(execution: ([\d.]+) s\)/
/** By itself: a query that reads what there is has read it. */
const DRIVER_ENDS = /SparkContext: Successfully stopped SparkContext/
/** Longer is no progress of a query. */
const LINES_MAX = 2_000

export interface Progress {
  readonly batch: number
  readonly ms: number
  readonly inPerSecond: number | null
  readonly processedPerSecond: number | null
  readonly lagRecords: number | null
  /** Where its source has read to, all before it being written. */
  readonly positions: JobStatus['positions']
}

export type Told =
  | { readonly kind: 'driver' }
  | { readonly kind: 'running' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'ended' }

/** Takes the driver's lines one by one. */
export class ProgressLog {
  #json: string[] | undefined
  #isFailing = false

  /** What this line, with those before it, tells. */
  take(line: string): Told | undefined {
    if (this.#isFailing) {
      this.#isFailing = false
      return { kind: 'failed', reason: line.trim() }
    }
    if (this.#json !== undefined && !/(?:MicroBatch|Continuous)Execution: /.test(line)) return this.#more(line)
    const start = PROGRESS.exec(line)?.[1]
    this.#json = undefined
    if (start !== undefined) return this.#begin(start)
    if (QUERY_FAILED.test(line)) this.#isFailing = true
    if (DRIVER_STARTS.test(line)) return { kind: 'driver' }
    if (DRIVER_ENDS.test(line)) return { kind: 'ended' }
    const batch = BATCH_ENDED.exec(line)
    if (batch !== null) return { kind: 'progress', progress: { batch: Number(batch[1]), ms: Math.round(Number(batch[2]) * 1000), inPerSecond: null, processedPerSecond: null, lagRecords: null, positions: null } }
    if (IDLE.test(line)) return { kind: 'idle' }
    return QUERY_RUNS.test(line) ? { kind: 'running' } : undefined
  }

  #begin(start: string): Told {
    const whole = progressOf(start)
    if (whole !== undefined) return { kind: 'progress', progress: whole }
    this.#json = [start]
    return { kind: 'running' }
  }

  #more(line: string): Told | undefined {
    const lines = this.#json ?? []
    lines.push(line)
    if (line !== '}' && lines.length < LINES_MAX) return undefined
    this.#json = undefined
    const progress = progressOf(lines.join('\n'))
    return progress === undefined ? undefined : { kind: 'progress', progress }
  }
}

/** SL2. */
export function progressOf(text: string): Progress | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  const batch = numberIn(parsed, 'batchId')
  if (batch === null) return undefined
  return {
    batch, ms: numberIn(fieldOf(parsed, 'durationMs'), 'triggerExecution') ?? numberIn(parsed, 'batchDuration') ?? 0,
    inPerSecond: numberIn(parsed, 'inputRowsPerSecond'), processedPerSecond: numberIn(parsed, 'processedRowsPerSecond'), lagRecords: lagOf(fieldOf(parsed, 'sources')), positions: positionsOf(fieldOf(parsed, 'sources')),
  }
}

/** SL3. `null` where a source does not tell both, or is not Kafka. */
function lagOf(sources: unknown): number | null {
  if (!Array.isArray(sources) || sources.length === 0) return null
  let lag = 0
  for (const source of sources) {
    const ends = fieldOf(source, 'endOffset')
    const latest = fieldOf(source, 'latestOffset')
    if (typeof ends !== 'object' || ends === null || typeof latest !== 'object' || latest === null) return null
    for (const [topic, partitions] of Object.entries(latest)) {
      if (typeof partitions !== 'object' || partitions === null) return null
      for (const partition of Object.keys(partitions)) {
        lag += Math.max(0, (numberIn(partitions, partition) ?? 0) - (numberIn(fieldOf(ends, topic), partition) ?? 0))
      }
    }
  }
  return lag
}

/** `null` where a source is not Kafka. */
function positionsOf(sources: unknown): Progress['positions'] {
  if (!Array.isArray(sources) || sources.length === 0) return null
  const positions: { topic: string, partition: number, offset: number }[] = []
  for (const source of sources) {
    const ends = fieldOf(source, 'endOffset')
    if (typeof ends !== 'object' || ends === null) return null
    for (const [topic, partitions] of Object.entries(ends)) {
      if (typeof partitions !== 'object' || partitions === null) return null
      for (const [partition, offset] of Object.entries(partitions)) if (typeof offset === 'number') positions.push({ topic, partition: Number(partition), offset })
    }
  }
  return positions
}

function fieldOf(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null ? new Map(Object.entries(from)).get(name) : undefined
}

function numberIn(from: unknown, name: string): number | null {
  const value = fieldOf(from, name)
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
