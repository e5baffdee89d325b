/** `/metrics` in Prometheus' text format (version 0.0.4), from the same status that the page shows. */
import type { JobStatus } from '../engines/engine.ts'
import type { AppStatus, TaskStatus } from './status.ts'
import type { LedgerAccount } from './ledger.ts'

interface Metric { readonly name: string, readonly type: 'gauge' | 'counter', readonly help: string, readonly of: (task: TaskStatus) => number | null }

const TASK_METRICS: readonly Metric[] = [
  { name: 'millrace_task_records_in_total', type: 'counter', help: 'Records read by the running processes of a task.', of: task => task.in },
  { name: 'millrace_task_records_out_total', type: 'counter', help: 'Records written by the running processes of a task.', of: task => task.out },
  { name: 'millrace_task_records_in_per_second', type: 'gauge', help: 'Records read per second; of tasks on other engines that tell none, committed offsets.', of: task => task.inPerSecond },
  { name: 'millrace_task_records_out_per_second', type: 'gauge', help: 'Records written per second; of tasks on other engines that tell none, offsets of the topics that only they write.', of: task => task.outPerSecond },
  { name: 'millrace_task_lag_records', type: 'gauge', help: 'Offsets between the committed position and the last stable offset.', of: task => task.lagRecords },
  { name: 'millrace_task_lag_seconds', type: 'gauge', help: 'Age of the oldest record not yet processed.', of: task => task.lagSeconds },
  { name: 'millrace_task_latency_seconds_p50', type: 'gauge', help: 'Median time over the last minute from when a record can be read to when the task is done with it, no nearer than the time between two looks.', of: task => task.latency === null ? null : task.latency.p50Ms / 1000 },
  { name: 'millrace_task_latency_seconds_p99', type: 'gauge', help: '99th percentile of the same.', of: task => task.latency === null ? null : task.latency.p99Ms / 1000 },
  { name: 'millrace_task_arrival_per_second', type: 'gauge', help: 'How fast the ends of its inputs move, in offsets.', of: task => task.catchUp.arrivalPerSecond },
  { name: 'millrace_task_drain_per_second', type: 'gauge', help: 'How fast its positions move while it has something to do, in offsets.', of: task => task.catchUp.drainPerSecond },
  { name: 'millrace_task_catch_up_seconds', type: 'gauge', help: 'Predicted time until it has caught up; +Inf: never at this rate.', of: task => task.catchUp.verdict === 'never' ? Infinity : task.catchUp.seconds },
  { name: 'millrace_task_commit_milliseconds_p50', type: 'gauge', help: 'Median time of a commit over the last minute.', of: task => task.commitMsP50 },
  { name: 'millrace_task_commit_milliseconds_p99', type: 'gauge', help: '99th percentile of commit time over the last minute.', of: task => task.commitMsP99 },
  { name: 'millrace_task_errors_total', type: 'counter', help: 'Records on which user code or a serde threw.', of: task => task.errors },
  { name: 'millrace_task_dead_lettered_total', type: 'counter', help: 'Records written to a dead-letter topic.', of: task => task.deadLettered },
  { name: 'millrace_task_shards', type: 'gauge', help: 'Shards running.', of: task => task.shards },
  { name: 'millrace_task_processes', type: 'gauge', help: 'Processes that run the task.', of: task => task.engine === 'external' ? null : task.processes },
  { name: 'millrace_task_restore_remaining_records', type: 'gauge', help: 'Changelog offsets still to be replayed.', of: task => task.restore === null ? 0 : task.restore.total - task.restore.done },
]

