/**
 * The process of a measured job, started by run.ts: runs the app of apps.ts until it is disconnected; answers each message with its use of the processor.
 *
 *   JOB_THREADS=0: all on the main thread.
 */
import { run } from 'millrace'
import described from './apps.ts'

/** The answer to a message. */
export interface Usage {
  /** User and system time since the start, of all threads. */
  readonly cpuMs: number
  readonly residentBytes: number
  readonly status: unknown
}

const commitMs = process.env['JOB_COMMIT_MS']
const threads = Number(process.env['JOB_THREADS'] ?? 0)
const running = await run(described, {
  bootstrap: process.env['JOB_BOOTSTRAP'] ?? '', dataDirectory: process.env['JOB_DATA'] ?? '', metrics: false, threads,
  ...(threads > 0 ? { entry: new URL('./apps.js', import.meta.url) } : {}),
  ...(commitMs === undefined ? {} : { commitIntervalMs: Number(commitMs) }),
})
running.failed.then(error => {
  console.error(error)
  process.exit(1)
}, () => process.exit(1))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const usage = { cpuMs: (user + system) / 1e3, residentBytes: process.memoryUsage.rss() }
  void running.status().then(status => process.send?.({ ...usage, status: status.tasks[0] } satisfies Usage))
})
process.on('disconnect', () => void running.close().finally(() => process.exit(0)))
