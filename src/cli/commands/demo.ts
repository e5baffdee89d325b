/**
 * `millrace demo recommender`: the flagship job, live (shop, shoppers, tasks, status page) or replaying real events.
 *
 * The demo lives outside src/ and is loaded by URL, like any user's app.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLogger } from '../../base/logger.ts'
import { replicationOf } from '../../engines/kafka/brokers.ts'
import { realEnv } from '../../env/real/env.ts'
import { loadEntry } from '../app-entry.ts'
import { untilAsked } from '../child.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand, KAFKA_OPTION, PORT_MAX, usage } from '../command.ts'
import { brokersOf } from '../cluster.ts'
import { SMALL } from '../footprint.ts'
import { Host, nodeChild } from '../host.ts'
import { nextFreePort } from '../ports.ts'
import { counted, formatBytes, groupDigits } from '../render.ts'
import { durabilityOf } from './broker.ts'

const demoFolder = new URL('../../../demo/recommender/', import.meta.url)
const PROGRESS_INTERVAL_MS = 2000
const PLAIN_EVERY_TICKS = 30
const PLAIN_FIRST_TICK = 4
const INTERRUPTED_EXIT_CODE = 130
const FORMATS = ['serenade', 'retail', 'jsonl'] as const

export const demoRecommender = defineCommand({
  path: ['demo', 'recommender'],
  summary: 'the recommender with its shop, live; or replays real events through it',
  positionals: [],
  options: {
    ...CLUSTER_OPTIONS,
    bootstrap: { type: 'string', short: 'b', value: 'HOST:PORT', describe: 'the cluster; default $MILLRACE_BOOTSTRAP, else a broker is started here' },
    ...KAFKA_OPTION,
    data: { type: 'string', short: 'd', value: 'DIR', describe: 'where data and state are kept', default: '.millrace' },
    port: { type: 'number', short: 'p', describe: "the (first) broker's port; the next free one where it is taken", default: 9092, max: PORT_MAX },
    'shop-port': { type: 'number', describe: 'the storefront', default: 9500, max: PORT_MAX },
    'status-port': { type: 'number', describe: 'the graph and the ledger', default: 9600, max: PORT_MAX },
    processes: { type: 'number', describe: 'processes that run the tasks', default: 2, min: 1 },
    threads: { type: 'number', describe: 'worker threads of each; 0 runs the tasks on its main thread', default: 0 },
    shoppers: { type: 'number', describe: 'simulated shoppers, 0 to 2,000', default: 50, max: 2000 },
    seed: { type: 'number', describe: 'of the shoppers', default: 1 },
    durability: { type: 'string', value: 'sync|interval|os', describe: "the broker's", default: 'sync' },
    events: { type: 'string', value: 'PATH', describe: 'replay these events instead: a file, a .gz, or a folder' },
    format: { type: 'string', value: FORMATS.join('|'), describe: 'of --events' },
    partitions: { type: 'number', describe: 'of the topics in a replay', default: 1, min: 1 },
    report: { type: 'string', value: 'json', describe: 'end a replay with one JSON object on stdout' },
  },
  examples: ['millrace demo recommender', 'millrace demo recommender --cluster 3', 'millrace demo recommender --events ../shared/data/serenade-toy --format serenade --report json'],
  run: call => call.text('events') === undefined ? runLive(call) : runReplay(call, call.text('events') ?? ''),
})

async function runLive(call: Call): Promise<number> {
  const started = performance.now()
  for (const name of ['format', 'report'] as const) if (call.text(name) !== undefined) throw usage(`--${name} goes with --events PATH.`)
  const durability = durabilityOf(call)
  const { bootstrap: named, kafkaBrokers } = brokersOf(call)
  call.output.line(`  ${call.output.style('bold', 'MILLRACE')}   the recommender is starting …`)
  const entryPath = fileURLToPath(new URL('app.js', demoFolder))
  const entry = await loadEntry(entryPath)
  const dataDirectory = resolve(call.text('data') ?? '.millrace')
  const shopPort = await nextFreePort(realEnv.network, '127.0.0.1', call.number('shop-port') ?? 9500)
  const logger = createLogger({ level: 'warn', write: line => call.output.note(line), now: Date.now })
  let latency: Latency | undefined
  const host = new Host({
    app: entry.app, entryPath, bootstrap: named, kafkaBrokers, dataDirectory,
    brokerPort: call.number('port') ?? 9092, statusPort: call.number('status-port') ?? 9600, durability,
    processes: call.number('processes') ?? 2, threads: call.number('threads') ?? 0, footprint: SMALL, logger, progress: text => call.output.note(`  ${text} …`),
    ledger: { balances: [{ name: 'shop.events → session.clicks', group: `${entry.app.name}.sessionize`, in: { topic: 'shop.events', id: 'coordinates' }, out: { topic: 'session.clicks', id: 'value:origin' } }] },
    ownClientIds: ['millrace-shop'],
    children: bootstrap => [{
      name: 'shop', kind: 'process', ipc: true,
      ...nodeChild(SMALL, [fileURLToPath(new URL('serve.js', demoFolder)), '--bootstrap', bootstrap, '--port', String(shopPort), '--shoppers', String(call.number('shoppers') ?? 50), '--seed', String(call.number('seed') ?? 1)]),
      onLine: line => logger.info(line),
      onMessage: message => { latency = latencyOf(message) ?? latency },
    }],
  })
  const stopped = call.signal
  if (!await startedBefore(host, stopped)) {
    await host.stop()
    return INTERRUPTED_EXIT_CODE
  }
  const shopUrl = `http://localhost:${shopPort}/`
  host.addLink('shop', shopUrl)
  call.output.document({ shop: shopUrl, status: host.statusUrl, kafka: host.bootstrap, data: dataDirectory, tasks: entry.app.tasks.map(task => task.name) })
  const line = (name: string, value: string, note: string): void => call.output.line(`  ➜ ${name.padEnd(10)} ${value.padEnd(28)} ${call.output.style('dim', note)}`)
  call.output.line(`  ${call.output.style('bold', 'ready')} in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  call.output.line()
  line('Shop', shopUrl, `${call.number('shoppers')} simulated shoppers, seed ${call.number('seed')}`)
  line('Graph', host.statusUrl, 'kill buttons, the ledger; /metrics for Prometheus')
  sayBrokers(call, host, line, named !== undefined)
  line('Data', dataDirectory, `kept between runs${host.kafka === undefined ? ` · durability ${durability}` : ''} · delete the folder to forget`)
  const { resumed } = host
  if (resumed !== undefined) line('Resumed', `at ${resumed.topic} ${groupDigits(resumed.records)}`, `the last record is of ${new Date(resumed.lastAt).toISOString()}`)
  line('Tasks', String(entry.app.tasks.length), `${entry.app.tasks.map(task => task.name).join(', ')} in ${call.number('processes')} processes · exactly once`)
  call.output.line()
  call.output.line('  Ctrl-C ends it.')
  let tick = 0
  const watch = setInterval(() => {
    const text = progressText(host, latency)
    // Where no line can be drawn over itself: one soon, then one a minute.
    if (call.output.live) call.output.progress(text)
    else if (tick++ % PLAIN_EVERY_TICKS === PLAIN_FIRST_TICK) call.output.note(text)
  }, PROGRESS_INTERVAL_MS)
  await untilAsked(stopped)
  clearInterval(watch)
  call.output.note('stopping …')
  const killed = await host.stop()
  if (killed.length > 0) call.output.note(`Did not end in time and was killed: ${killed.join(', ')}.`)
  return killed.length > 0 ? 1 : 0
}

/** False where `signal` came first: brokers of Kafka take a quarter of a minute, and who presses Ctrl-C meanwhile is not kept waiting. */
async function startedBefore(host: Host, signal: AbortSignal): Promise<boolean> {
  const starting = host.start().then(() => true)
  const interrupted = new Promise<boolean>(resolve => {
    if (signal.aborted) resolve(false)
    signal.addEventListener('abort', () => resolve(false))
  })
  return Promise.race([starting, interrupted])
}

