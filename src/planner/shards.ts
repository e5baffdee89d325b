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
}

export interface Workers {
  readonly processes: number
  /** Of each process; 0 runs on the main thread, like 1. */
  readonly threads: number
}

/** Fewer records than this say nothing of how keys spread. */
const SKEW_RECORDS_MIN = 1000
const SKEW_TIMES_MAX = 2

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
  return tasks.flatMap(({ task, shards, workers, idle, skew }): Broken[] => [
    ...idle !== null && idle > 0 && shards !== null ? [{
      rule: 'idle-workers' as const, severity: 'warning' as const, ends: [task],
      message: `'${task}' has ${shards} shards for ${workers ?? 0} workers: ${idle} would have nothing to do. Run fewer, or give the topics it reads more partitions (before they hold records: more partitions move keys).`,
    }] : [],
    ...skew !== null && skew.timesMean >= SKEW_TIMES_MAX && skew.records >= SKEW_RECORDS_MIN ? [{
      rule: 'skew' as const, severity: 'warning' as const, ends: [skew.topic, task],
      message: `${skew.topic}-${skew.partition} holds ${skew.records} records, ${skew.timesMean.toFixed(1)} times the mean of its topic: the shard of '${task}' that reads it is the last to catch up, however many workers there are. Is one key hot? Choose a finer key, or combine before it travels.`,
    }] : [],
  ])
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
  return 'instances' in task.on && typeof task.on.instances === 'number' ? task.on.instances : null
}

function sum(counts: readonly (number | undefined)[]): number | null {
  return counts.length === 0 ? null : counts.reduce<number | null>((total, count) => total === null || count === undefined ? null : total + count, 0)
}

function skewOf(task: TaskPlan, facts: ClusterFacts): Skew | null {
  const inputs = [...task.reads.map(topic => topic.name), ...task.kind === 'native' ? task.repartitionTopics.map(topic => topic.name) : []]
  const skews = inputs.flatMap(name => {
    const partitions = (facts.topics.get(name)?.partitions ?? []).map(({ partition, start, end }) => ({ partition, records: end - start }))
    const total = partitions.reduce((all, each) => all + each.records, 0)
    const [largest] = [...partitions].sort((a, b) => b.records - a.records)
    if (largest === undefined || partitions.length < 2 || total === 0) return []
    return [{ topic: name, ...largest, timesMean: largest.records / (total / partitions.length) }]
  })
  const told = skews.filter(each => each.records >= SKEW_RECORDS_MIN)
  return (told.length > 0 ? told : skews).sort((a, b) => b.timesMean - a.timesMean)[0] ?? null
}
