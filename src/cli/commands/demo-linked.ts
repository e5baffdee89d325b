/**
 * `millrace demo linked`: the recommender with four engines that help it, linked by topics: examples/linked-engines, run as `millrace start` runs any app.
 *
 * L1. An engine that is not installed, or is named in --without, is left out and said so; nothing fails for it. The lists name what is missing.
 * L2. `--seconds` are counted from when every engine contributes or is known to be missing; then the lists that are under way are waited for, and
 *     where one of them is lost or doubled the exit code is 1 (linked-window.ts).
 */
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { messageOf, MillraceError } from '../../base/errors.ts'
import { createLogger } from '../../base/logger.ts'
import { javaShortfall } from '../../engines/install/java.ts'
import { openEngineStore } from '../../engines/install/store.ts'
import { realEnv } from '../../env/real/env.ts'
import type { AppDescription } from '../../topology/node.ts'
import { loadEntry } from '../app-entry.ts'
import { untilAsked } from '../child.ts'
import { brokersOf } from '../cluster.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand, KAFKA_OPTION, PORT_MAX, usage } from '../command.ts'
import { SMALL } from '../footprint.ts'
import { Host, nodeChild } from '../host.ts'
import { findJava } from '../java.ts'
import { type BooksOfLists, booksOf, type Contributed, contributedOf, type LinkedReport, linkedReport, showLinked } from '../linked-report.ts'
import { type Balance, balanceOf, balanceText, ComingUp, PATIENCE_SECONDS } from '../linked-window.ts'
import { nextFreePort } from '../ports.ts'

const exampleFolder = new URL('../../../examples/linked-engines/', import.meta.url)
const REPORT_EVERY_MS = 5000
const LOOK_EVERY_MS = 1000
const JAVA_MIN = 17
const INTERRUPTED_EXIT_CODE = 130

export const demoLinked = defineCommand({
  path: ['demo', 'linked'],
  summary: 'the recommender, helped by Flink, Spark, Storm and Samza, each as a task of its graph',
  positionals: [],
  options: {
    ...CLUSTER_OPTIONS,
    bootstrap: { type: 'string', short: 'b', value: 'HOST:PORT', describe: 'the cluster; default $MILLRACE_BOOTSTRAP, else a broker is started here' },
    ...KAFKA_OPTION,
    headless: { type: 'boolean', describe: 'no shop page; shoppers are simulated all the same' },
    seconds: { type: 'number', describe: 'ends so long after every engine contributes or is known to be missing; without it at Ctrl-C', min: 1 },
    without: { type: 'string', value: 'ENGINE,…', multiple: true, describe: 'leave these engines out: flink, spark, storm, samza' },
    data: { type: 'string', short: 'd', value: 'DIR', describe: 'where data, state and the engines\' logs are kept', default: '.millrace/linked' },
    port: { type: 'number', short: 'p', describe: "the (first) broker's port; the next free one where it is taken", default: 9092, max: PORT_MAX },
    'shop-port': { type: 'number', describe: 'the storefront', default: 9500, max: PORT_MAX },
    'status-port': { type: 'number', describe: 'the graph, with a kill button on each process', default: 9600, max: PORT_MAX },
    shoppers: { type: 'number', describe: 'simulated shoppers; each acts every eight seconds or so', default: 100, max: 2000 },
    seed: { type: 'number', describe: 'of the shoppers', default: 1 },
  },
  examples: ['millrace demo linked', 'millrace demo linked --headless --seconds 120', 'millrace demo linked --without storm,samza', 'millrace demo linked --cluster 3'],
  run,
})

async function run(call: Call): Promise<number> {
  const { output } = call
  const brokers = brokersOf(call)
  const entryPath = fileURLToPath(new URL('app.js', exampleFolder))
  const { app } = await loadEntry(entryPath)
  const leftOut = await engineTasksLeftOut(app, call.texts('without').flatMap(text => text.split(',')).map(name => name.trim()).filter(name => name !== ''))
  for (const [task, reason] of leftOut) output.line(`  ${task} is left out: ${reason}`)
  const started = performance.now()
  const seconds = (): number => Math.round((performance.now() - started) / 1000)
  const shopPort = call.flag('headless') ? undefined : await nextFreePort(realEnv.network, '127.0.0.1', call.number('shop-port') ?? 9500)
  const said: Said = { contributed: undefined, books: undefined }
  const host = hostOf(call, { app, entryPath, brokers, tasks: app.tasks.map(task => task.name).filter(name => !leftOut.has(name)), shopPort, said })
  const now = (): LinkedReport => linkedReport(seconds(), host.live().status, said.contributed, leftOut)
  const report = (balance?: Balance): void => {
    const current = now()
    output.document({ ...current, isFinal: balance !== undefined, ...balance === undefined ? {} : { balance } })
    showLinked(output, current, balance !== undefined)
  }
  let timer: NodeJS.Timeout | undefined
  try {
    output.line(`  ${output.style('bold', 'MILLRACE')}   the shop is starting; engines take their time, and it works without them …`)
    const engines = host.start()
    // It may fail while nobody waits for it; it is waited for below.
    engines.catch(() => {})
    const asked = untilAsked(call.signal).then(() => false)
    // Brokers of Kafka take a quarter of a minute, and who presses Ctrl-C meanwhile is not kept waiting.
    const isUp = await Promise.race([host.serving.then(() => true), engines.then(() => true), asked])
    if (!isUp) return INTERRUPTED_EXIT_CODE
    output.document({ status: host.statusUrl, kafka: host.bootstrap, ...shopPort === undefined ? {} : { shop: `http://localhost:${shopPort}/` } })
    output.line(`  ➜ Graph   ${host.statusUrl}   kill buttons; Kafka at ${host.bootstrap}`)
    if (shopPort !== undefined) output.line(`  ➜ Shop    http://localhost:${shopPort}/   ${call.number('shoppers')} simulated shoppers, and now and then a script that is none`)
    timer = setInterval(() => report(), REPORT_EVERY_MS)
    const isOver = await Promise.race([windowOf({ call, engines, now, seconds }), asked])
    const balance = await booksAt(said, isOver ? PATIENCE_SECONDS : 0, asked)
    clearInterval(timer)
    report(balance)
    output.line(`  ${balanceText(balance)}`)
    return !isOver || balance.isBalanced ? 0 : 1
  } finally {
    clearInterval(timer)
    output.note('stopping …')
    const killed = await host.stop()
    if (killed.length > 0) output.note(`Did not end in time and was killed: ${killed.join(', ')}.`)
  }
}