/** Of tasks on other engines, as far as they tell. */
const JOB_METRICS: readonly { readonly name: string, readonly help: string, readonly of: (task: TaskStatus, job: JobStatus, now: number) => number | null }[] = [
  { name: 'millrace_job_running', help: '1 while the job runs, 0 else.', of: (_, job) => job.state === 'external' ? null : job.state === 'running' ? 1 : 0 },
  { name: 'millrace_job_instances', help: 'Processes that are alike; of Flink, Storm and Samza the parallelism, of Spark the cores.', of: (_, job) => job.instances },
  { name: 'millrace_job_processes', help: 'Processes of the job that run on this machine.', of: (task, job) => job.state === 'external' ? null : task.processes },
  { name: 'millrace_job_restarts', help: 'Restarts of the job, as its engine counts.', of: (_, job) => job.restarts },
  { name: 'millrace_job_process_restarts', help: 'Restarts of its processes, as their supervisor counts.', of: task => task.processRestarts },
  { name: 'millrace_job_checkpoint_age_seconds', help: 'Time since the last checkpoint or batch ended.', of: (_, { checkpoint }, now) => checkpoint === null ? null : Math.max(0, (now - checkpoint.at) / 1000) },
  { name: 'millrace_job_checkpoint_milliseconds', help: 'How long the last checkpoint or batch took.', of: (_, { checkpoint }) => checkpoint?.ms ?? null },
  { name: 'millrace_job_checkpoint_bytes', help: 'Size of the last checkpoint.', of: (_, { checkpoint }) => checkpoint?.bytes ?? null },
  { name: 'millrace_job_checkpoints_failed', help: 'Checkpoints that failed, since the job was submitted.', of: (_, { checkpoint }) => checkpoint?.failed ?? null },
  { name: 'millrace_job_backpressure_ratio', help: 'Share of its time that the slowest operator waits for the ones behind it.', of: (_, job) => job.backPressure },
  { name: 'millrace_job_storm_complete_latency_milliseconds', help: 'From the emit of a Storm spout to the acknowledgement of its tuple tree, of the slowest spout.', of: (_, { storm }) => storm?.completeLatencyMs ?? null },
  { name: 'millrace_job_storm_capacity_ratio', help: 'Share of its time that the busiest Storm bolt executes.', of: (_, { storm }) => storm?.capacity ?? null },
  { name: 'millrace_job_storm_acked', help: 'Tuple trees acknowledged since Storm started, sampled.', of: (_, { storm }) => storm?.acked ?? null },
  { name: 'millrace_job_storm_failed', help: 'Tuple trees failed or timed out since Storm started, sampled.', of: (_, { storm }) => storm?.failed ?? null },
]

const DROPPED = 'millrace_task_dropped_total'
const REPLICATION = [
  ['brokers', 'Brokers of the cluster that are there.'], ['partitions', 'Partitions of the topics that the app declares.'],
  ['underReplicated', 'Partitions of which a replica is not in sync.'], ['offline', 'Partitions that nobody leads.'],
] as const

export function prometheusText(status: AppStatus, ledger: LedgerAccount | undefined): string {
  const lines: string[] = []
  for (const metric of TASK_METRICS) {
    const samples = status.tasks.flatMap(task => {
      const value = metric.of(task)
      return value === null ? [] : [`${metric.name}{app="${label(status.app)}",task="${label(task.task)}"} ${value === Infinity ? '+Inf' : value}`]
    })
    if (samples.length > 0) lines.push(`# HELP ${metric.name} ${metric.help}`, `# TYPE ${metric.name} ${metric.type}`, ...samples)
  }
  const causes = status.tasks.flatMap(({ task, catchUp }) => catchUp.cause === null ? [] : [`millrace_task_lag_cause{app="${label(status.app)}",task="${label(task)}",cause="${catchUp.cause.kind}"} 1`])
  if (causes.length > 0) lines.push('# HELP millrace_task_lag_cause Why it lags: slow, broker, commit, output, stopped, failed, restoring, rebalancing, unowned, held.', '# TYPE millrace_task_lag_cause gauge', ...causes)
  const dropped = status.tasks.flatMap(({ task, dropped }) => Object.entries(dropped ?? {}).map(([name, count]) => {
    const [operator = '', reason = ''] = name.split(/: (?=\w+$)/)
    return `${DROPPED}{app="${label(status.app)}",task="${label(task)}",operator="${label(operator)}",reason="${label(reason)}"} ${count}`
  }))
  if (dropped.length > 0) lines.push(`# HELP ${DROPPED} Records that had no effect; duplicate: distinct took out a copy.`, `# TYPE ${DROPPED} counter`, ...dropped)
  for (const { name, help, of } of JOB_METRICS) {
    const samples = status.tasks.flatMap(task => {
      const value = task.job === null ? null : of(task, task.job, status.at)
      return value === null ? [] : [`${name}{app="${label(status.app)}",task="${label(task.task)}",engine="${label(task.engine)}"} ${value}`]
    })
    if (samples.length > 0) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...samples)
  }
  if (status.replication !== null) {
    for (const [field, help] of REPLICATION) {
      const name = `millrace_kafka_${field === 'underReplicated' ? 'under_replicated_partitions' : field === 'offline' ? 'offline_partitions' : field}`
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name}{app="${label(status.app)}"} ${status.replication[field]}`)
    }
  }
  if (ledger !== undefined) {
    for (const field of ['in', 'counted', 'pending', 'lost', 'doubled', 'foreign', 'outOfOrder'] as const) {
      const name = `millrace_ledger_${field === 'outOfOrder' ? 'out_of_order' : field}`
      lines.push(`# HELP ${name} The ledger, recounted from offset 0.`, `# TYPE ${name} gauge`, ...ledger.balances.map(balance => `${name}{balance="${label(balance.name)}"} ${balance[field]}`))
    }
  }
  return `${lines.join('\n')}\n`
}

function label(text: string): string {
  return text.replace(/[\\"\n]/g, character => character === '\n' ? '\\n' : `\\${character}`)
}
