/**
 * The job of a `storm()` task: what a JVM with a `LocalCluster` is told, when it runs, and what is heard of it.
 *
 * ST1. It runs when Storm says that a spout is active. Its spouts assign partitions to themselves, so their group has no members to look for.
 * ST2. A spout commits to its group what was acknowledged: lag and rates are seen there. Errors and Storm's own metrics are read in its log.
 * ST3. A cluster in a JVM writes its files into temporary folders, which it leaves behind when it is killed: they lie in the job's own folder, and go at its next start.
 * ST4. Its parallelism is the program's to take: the properties file says how many executors each spout and bolt is to have.
 */
import { join } from 'node:path'
import type { Disk } from '../env/env.ts'
import type { StormSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Job, JobContext } from './engine.ts'
import { ErrorLog } from './java-trace.ts'
import { type SettingsContext, SoleJvm } from './jvm-instances.ts'
import { StormMetrics, stormOptions } from './storm-metrics.ts'

type Task = ForeignTaskPlan & { readonly on: StormSpec }

export function stormJob(task: Task, context: JobContext): Job {
  const errors = new ErrorLog()
  const metrics = new StormMetrics()
  const scratch = join(context.directory, 'scratch')
  return new SoleJvm(task, context, scaled => ({
    // What ST1 waits for is said at INFO.
    distribution: 'storm', javaOptions: ['-Dlog4j2.level=INFO', `-Djava.io.tmpdir=${scratch}`, stormOptions()], settings: name => stormSettings(scaled, context, name),
    prepare: () => {
      errors.forget()
      metrics.forget()
      emptied(context.disk, scratch)
    },
    readiness: () => ({ kind: 'line', pattern: /Activating spout/ }),
    heard: line => {
      errors.take(line)
      metrics.take(line)
    },
    status: () => ({ storm: metrics.status(), lastError: errors.last }),
  }))
}

/** ST3. */
function emptied(disk: Disk, path: string): void {
  if (disk.exists(path)) disk.removeTree(path)
  disk.makeDirectory(path)
}

/** What the instance is told; the user's own settings come last. */
export function stormSettings(task: Task, context: Omit<SettingsContext, 'directory'>, name: string): Readonly<Record<string, string>> {
  return {
    'bootstrap.servers': context.bootstrap, 'group.id': task.group, 'isolation.level': task.link.isolation,
    'topology.name': `${context.app}-${name}`, 'topology.message.timeout.secs': '30', 'topology.max.spout.pending': '1000', 'offset.commit.period.ms': '1000',
    parallelism: String(task.on.parallelism),
    ...task.on.config,
  }
}