/** What the shop said last. */
interface Said {
  contributed: Contributed | undefined
  books: BooksOfLists | undefined
}

interface Windowed {
  readonly call: Call
  readonly engines: Promise<unknown>
  readonly now: () => LinkedReport
  readonly seconds: () => number
}

/** L2: says what becomes of each engine; `true` when the time is up. Without --seconds it never is. */
async function windowOf({ call, engines, now, seconds }: Windowed): Promise<boolean> {
  const up = new ComingUp()
  let failure: unknown
  engines.then(() => up.jobsStarted(seconds()), (error: unknown) => { failure = error })
  while (!up.isUp && !call.signal.aborted) {
    await setTimeout(LOOK_EVERY_MS)
    if (failure !== undefined) throw failure
    for (const line of up.take(now())) call.output.line(`  ${line}`)
  }
  const span = call.number('seconds')
  call.output.line(`  all are up, or told to be missing, after ${seconds()} s${span === undefined ? '' : `; ${span} s from now on`}`)
  return new Promise(resolve => { if (span !== undefined && !call.signal.aborted) globalThis.setTimeout(() => resolve(true), span * 1000).unref() })
}

/** The books of this moment, once what is under way has come out. */
async function booksAt(said: Said, patienceSeconds: number, asked: Promise<unknown>): Promise<Balance> {
  const none: BooksOfLists = { made: 0, blended: 0, doubled: 0, unasked: 0, open: [] }
  const made = said.books?.made ?? 0
  for (let waited = 0; waited < patienceSeconds && !balanceOf(said.books ?? none, made).isSettled; waited += 1) {
    await Promise.race([setTimeout(1000), asked])
  }
  return balanceOf(said.books ?? none, made)
}

interface Hosted {
  readonly brokers: ReturnType<typeof brokersOf>
  readonly app: AppDescription
  readonly entryPath: string
  readonly tasks: readonly string[]
  readonly shopPort: number | undefined
  /** Filled by what the shop says. */
  readonly said: Said
}

function hostOf(call: Call, { app, entryPath, brokers, tasks, shopPort, said }: Hosted): Host {
  // What becomes of each engine stands in the table; of clients that come and go the page tells.
  const logger = createLogger({ level: 'warn', write: line => call.output.note(line), now: Date.now })
  return new Host({
    app, entryPath, tasks, ...brokers, progress: text => call.output.note(`  ${text} …`), brokerPort: call.number('port') ?? 9092, statusPort: call.number('status-port') ?? 9600,
    dataDirectory: resolve(call.text('data') ?? '.millrace/linked'), durability: 'sync', processes: 1, threads: 0, footprint: SMALL, logger, ownClientIds: ['millrace-shop'],
    children: bootstrap => [{
      name: 'shop', kind: 'process', ipc: true,
      ...nodeChild(SMALL, [fileURLToPath(new URL('shop.js', exampleFolder)), '--bootstrap', bootstrap, '--shoppers', String(call.number('shoppers') ?? 100), '--seed', String(call.number('seed') ?? 1), ...shopPort === undefined ? [] : ['--port', String(shopPort)]]),
      onLine: line => logger.info(line),
      onMessage: message => {
        said.contributed = contributedOf(message) ?? said.contributed
        said.books = booksOf(message) ?? said.books
      },
    }],
  })
}

/** L1: tasks of engines that are not asked for, or not here, each with the reason. */
async function engineTasksLeftOut(app: AppDescription, without: readonly string[]): Promise<Map<string, string>> {
  const foreign = app.tasks.flatMap(task => task.kind === 'foreign' ? [task] : [])
  const engines = foreign.map(task => task.on.engine)
  for (const name of without) if (!engines.some(engine => engine === name)) throw usage(`--without takes engines of this example, ${engines.join(', ')}, not '${name}'.`)
  const noJava = javaShortfall(JAVA_MIN, await findJava(process.env))
  const store = openEngineStore(realEnv.disk, process.env)
  const reasons = new Map<string, string>()
  for (const { name, on } of foreign) {
    if (without.includes(on.engine)) reasons.set(name, `--without ${on.engine}`)
    else if (noJava !== undefined) reasons.set(name, noJava)
    else if ('version' in on) {
      try {
        store.installation(`${on.engine}@${on.version}`)
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        reasons.set(name, messageOf(error))
      }
    }
  }
  return reasons
}
