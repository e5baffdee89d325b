/**
 * The job of a `storm()` task: what a JVM with a `LocalCluster` is told, when it runs, and what is heard of it.
 *
 * ST1. It runs when Storm says that a spout is active. Its spouts assign partitions to themselves, so their group has no members to look for.
 * ST2. A spout commits to its group what was acknowledged: lag and rates are seen there. Errors and Storm's own metrics are read in its log.
 * ST3. A cluster in a JVM writes its files into temporary folders, which it leaves behind when it is killed: they lie in the job's own folder, and go at its next start.
 * ST4. Its parallelism is the program's to take: the properties file says how many executors each spout and bolt is to have.
 * ST5. On a cluster of somebody else's the JVM is a host of ours (`programs/MillraceTopology.java`), which has the program submit its topology and tells how that
 *      does; the topology outlives a host that is killed, and goes with one that is stopped. It runs when all its executors have told of themselves.
 */
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import type { StormSpec } from '../../topology/foreign.ts'
import type { ForeignTaskPlan } from '../../topology/plan.ts'
import type { Job, JobContext } from '../engine.ts'
import { ErrorLog } from '../java-trace.ts'
import { type SettingsContext, SoleJvm } from '../jvm-instances.ts'
import { placesOf, reachOne } from '../places.ts'
import { optionsText, type StormFigures, StormMetrics, stormOptions } from './metrics.ts'

type Task = ForeignTaskPlan & { readonly on: StormSpec }

const HOST = fileURLToPath(new URL('./programs/MillraceTopology.java', import.meta.url))
/** Workers tell their figures this often. */
const FIGURES_SECONDS = 5

export function stormJob(task: Task, context: JobContext): Job {
  const { nimbus } = task.on
  return nimbus === undefined ? localJob(task, context) : submittedJob(task, nimbus, context)
}

function localJob(task: Task, context: JobContext): Job {
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

/** ST5. */
function submittedJob(task: Task, nimbus: string, context: JobContext): Job {
  const errors = new ErrorLog()
  let told: Told | undefined
  const places = placesOf(nimbus)
  const { program } = task.on
  return new SoleJvm(task, context, scaled => ({
    distribution: 'storm', host: HOST, settings: name => stormSettings(scaled, context, name),
    javaOptions: [
      `-Dstorm.jar=${program.kind === 'jar' ? resolve(program.path) : ''}`,
      optionsText({ 'nimbus.seeds': places.map(({ host }) => host), 'nimbus.thrift.port': places[0]?.port, 'executor.metrics.frequency.secs': FIGURES_SECONDS }),
    ],
    prepare: async () => {
      errors.forget()
      told = undefined
      await reachOne(places, context.reach).catch((cause: unknown) => {
        throw new MillraceError('ENGINE_FAILED', `task '${task.name}': no Nimbus takes a connection at ${nimbus}. Start the Storm cluster, name another in storm({ cluster }), or leave that out: then all of Storm runs in one JVM.`, { retriable: true, cause })
      })
    },
    readiness: () => ({ kind: 'line', pattern: /^MILLRACE .*"runs":true/ }),
    heard: line => {
      errors.take(line)
      told = toldIn(line) ?? told
    },
    status: () => ({ storm: told === undefined ? null : { completeLatencyMs: told.completeLatencyMs, capacity: told.capacity, acked: told.acked, failed: told.failed }, lastError: told?.error ?? errors.last }),
  }))
}

interface Told extends StormFigures {
  /** Of a component of the topology. */
  readonly error: string | null
}

/** What the host tells of the topology; other lines tell nothing. */
function toldIn(line: string): Told | undefined {
  if (!line.startsWith('MILLRACE {"topology"')) return undefined
  return JSON.parse(line.slice('MILLRACE '.length)) as Told // Written by MillraceTopology.java.
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
    'topology.submit': task.on.nimbus === undefined ? 'local' : 'cluster', parallelism: String(task.on.parallelism),
    ...task.on.config,
  }
}
