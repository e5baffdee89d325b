/**
 * `millrace demo recommender --events PATH --format …`: a real stream through the real topology, and what its lists were worth.
 *
 * Two runs of the app, each with topics of its own: one learns the training days and is then asked with nothing learned any more (`frozenLastDay`), one
 * gets the whole stream, paced, and is scored by what its lists were when each click came (`wholeStream`, `lastDay`). The broker is a cluster's
 * (`bootstrap`) or one started here for the time of the replay; with `tasks: 'elsewhere'` the app is run by whoever is told its URL.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'millrace'
import { Broker } from 'millrace/broker'
import { Admin, Cluster, realEnv } from 'millrace/client'
import { readStream, type EventStream, type Format, type StreamEvent } from './data/stream.ts'
import { KafkaReplay } from './evaluate/kafka-replay.ts'
import { markAfter, pace, SLICE_MS } from './evaluate/pacing.ts'
import { scoreFrozen, scorePrequential, type Qualities } from './evaluate/scoring.ts'
import { ensureTopics } from './links.ts'
import { replayAppUrl, replayOptions } from './replay-app.ts'
import { PUBLISH_MS } from './tasks/context.ts'
import { recommender } from './topology.ts'

export interface ReplayOptions {
  readonly path: string
  readonly format: Format
  /** `undefined`: a broker is started here, and its data thrown away afterwards. */
  readonly bootstrap: string | undefined
  readonly partitions: number
  readonly signal: AbortSignal
  readonly progress: (text: string, options?: { readonly final?: boolean }) => void
  /** Called with the URL of each run's app before events are sent; then this process runs no task. */
  readonly runElsewhere?: ((app: URL, bootstrap: string) => Promise<{ close(): Promise<void> }>) | undefined
  /** Tasks that are not run: without `cooc` the lists fall to what is popular. */
  readonly without?: readonly string[] | undefined
  /** Leave out the frozen or the prequential part (the report then repeats nothing: it says so). */
  readonly only?: 'frozen' | 'prequential' | undefined
  /** Keep the topics of a cluster afterwards. */
  readonly keepTopics?: boolean | undefined
  /** Of the days before the scored one; ten minutes without it. It changes `wholeStream` alone: what is learned does not depend on it. */
  readonly sliceMs?: number | undefined
  readonly patienceMs?: number | undefined
}

export interface ReplayReport {
  readonly events: number
  readonly skipped: number
  readonly wholeStream: Qualities | null
  readonly lastDay: Qualities | null
  readonly frozenLastDay: Qualities | null
  /** From sending an event to having its committed list, milliseconds; of the events sent one by one. */
  readonly latency: { readonly p50: number; readonly p90: number; readonly p99: number; readonly n: number } | null
  /** Of the training days, sent without pacing. */
  readonly throughput: { readonly eventsPerSecond: number; readonly n: number } | null
  readonly settings: { readonly broker: string; readonly partitions: number; readonly guarantee: 'exactlyOnce'; readonly node: string }
}

/** A task may be that far behind after a training sent at full speed; one that has failed is known at once. */
const PATIENCE_MS = 600_000
const SKIPPED_SHOWN_MAX = 20
/**
 * While a model is trained without pacing, a busy task commits so often; one that has drained its input commits at once. Longer than usual: an item's list that
 * changes a hundred times between two commits is written to its changelog once. A paced run keeps the usual interval, since its latency is reported.
 */
const TRAINING_COMMIT_INTERVAL = '1s'
/** Baskets are sent in longer slices: a year of them in slices of ten minutes would take hours and change nothing that is scored. */
const BASKET_SLICE_MS = 6 * 3_600_000

