/**
 * The job of a `samza()` task: what a JVM with a `LocalApplicationRunner` is told, when it runs, and what is heard of it.
 *
 * SA1. It runs when Samza's container enters its loop: it says so, and nothing in Kafka does.
 * SA2. One instance: its coordinator (`PassthroughJobCoordinator`) gives it every task. More would need ZooKeeper, and each would do all the work again. Its
 *      parallelism is Samza's own pool of threads; a task, and so a partition, is on one of them at a time.
 * SA3. Samza commits to no group. Its metrics, which it writes into its log, tell lag and rates; errors are read there too.
 * SA4. Samza asks for a number of copies of the topics that it makes and does not take the cluster's own: it is as many as the task's topics have.
 * SA5. A store whose state may not fit the positions after a kill is warned of (`samza-stores.ts`), once.
 */
import { join } from 'node:path'
import type { SamzaSpec } from '../topology/foreign.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { Job, JobContext } from './engine.ts'
import { ErrorLog } from './java-trace.ts'
import { type SettingsContext, SoleJvm } from './jvm-instances.ts'
import { metricsLogged, SamzaMetrics } from './samza-metrics.ts'
import { cachedStores, cachedStoreWarning } from './samza-stores.ts'

type Task = ForeignTaskPlan & { readonly on: SamzaSpec }

const METRICS_SECONDS = '2'

export function samzaJob(task: Task, context: JobContext): Job {
  const errors = new ErrorLog()
  const metrics = new SamzaMetrics(() => context.clock.monotonic())
  let warned = false
  return new SoleJvm(task, context, scaled => ({
    distribution: 'samza', settings: async name => samzaSettings(scaled, context, name, await replicasOf(task, context)), readiness: () => ({ kind: 'line', pattern: /Entering run loop/ }),
    prepare: () => errors.forget(),
    heard: line => {
      errors.take(line)
      metrics.take(line)
      const cached = warned ? [] : cachedStores(line)
      if (cached.length === 0) return
      warned = true
      context.logger.warn(cachedStoreWarning(task.name, cached))
    },
    status: () => ({ ...metrics.status(), lastError: errors.last }),
  }))
}

/** SA4. */
async function replicasOf(task: Task, context: JobContext): Promise<number> {
  const topics = await context.admin.describeTopics([...task.reads, ...task.writes].map(topic => topic.name))
  return Math.max(1, ...topics.flatMap(topic => topic.partitions.map(partition => partition.replicas.length)))
}

/** What the instance is told, with `replicas` copies of the topics that Samza makes; the user's own settings come last. */
export function samzaSettings(task: Task, context: SettingsContext, name: string, replicas: number): Readonly<Record<string, string>> {
  const state = join(context.directory, `${name}-state`)
  return {
    'app.name': task.group.replaceAll('.', '-'), 'app.id': '1', 'job.default.system': 'kafka',
    'job.coordinator.factory': 'org.apache.samza.standalone.PassthroughJobCoordinatorFactory',
    'job.coordination.utils.factory': 'org.apache.samza.standalone.PassthroughCoordinationUtilsFactory',
    'task.name.grouper.factory': 'org.apache.samza.container.grouper.task.SingleContainerGrouperFactory', 'processor.id': '0',
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