function sayBrokers(call: Call, host: Host, line: (name: string, value: string, note: string) => void, isNamed: boolean): void {
  const wanted = call.number('port') ?? 9092
  const [first = ''] = host.bootstrap.split(',')
  const moved = !isNamed && wanted !== 0 && !first.endsWith(`:${wanted}`) ? `port ${wanted} is taken, so the next free one · ` : ''
  line('Kafka', host.bootstrap, `${moved}any client: kcat -b ${first} -L`)
  if (host.kafka === undefined) return
  const { version, places } = host.kafka
  const { replicas, inSyncMin } = replicationOf(places.length)
  line('Brokers', `Apache Kafka ${version}`, `${counted(places.length, 'broker')}, replication ${replicas}, ${inSyncMin} in sync at least · controllers on ${places.map(place => place.controllerPort).join(', ')}`)
}

interface Latency { readonly p50: number, readonly p90: number, readonly p99: number }

/** From the shop's `{ stats: { eventToPageMs } }`; anything else says nothing. */
function latencyOf(message: object): Latency | undefined {
  const stats: unknown = 'stats' in message ? message.stats : undefined
  const times: unknown = typeof stats === 'object' && stats !== null && 'eventToPageMs' in stats ? stats.eventToPageMs : undefined
  if (typeof times !== 'object' || times === null || !('p50' in times) || !('p90' in times) || !('p99' in times)) return undefined
  const { p50, p90, p99 } = times
  return typeof p50 === 'number' && typeof p90 === 'number' && typeof p99 === 'number' ? { p50, p90, p99 } : undefined
}