export async function replay(options: ReplayOptions): Promise<{ readonly report: ReplayReport; readonly text: string }> {
  const stream = await readReporting(options)
  if (stream.events.length === 0) throw new Error(`${options.path}: no event could be read (${stream.skipped} lines were skipped)`)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
  const broker = options.bootstrap === undefined ? await Broker.start(realEnv, { directory: join(folder, 'broker'), port: 0, durability: 'os' }) : undefined
  try {
    const bootstrap = options.bootstrap ?? `127.0.0.1:${broker?.port ?? 0}`
    const runs = { options, stream, bootstrap, folder, sliceMs: options.sliceMs ?? (stream.isBasket ? BASKET_SLICE_MS : SLICE_MS) }
    const frozen = options.only === 'prequential' ? undefined : await frozenRun(runs)
    const prequential = options.only === 'frozen' ? undefined : await prequentialRun(runs)
    const report: ReplayReport = {
      events: stream.events.length,
      skipped: stream.skipped,
      wholeStream: prequential?.wholeStream ?? null,
      lastDay: prequential?.lastDay ?? null,
      frozenLastDay: frozen?.qualities ?? null,
      latency: prequential?.latency ?? null,
      throughput: frozen?.throughput ?? null,
      settings: { broker: options.bootstrap ?? 'embedded, durability os', partitions: options.partitions, guarantee: 'exactlyOnce', node: process.version },
    }
    options.progress('done', { final: true })
    return { report, text: tableOf(report) }
  } finally {
    await broker?.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Reads the stream; the first lines that cannot be read are named with their numbers, the rest counted by reason. */
async function readReporting(options: ReplayOptions): Promise<EventStream> {
  const reasons = new Map<string, number>()
  let shown = 0
  const stream = await readStream({
    path: options.path, format: options.format,
    onSkipped: (file, line, reason) => {
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      if (shown < SKIPPED_SHOWN_MAX) options.progress(`skipped ${file}:${line}: ${reason}`, { final: true })
      shown += 1
    },
  })
  for (const [reason, count] of reasons) options.progress(`skipped ${count} lines: ${reason}`, { final: true })
  options.progress(`${stream.events.length} events read, ${stream.skipped} lines skipped`, { final: true })
  return stream
}

interface Runs {
  readonly options: ReplayOptions
  readonly stream: EventStream
  readonly bootstrap: string
  readonly folder: string
  readonly sliceMs: number
}

async function frozenRun(runs: Runs): Promise<{ qualities: Qualities; throughput: ReplayReport['throughput'] }> {
  const { stream, options } = runs
  const training = stream.events.filter(event => event.isTraining)
  const scored = stream.events.filter(event => event.isScored)
  return withRun(runs, 'frozen', (count, total) => options.progress(`frozen model: ${count} of ${total} events`), training.length + scored.length, async replayed => {
    const started = performance.now()
    await replayed.answer(training, { frozen: false })
    // Twice, since hot.top is published by the time of what it is made from: one step later.
    const last = training.at(-1)?.at ?? 0
    for (const step of [0, 2]) await replayed.mark(markAfter(last, runs.sliceMs) + step * PUBLISH_MS, last)
    // Until the last task has everything, not only until it is answered.
    const seconds = (performance.now() - started) / 1000
    replayed.recs.clear()
    await replayed.answer(scored, { frozen: true })
    return {
      qualities: scoreFrozen(stream, replayed.recs),
      throughput: training.length === 0 ? null : { eventsPerSecond: Math.round(training.length / seconds), n: training.length },
    }
  })
}

async function prequentialRun(runs: Runs): Promise<{ wholeStream: Qualities; lastDay: Qualities; latency: ReplayReport['latency'] }> {
  const { stream, options } = runs
  const { events } = stream
  return withRun(runs, 'stream', () => {}, events.length, async replayed => {
    await pace(events, replayed, {
      sliceMs: runs.sliceMs,
      singlyFrom: singlyFrom(stream),
      isFirstAlone: stream.isBasket,
      onProgress: sent => options.progress(`whole stream, paced: ${sent} of ${events.length} events`),
    })
    const { latencies } = replayed
    const at = (share: number): number => Math.round(10 * (latencies.percentile(share) ?? 0)) / 10
    return {
      ...scorePrequential(stream, replayed.recs),
      latency: latencies.count === 0 ? null : { p50: at(0.5), p90: at(0.9), p99: at(0.99), n: latencies.count },
    }
  })
}

/** The scored day begins with its first scored event. Baskets go in slices to the end: a basket's lines are simultaneous. */
function singlyFrom(stream: EventStream): number {
  const first = stream.events.find((event: StreamEvent) => event.isScored)
  return stream.isBasket || first === undefined ? Number.POSITIVE_INFINITY : first.at
}

async function withRun<R>(runs: Runs, name: string, onAnswered: (count: number, total: number) => void, total: number, work: (replayed: KafkaReplay) => Promise<R>): Promise<R> {
  const { options, bootstrap } = runs
  const id = `replay-${Date.now().toString(36)}-${process.pid}-${name}`
  const appOptions = { id, partitions: options.partitions, isBasket: runs.stream.isBasket, sliceMs: runs.sliceMs }
  const { app, topics } = recommender(replayOptions(appOptions))
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'millrace-replay' })
  try {
    await ensureTopics(cluster, Object.values(topics))
    const running: { close(): Promise<void>; readonly failed?: Promise<Error> } = options.runElsewhere === undefined
      ? await run(app, { bootstrap, dataDirectory: join(runs.folder, name), threads: 1, commitInterval: name === 'frozen' ? TRAINING_COMMIT_INTERVAL : undefined, entry: replayAppUrl(appOptions), metrics: false, tasks: tasksOf(app, options.without ?? []) })
      : await options.runElsewhere(replayAppUrl(appOptions), bootstrap)
    const replayed = await KafkaReplay.start({
      cluster, topics, partitions: options.partitions, hasLists: options.without?.includes('cooc') !== true,
      signal: options.signal, patienceMs: options.patienceMs ?? PATIENCE_MS, onAnswered: count => onAnswered(count, total),
    })
    try {
      const failed = running.failed?.then((error): never => {
        throw error
      })
      return await Promise.race(failed === undefined ? [work(replayed)] : [work(replayed), failed])
    } finally {
      await replayed.close()
      await running.close()
    }
  } finally {
    if (options.bootstrap !== undefined && options.keepTopics !== true) await removeTopics(cluster, id)
    await cluster.close()
  }
}

