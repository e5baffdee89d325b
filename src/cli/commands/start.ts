/**
 * `millrace start [ENTRY]`: runs an app: one process of its tasks, or (with --processes 2 and more) a watched whole.
 *
 * The broker and the status page are loaded only where this process runs one: a process of tasks has neither.
 */
import { resolve } from 'node:path'
import { createLogger } from '../../base/logger.ts'
import { realEnv } from '../../env/real/env.ts'
import { withOptions } from '../../topology/options.ts'
import type { Guarantee } from '../../topology/node.ts'
import { loadEntry } from '../app-entry.ts'
import { endSignal, isSupervised, sayReady, untilAsked } from '../child.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand, KAFKA_OPTION, PORT_MAX, usage } from '../command.ts'
import { bootstrapOf, brokersOf } from '../cluster.ts'
import { commandSecurity } from '../security.ts'
import { SET_OPTION } from '../options-text.ts'
import { groupDigits } from '../render.ts'

const GUARANTEES = ['exactlyOnce', 'atLeastOnce'] as const

export const start = defineCommand({
  path: ['start'],
  summary: 'runs an app: all its tasks, or the ones named',
  positionals: [{ name: 'ENTRY', describe: 'the module whose default export is the app; default app.js', optional: true }],
  options: {
    ...CLUSTER_OPTIONS,
    bootstrap: { type: 'string', short: 'b', value: 'HOST:PORT', describe: 'the cluster; default $MILLRACE_BOOTSTRAP, else a broker is started here' },
    ...KAFKA_OPTION,
    task: { type: 'string', short: 't', multiple: true, describe: 'only this task; may be given several times' },
    data: { type: 'string', short: 'd', value: 'DIR', describe: 'where state (and the broker\'s data) is kept', default: '.millrace' },
    threads: { type: 'number', describe: 'worker threads; 0 runs the tasks on the main thread', default: 1 },
    processes: { type: 'number', describe: 'how many processes run the tasks; 2 and more are watched and started again, with a status page (so is an app with tasks of other engines)', default: 1, min: 1 },
    guarantee: { type: 'string', value: GUARANTEES.join('|'), describe: "instead of the app's own" },
    set: SET_OPTION,
    'commit-interval': { type: 'number', value: 'MS', describe: 'all tasks commit every so often; without it as soon as the input is drained, at the latest after 100 ms', min: 1 },
    port: { type: 'number', short: 'p', describe: "the (first) broker's port, where one is started", default: 9092, max: PORT_MAX },
    'status-port': { type: 'number', describe: 'the status page, where there is one', default: 9600, max: PORT_MAX },
  },
  examples: ['millrace start app.js', 'millrace start app.js --task sessions --bootstrap kafka-1:9092', 'millrace start app.js --processes 2', 'millrace start app.js --cluster 3 --processes 2', 'millrace start app.js --set count.commitInterval=500ms'],
  async run(call) {
    const loaded = await loadEntry(call.positional('ENTRY') ?? 'app.js')
    const entry = { ...loaded, app: withOptions(loaded.app, call.texts('set')) }
    const tasks = call.texts('task')
    for (const task of tasks) {
      if (!entry.app.tasks.some(each => each.name === task)) throw usage(`App '${entry.app.name}' has no task '${task}'. It has: ${entry.app.tasks.map(each => each.name).join(', ')}.`)
    }
    const isForeign = entry.app.tasks.some(task => task.kind === 'foreign' && (tasks.length === 0 || tasks.includes(task.name)))
    const isWatched = (call.number('processes') ?? 1) > 1 || call.number('cluster') !== undefined || (isForeign && !isSupervised())
    return isWatched ? runWatched(call, entry, tasks) : runHere(call, entry, tasks)
  },
})

async function runHere(call: Call, entry: Awaited<ReturnType<typeof loadEntry>>, tasks: readonly string[]): Promise<number> {
  const guarantee = guaranteeOf(call)
  const commitEveryMs = call.number('commit-interval')
  const started = performance.now()
  const directory = resolve(call.text('data') ?? '.millrace')
  const logger = createLogger({ level: 'warn', write: line => call.output.note(line), now: Date.now })
  const options = { dataDirectory: directory, threads: call.number('threads') ?? 1, guarantee, tasks: tasks.length > 0 ? tasks : undefined, entry: entry.url, signal: endSignal(call.signal), logger, commitIntervalMs: commitEveryMs, drainedCommitMs: commitEveryMs }
  const named = call.text('bootstrap') ?? process.env['MILLRACE_BOOTSTRAP']
  const running = named === undefined
    ? await (await import('../../embedded.ts')).startEmbedded(realEnv, entry.app, { ...options, port: call.number('port') ?? 9092 })
    : await (await import('../../runtime/app.ts')).run(entry.app, { ...options, env: realEnv, bootstrap: bootstrapOf(call), security: commandSecurity() })
  call.output.document({ app: entry.app.name, bootstrap: running.bootstrap, directory, pid: process.pid })
  if (!isSupervised()) {
    call.output.line(`  ${call.output.style('bold', entry.app.name)}   ready in ${Math.round(performance.now() - started)} ms`)
    call.output.line(`  ➜ Kafka  ${running.bootstrap}`)
    call.output.line(`  ➜ State  ${directory}`)
    call.output.line(`  ➜ Tasks  ${(tasks.length > 0 ? tasks : entry.app.tasks.map(task => task.name)).join(', ')}`)
  }
  sayReady({ bootstrap: running.bootstrap })
  const failed = running.failed.then(error => { throw error })
  try {
    await Promise.race([untilAsked(call.signal), failed])
  } finally {
    failed.catch(() => { /* thrown by the race above, or it came while closing, when nothing depends on it any more */ })
    await running.close()
  }
  return 0
}

function guaranteeOf(call: Call): Guarantee | undefined {
  const text = call.text('guarantee')
  const guarantee = GUARANTEES.find(each => each === text)
  if (text !== undefined && guarantee === undefined) throw usage(`--guarantee takes ${GUARANTEES.join(' or ')}, not '${text}'.`)
  return guarantee
}

async function runWatched(call: Call, entry: Awaited<ReturnType<typeof loadEntry>>, tasks: readonly string[]): Promise<number> {
  const { Host } = await import('../host.ts')
  const host = new Host({
    app: entry.app, entryPath: entry.path, ...brokersOf(call),
    brokerPort: call.number('port') ?? 9092, statusPort: call.number('status-port') ?? 9600, dataDirectory: resolve(call.text('data') ?? '.millrace'), durability: 'sync',
    processes: call.number('processes') ?? 1, threads: call.number('threads') ?? 1, tasks, guarantee: guaranteeOf(call), sets: call.texts('set'),
    logger: createLogger({ level: 'info', write: line => call.output.note(line), now: Date.now }),
  })
  await host.start()
  call.output.document({ app: entry.app.name, bootstrap: host.bootstrap, status: host.statusUrl })
  call.output.line(`  ➜ Status ${host.statusUrl}   Kafka ${host.bootstrap}   ${groupDigits(call.number('processes') ?? 1)} process${call.number('processes') === 1 ? '' : 'es'}`)
  await untilAsked(call.signal)
  const killed = await host.stop()
  if (killed.length > 0) call.output.note(`Did not end in time and was killed: ${killed.join(', ')}.`)
  return killed.length > 0 ? 1 : 0
}
