/**
 * The job of a `samza()` task: what a JVM with a `LocalApplicationRunner` is told, when it runs, and what is heard of it.
 *
 * SA1. It runs when Samza's container enters its loop: it says so, and nothing in Kafka does.
 * SA2. Without ZooKeeper there is one instance: its coordinator (`PassthroughJobCoordinator`) gives it every task, and rescaling changes its pool of threads. By
 *      ZooKeeper instances share the tasks, and rescaling changes their number: whenever one comes or goes all of them commit, stop their containers and
 *      start them with their new shares. A task, and so a partition, is on one thread of one instance at a time.
 * SA6. Each start of an instance is another processor to Samza: while ZooKeeper still waits for the one that was killed, its id would be refused.
 * SA3. Samza commits to no group. Its metrics, which it writes into its log, tell lag and rates; errors are read there too.
 * SA4. Samza asks for a number of copies of the topics that it makes and does not take the cluster's own: it is as many as the task's topics have.
 * SA5. A store whose state may not fit the positions after a kill is warned of (`samza-stores.ts`), once.
 */
import { join } from 'node:path'
import { MillraceError } from '../base/errors.ts'
import type { SamzaSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Job, JobContext } from './engine.ts'
import { ErrorLog } from './java-trace.ts'
import { type JvmEngine, jvmInstances, type SettingsContext, SoleJvm } from './jvm-instances.ts'
import { reachOne } from './places.ts'
import { serversOf } from './samza.ts'
import { metricsLogged, SamzaMetrics } from './samza-metrics.ts'
import { cachedStores, cachedStoreWarning } from './samza-stores.ts'

type Task = ForeignTaskPlan & { readonly on: SamzaSpec }

const METRICS_SECONDS = '2'
const RUNS = /Entering run loop/
/** An instance that was killed is missed for this long, and what comes and goes together is waited for this long: Samza's own 30 s and 20 s are for machines. */
const ZOOKEEPER_SESSION_MS = '6000'
const DEBOUNCE_MS = '2000'

export function samzaJob(task: Task, context: JobContext): Job {
  const errors = new ErrorLog()
  const metrics = new SamzaMetrics(() => context.clock.monotonic())
  let warned = false
  const engineOf = (scaled: Task): JvmEngine => ({
    distribution: 'samza', settings: async name => samzaSettings(scaled, context, name, await replicasOf(task, context)), readiness: () => ({ kind: 'line', pattern: RUNS }),
    prepare: async () => {
      errors.forget()
      if (task.on.zookeeper !== undefined) await reach(task.name, task.on.zookeeper, context)
    },
    heard: (line, name) => {
      errors.take(line)
      if (RUNS.test(line)) metrics.forgetShares()
      metrics.take(line, name)
      const cached = warned ? [] : cachedStores(line)
      if (cached.length === 0) return
      warned = true
      context.logger.warn(cachedStoreWarning(task.name, cached))
    },
    status: () => ({ ...metrics.status(), lastError: errors.last }),
  })
  return task.on.zookeeper === undefined ? new SoleJvm(task, context, engineOf) : jvmInstances(task, task.on.instances, context, engineOf(task))
}

/** Resolves when one of the servers takes a connection; its client would try for a minute and say little. */
async function reach(task: string, zookeeper: string, context: JobContext): Promise<void> {
  await reachOne(serversOf(zookeeper), context.reach).catch((cause: unknown) => {
    throw new MillraceError('ENGINE_FAILED', `task '${task}': no ZooKeeper takes a connection at ${zookeeper}. Start it, name another in samza({ zookeeper }), or leave that out: then one JVM runs, and needs none.`, { retriable: true, cause })
  })
}

/** SA4. */
async function replicasOf(task: Task, context: JobContext): Promise<number> {
  const topics = await context.admin.describeTopics([...task.reads, ...task.writes].map(topic => topic.name))
  return Math.max(1, ...topics.flatMap(topic => topic.partitions.map(partition => partition.replicas.length)))
}

/** SA2, SA6. */
function coordinationOf(zookeeper: string | undefined): Readonly<Record<string, string>> {
  if (zookeeper === undefined) return {
    'job.coordinator.factory': 'org.apache.samza.standalone.PassthroughJobCoordinatorFactory',
    'job.coordination.utils.factory': 'org.apache.samza.standalone.PassthroughCoordinationUtilsFactory',
    'task.name.grouper.factory': 'org.apache.samza.container.grouper.task.SingleContainerGrouperFactory', 'processor.id': '0',
  }
  return {
    'job.coordinator.factory': 'org.apache.samza.zk.ZkJobCoordinatorFactory', 'job.coordination.utils.factory': 'org.apache.samza.zk.ZkCoordinationUtilsFactory',
    'job.coordinator.zk.connect': zookeeper, 'job.coordinator.zk.session.timeout.ms': ZOOKEEPER_SESSION_MS, 'job.debounce.time.ms': DEBOUNCE_MS,
    'task.name.grouper.factory': 'org.apache.samza.container.grouper.task.GroupByContainerIdsFactory', 'app.processor-id-generator.class': 'org.apache.samza.runtime.UUIDGenerator',
  }
}

/** What the instance is told, with `replicas` copies of the topics that Samza makes; the user's own settings come last. */
export function samzaSettings(task: Task, context: SettingsContext, name: string, replicas: number): Readonly<Record<string, string>> {
  const state = join(context.directory, `${name}-state`)
  return {
    'app.name': task.group.replaceAll('.', '-'), 'app.id': '1', 'job.default.system': 'kafka',
    ...coordinationOf(task.on.zookeeper),
    'systems.kafka.samza.factory': 'org.apache.samza.system.kafka.KafkaSystemFactory',
    'systems.kafka.producer.bootstrap.servers': context.bootstrap, 'systems.kafka.consumer.bootstrap.servers': context.bootstrap,
    // Asked for, and never connected to.
    'systems.kafka.consumer.zookeeper.connect': 'none:2181',
    'systems.kafka.consumer.isolation.level': task.link.isolation, 'systems.kafka.default.stream.samza.offset.default': 'oldest',
    'task.checkpoint.factory': 'org.apache.samza.checkpoint.kafka.KafkaCheckpointManagerFactory', 'task.checkpoint.system': 'kafka', 'task.checkpoint.replication.factor': String(replicas),
    'systems.kafka.default.stream.replication.factor': String(replicas), 'stores.default.changelog.replication.factor': String(replicas),
    'task.commit.ms': '1000', 'task.transactional.state.restore.enabled': 'true', 'job.changelog.system': 'kafka',
    'job.logged.store.base.dir': state, 'job.non-logged.store.base.dir': state, 'job.container.thread.pool.size': String(task.on.parallelism),
    'metrics.reporters': 'log', 'metrics.reporter.log.class': 'org.apache.samza.metrics.reporter.LoggingMetricsReporterFactory',
    'metrics.reporter.log.log.regex': metricsLogged(task.reads.map(topic => topic.name)), 'metrics.reporter.log.logging.interval.seconds': METRICS_SECONDS,
    ...task.on.config,
  }
}
