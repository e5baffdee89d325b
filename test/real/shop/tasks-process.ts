/**
 * Runs the app behind a URL against a cluster, in a process that a test may kill: `node tasks-process.js APP_URL BOOTSTRAP FOLDER`.
 * Says `running` on stdout; ends on SIGTERM, or with code 1 when a task fails.
 */
import { run } from 'millrace'

const [url, bootstrap, dataDirectory] = process.argv.slice(2)
if (url === undefined || bootstrap === undefined || dataDirectory === undefined) throw new Error('usage: tasks-process APP_URL BOOTSTRAP FOLDER')
// The demo's app modules have an app as their default export.
const { default: app } = await import(url) as { default: Parameters<typeof run>[0] }
const running = await run(app, { bootstrap, dataDirectory, threads: 1, entry: url, metrics: false, sessionTimeoutMs: 6000 })
process.stdout.write('running\n')
running.failed.then(error => {
  process.stderr.write(`${error.stack ?? error.message}\n`)
  process.exit(1)
}, () => process.exit(1))
process.on('SIGTERM', () => void running.close().then(() => process.exit(0)))
