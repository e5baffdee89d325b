/**
 * The app that kill tests of sinks run, and kill: a stateless task and a stateful one, each with a sink.
 * As a process: SINK_BOOTSTRAP, SINK_DATA, SINK_KIND (`files`, `http`, `postgres`), SINK_TARGET (folder or address), SINK_GUARD=off takes away what keeps rows apart that
 * were delivered before a crash and those after: the positions. SINK_THREADS: worker threads.
 */
import { app, int64, record, text, topic } from 'millrace'
import { files, http, postgres, type TargetOf } from 'millrace/sinks'
import { createLogger } from '../../src/base/logger.ts'
import { run } from '../../src/runtime/app.ts'

export const numbers = topic('numbers', { key: text, value: record({ id: int64, group: text }), partitions: 4 })

interface Line {
  readonly id: string
  readonly n: number
}

const kind = process.env['SINK_KIND'] ?? 'files'
const target = process.env['SINK_TARGET'] ?? ''

function sink(name: string): TargetOf<string, Line> {
  const made: TargetOf<string, Line> = kind === 'files' ? files({ directory: `${target}/${name}`, bytesMax: 20_000 })
    : kind === 'http' ? http({ url: `${target}/${name}`, retryFor: '10 seconds' })
      : postgres({ connection: target, table: name })
  return process.env['SINK_GUARD'] === 'off' ? unguarded(made) : made
}

/** The same without positions: what was delivered before a crash is delivered again. */
function unguarded(made: TargetOf<string, Line>): TargetOf<string, Line> {
  return {
    ...made, delivery: 'atLeastOnce',
    async open(context) {
      const opened = await made.open(context)
      return {
        claim: async shard => (await opened.claim(shard), []),
        deliver: batches => opened.deliver(batches), release: (shard, clean) => opened.release(shard, clean), close: () => opened.close(),
      }
    },
  }
}

export default app('sinks')
  // No Kafka transactions here: what is exact is so by the sink alone.
  .task('rows', ({ read }) => read(numbers).flatMap(({ id }) => id % 5 === 0 ? [] : id % 5 === 1 ? [{ id: `${id}a`, n: id }, { id: `${id}b`, n: id }] : [{ id: String(id), n: id }]).to('out', sink('rows')), { guarantee: 'atLeastOnce' })
  .task('counts', ({ read }) => read(numbers).keyBy(({ group }) => group).count('per-group').map((n, { key }) => ({ id: key, n })).to('out', sink('counts')))

async function main(): Promise<void> {
  const { default: described } = await import('./sink-app.ts')
  const running = await run(described, {
    bootstrap: process.env['SINK_BOOTSTRAP'] ?? '', dataDirectory: process.env['SINK_DATA'] ?? '', sessionTimeoutMs: 6_000, metrics: false,
    threads: Number(process.env['SINK_THREADS'] ?? 0), entry: import.meta.url,
    // Rows stay for a while between their delivery and the end of the commit in which a kill is to come.
    commitIntervalMs: 50, logger: createLogger({ level: 'warn', write: line => console.log(line), now: Date.now }),
  })
  process.once('SIGTERM', () => { void running.close().then(() => process.exit(0)) })
  console.log('running')
  throw await running.failed
}

if (process.argv[1]?.endsWith('sink-app.js') === true) {
  main().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
}