function progressText(host: Host, latency: Latency | undefined): string {
  const { status, ledger } = host.live()
  const first = status.tasks[0]
  const lag = status.tasks.reduce((sum, task) => sum + (task.lagRecords ?? 0), 0)
  const balance = ledger?.balances[0]
  const books = balance === undefined ? 'ledger counting …' : `ledger in ${balance.in} counted ${balance.counted} lost ${balance.lost} doubled ${balance.doubled}: ${ledger?.balanced === true ? 'balanced' : 'NOT BALANCED'}`
  const page = latency === undefined ? '' : `event → page p50 ${latency.p50} p90 ${latency.p90} p99 ${latency.p99} ms   `
  return `  ● in ${(first?.inPerSecond ?? 0).toFixed(0)}/s   lag ${lag}   ${page}${books}   ${formatBytes(process.memoryUsage.rss())}`
}

interface ReplayModule {
  replay(options: { readonly path: string, readonly format: string, readonly bootstrap: string | undefined, readonly partitions: number, readonly signal: AbortSignal, readonly progress: (text: string, options?: { readonly final?: boolean }) => void }): Promise<{ readonly report: unknown, readonly text: string }>
}

async function runReplay(call: Call, path: string): Promise<number> {
  if (call.number('cluster') !== undefined) throw usage('--cluster starts brokers for the live shop. A replay takes a cluster that runs: --bootstrap HOST:PORT.')
  const format = FORMATS.find(each => each === call.text('format'))
  if (format === undefined) throw usage(`--format takes ${FORMATS.join(', ')}, not '${call.text('format') ?? ''}'.`)
  if (call.text('report') !== undefined && call.text('report') !== 'json') throw usage(`--report takes json, not '${call.text('report')}'.`)
  const loaded: ReplayModule = await import(new URL('replay.js', demoFolder).href)
  const { report, text } = await loaded.replay({
    path: resolve(path), format, bootstrap: call.text('bootstrap') ?? process.env['MILLRACE_BOOTSTRAP'], partitions: call.number('partitions') ?? 1, signal: call.signal,
    progress: (line, options) => call.output.progress(line, options),
  })
  if (call.output.json || call.text('report') === 'json') process.stdout.write(`${JSON.stringify(report)}\n`)
  else call.output.line(text)
  return 0
}
