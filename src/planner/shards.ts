/** Shards against the workers that are to run them, and how evenly records lie in their partitions. */
import { MillraceError } from '../base/errors.ts'
import type { Broken } from '../topology/contracts/broken.ts'
import { resolvePartitions } from '../topology/partitions.ts'
import type { NativeTaskPlan, Plan, TaskPlan } from '../topology/plan.ts'
import type { ClusterFacts } from './facts.ts'
import { partitionsKnown } from './topics.ts'

export interface TaskShards {
  readonly task: string
  readonly engine: string
  /** Units of work: of a task of ours, sub-topology × partition; of others, partitions of what they read. `null`: a count is not known. */
  readonly shards: number | null
  /** Threads, or instances; `null` where its engine decides. */
  readonly workers: number | null
  readonly idle: number | null
  /** Of its group, now; `null`: no cluster was asked. */
  readonly members: number | null
  readonly skew: Skew | null
}

/** The fullest partition of what a task reads. */
export interface Skew {
  readonly topic: string
  readonly partition: number
  readonly records: number
  /** Times the mean of the topic's partitions. */
  readonly timesMean: number
  readonly partitions: number
  /** The commonest key of its sampled records, where it has a share that counts. */
  readonly hotKey: { readonly key: string; readonly share: number } | null
}

export interface Workers {
  readonly processes: number
  /** Of each process; 0 runs on the main thread, like 1. */
  readonly threads: number
}

/** Fewer records than this say nothing of how keys spread. */
const SKEW_RECORDS_MIN = 1000
const HOT_SAMPLE_MIN = 10
const HOT_SHARE_MIN = 0.3
/** Times the mean that are too much: of few partitions, where almost everything is in one. */
const skewTimesMax = (partitions: number): number => Math.min(3, 0.9 * partitions)

export function shardsOf(plan: Plan, facts: ClusterFacts | undefined, workers: Workers): TaskShards[] {
  const known = partitionsKnown(plan, facts)
  return plan.tasks.map(task => {
    const shards = task.kind === 'native' ? nativeShards(task, known) : sum(task.reads.map(topic => known.get(topic.name)))
    const count = workersOf(task, workers)
    return {
      task: task.name, engine: task.kind === 'native' ? 'millrace' : task.on.engine, shards, workers: count,
      idle: shards === null || count === null ? null : Math.max(0, count - shards),
      members: facts === undefined ? null : facts.groups.get(task.group)?.members.length ?? 0,
      skew: facts === undefined ? null : skewOf(task, facts),
    }
  })
}

export function shardRules(tasks: readonly TaskShards[]): Broken[] {
  return [...idleRule(tasks), ...tasks.flatMap(({ task, skew }): Broken[] => skew === null || skew.timesMean < skewTimesMax(skew.partitions) || skew.records < SKEW_RECORDS_MIN ? [] : [{
    rule: 'skew', severity: 'warning', ends: [skew.topic, task],
    message: `${skew.topic}-${skew.partition} holds ${skew.records} records, ${skew.timesMean.toFixed(1)} times the mean of its topic: the shard of '${task}' that reads it is the last to catch up, however many workers there are. ${skew.hotKey === null ? 'Is one key hot?' : `${Math.round(skew.hotKey.share * 100)} % of its sampled records have the key ${JSON.stringify(skew.hotKey.key)}.`} Choose a finer key, or combine before it travels.`,
  }])]
}

/** Our workers run every task of the app: one is idle where no task has a shard for it. A job of another engine has its instances for itself. */
function idleRule(tasks: readonly TaskShards[]): Broken[] {
  const native = tasks.filter(task => task.engine === 'millrace')
  const most = native.reduce<number | null>((max, { shards }) => max === null || shards === null ? null : Math.max(max, shards), 0)
  const workers = native[0]?.workers ?? 0
  const next = 'Run fewer, or give the topics that are read more partitions (before they hold records: more partitions move keys).'
  const ours: Broken[] = most === null || native.length === 0 || workers <= most ? [] : [{
    rule: 'idle-workers', severity: 'warning', ends: native.filter(task => task.shards === most).map(task => task.task),
    message: `${workers} workers, and no task has more than ${most} shard${most === 1 ? '' : 's'} (${native.filter(task => task.shards === most).map(task => `'${task.task}'`).join(', ')}): ${workers - most} would have nothing to do. ${next}`,
  }]
  return [...ours, ...tasks.flatMap(({ task, engine, shards, workers: instances, idle }): Broken[] => engine === 'millrace' || idle === null || idle === 0 ? [] : [{
    rule: 'idle-workers', severity: 'warning', ends: [task],
    message: `'${task}' has ${instances ?? 0} instances (or that parallelism) for ${shards ?? 0} partitions: ${idle} would have nothing to do. ${next}`,
  }])]
}

function nativeShards(task: NativeTaskPlan, known: ReadonlyMap<string, number>): number | null {
  if (!task.reads.every(topic => known.has(topic.name))) return null
  try {
    return resolvePartitions(task, known).shards.reduce((total, count) => total + count, 0)
  } catch (error) {
    // Counts that do not fit together are a broken contract of their own.
    if (error instanceof MillraceError && error.code === 'TOPOLOGY_INVALID') return null
    throw error
  }
}

function workersOf(task: TaskPlan, { processes, threads }: Workers): number | null {
  if (task.kind === 'native') return processes * Math.max(1, threads)
  if (task.on.engine === 'samza') return task.on.instances * task.on.parallelism
  if ('instances' in task.on) return task.on.instances
  return 'parallelism' in task.on ? task.on.parallelism : null
}

function sum(counts: readonly (number | undefined)[]): number | null {
  return counts.length === 0 ? null : counts.reduce<number | null>((total, count) => total === null || count === undefined ? null : total + count, 0)
}

function skewOf(task: TaskPlan, facts: ClusterFacts): Skew | null {
  const inputs = [...task.reads.map(topic => topic.name), ...task.kind === 'native' ? task.repartitionTopics.map(topic => topic.name) : []]
  const skews = inputs.flatMap(name => {
    // A repartition topic is emptied as it is read: all that ever was in it counts.
    const isEmptied = task.kind === 'native' && task.repartitionTopics.some(topic => topic.name === name)
    const partitions = (facts.topics.get(name)?.partitions ?? []).map(({ partition, start, end }) => ({ partition, records: isEmptied ? end : end - start }))
    const total = partitions.reduce((all, each) => all + each.records, 0)
    const [largest] = [...partitions].sort((a, b) => b.records - a.records)
    if (largest === undefined || partitions.length < 2 || total === 0) return []
    return [{ topic: name, ...largest, partitions: partitions.length, hotKey: hotKeyOf(facts, name, largest.partition), timesMean: largest.records / (total / partitions.length) }]
  })
  const told = skews.filter(each => each.records >= SKEW_RECORDS_MIN)
  return (told.length > 0 ? told : skews).sort((a, b) => b.timesMean - a.timesMean)[0] ?? null
}

function hotKeyOf(facts: ClusterFacts, topic: string, partition: number): Skew['hotKey'] {
  const keys = facts.samples.filter(record => record.topic === topic && record.partition === partition).flatMap(record => record.key?.toString() ?? [])
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  const [top] = [...counts].sort(([, a], [, b]) => b - a)
  if (top === undefined || keys.length < HOT_SAMPLE_MIN || top[1] / keys.length < HOT_SHARE_MIN) return null
  return { key: top[0], share: top[1] / keys.length }
}
