/**
 * The app that kill tests run, and kill: one stateless task and one stateful one behind a repartition topic.
 * As a process: `node kill-app.js` with KILL_BOOTSTRAP, KILL_PREFIX, KILL_DATA, and optionally KILL_GUARANTEE, KILL_THREADS, KILL_TASKS, KILL_COMBINED.
 * SIGTERM closes it cleanly. Prints `running` when it has joined its groups.
 */
import { app, int64, json, record, text, topic } from 'millrace'
import { createLogger } from '../../../src/base/logger.ts'
import { run } from '../../../src/runtime/app.ts'

const prefix = process.env['KILL_PREFIX'] ?? 'kill'
const partitions = Number(process.env['KILL_PARTITIONS'] ?? 4)
const Numbered = record({ id: int64, group: text })

interface Seen { readonly count: number; readonly last: number }

export const input = topic(`${prefix}.input`, { key: text, value: Numbered, partitions })
export const copies = topic(`${prefix}.copies`, { key: text, value: Numbered, partitions })
export const counts = topic(`${prefix}.counts`, { key: text, value: json<{ group: string; count: number; last: number }>(), partitions })

/** With it records are combined before they travel: a group's count goes up by more than one at a time. */
const merge = (process.env['KILL_COMBINED'] ?? '') === '' ? {} : { merge: (left: Seen, right: Seen): Seen => ({ count: left.count + right.count, last: Math.max(left.last, right.last) }) }

const described = app(prefix)
  .task('copy', ({ read }) => read(input).map(value => ({ id: value.id, group: value.group })).write(copies))
  .task('count', ({ read }) => read(input)
    .keyBy(value => value.group)
    .aggregate('per-group', { zero: () => ({ count: 0, last: -1 }), add: (state, value) => ({ count: state.count + 1, last: value.id }), ...merge })
    .map((state, { key }) => ({ group: key, ...state }))
    .write(counts))

export default described

async function main(): Promise<void> {
  const level = process.env['KILL_LOG'] === 'info' ? 'info' : 'warn'
  const guarantee = process.env['KILL_GUARANTEE']
  const running = await run(described, {
    bootstrap: process.env['KILL_BOOTSTRAP'] ?? 'localhost:19092',
    dataDirectory: process.env['KILL_DATA'] ?? '.millrace/kill',
    threads: Number(process.env['KILL_THREADS'] ?? 0), entry: import.meta.url,
    // A second between commits, as such jobs are run: a kill doubles what came in meanwhile.
    ...(guarantee === 'atLeastOnce' ? { guarantee, commitIntervalMs: 1_000, drainedCommitMs: 1_000 } : {}),
    ...(process.env['KILL_TASKS'] === undefined ? {} : { tasks: process.env['KILL_TASKS'].split(',') }),
    sessionTimeoutMs: 6_000, metrics: false,
    logger: createLogger({ level, write: line => console.log(line), now: Date.now }),
  })
  process.once('SIGTERM', () => { void running.close().then(() => process.exit(0)) })
  process.on('SIGUSR2', () => { void running.status().then(status => console.log(JSON.stringify(status))) })
  console.log('running')
  throw await running.failed
}

if (process.argv[1]?.endsWith('kill-app.js') === true) {
  main().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
}
