/**
 * The job of a `process()` task: its instances under the supervisor. What it reads and writes is seen through its consumer group.
 */
import type { ProcessSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Job, JobContext } from './engine.ts'
import { Instances } from './instances.ts'
import { processEnvironment } from './process.ts'

/** A program that ends within this time is taken for one that cannot start. */
const READY_MS_MAX = 30_000

export function processJob(task: ForeignTaskPlan & { readonly on: ProcessSpec }, context: JobContext): Job {
  const { command, args, env, directory } = task.on
  return new Instances(task, task.on.instances, context, {
    startInstance: (name, instance) => context.supervise({
      name, command, args, cwd: directory, ready: { kind: 'started' }, readyMsMax: READY_MS_MAX,
      env: { ...env, ...processEnvironment(context.app, task, context.bootstrap, instance) },
    }),
  })
}