function tasksOf(app: ReturnType<typeof recommender>['app'], without: readonly string[]): string[] {
  return app.tasks.map(task => task.name).filter(name => !without.includes(name))
}

/** A replay leaves nothing on somebody's cluster: its own topics and the app's internal ones carry its id. */
async function removeTopics(cluster: Cluster, id: string): Promise<void> {
  const admin = new Admin(cluster)
  const names = (await admin.listTopics({ internal: true })).filter(name => name.startsWith(`${id}.`))
  if (names.length > 0) await admin.deleteTopics(names)
}

function tableOf(report: ReplayReport): string {
  const lines = [`${report.events} events, ${report.skipped} lines skipped`]
  for (const part of ['frozenLastDay', 'lastDay', 'wholeStream'] as const) {
    const qualities = report[part]
    if (qualities === null) continue
    lines.push('', `${part.padEnd(18)} HR@20   MRR@20  novel HR@20   (n = ${qualities.cooc.n})`)
    for (const [model, { hr20, mrr20, novelHr20 }] of Object.entries(qualities)) {
      lines.push(`  ${model.padEnd(16)} ${hr20.toFixed(4)}  ${mrr20.toFixed(4)}  ${novelHr20.toFixed(4)}`)
    }
  }
  if (report.latency !== null) lines.push('', `event to recommendation: p50 ${report.latency.p50} ms, p90 ${report.latency.p90} ms, p99 ${report.latency.p99} ms (n = ${report.latency.n})`)
  if (report.throughput !== null) lines.push(`throughput, exactly once, all tasks: ${report.throughput.eventsPerSecond} events/s`)
  lines.push(`broker: ${report.settings.broker}; partitions: ${report.settings.partitions}; Node ${report.settings.node}`)
  return lines.join('\n')
}
