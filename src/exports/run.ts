/**
 * `run` of `millrace`, which loads the runtime when it is called: a module that only describes an app is loaded by many processes that never
 * run one (the status page, a shop, a type check).
 */
import type { RunningApp, RunOptions } from '../runtime/app.ts'
import type { AppDescription } from '../topology/node.ts'

/** Makes the topics, starts the workers, joins the groups of the app's tasks; resolves when they run. */
export async function run(app: AppDescription, options: RunOptions): Promise<RunningApp> {
  const runtime = await import('../runtime/app.ts')
  return runtime.run(app, options)
}
