/** Runs the app whose module is the first argument, beside this file or given as a path; ends with SIGTERM. */
import { pathToFileURL } from 'node:url'
import { type App, run } from 'millrace'
import { setting } from './setting.ts'

const path = process.argv[2]
if (path === undefined) throw new Error('which app?')
const entry = pathToFileURL(path)
const { default: described } = await import(entry.href) as { readonly default: App } // By the contract with the contenders' modules.
const running = await run(described, {
  bootstrap: setting.bootstrap, dataDirectory: setting.directory, threads: setting.threads, entry, commitIntervalMs: setting.commitMs,
  guarantee: setting.isExactlyOnce ? 'exactlyOnce' : 'atLeastOnce', metrics: false,
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { void running.close().finally(() => process.exit(0)) })
throw await running.failed
