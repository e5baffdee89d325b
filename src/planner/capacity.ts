/**
 * How many partitions and workers a stated load needs, with the arithmetic as text.
 *
 * L1. The stated rate is that of each topic from outside; each stage (sub-topology) of each task is taken to see all of it. An upper bound: a filter lowers it.
 * L2. What is assumed (`ASSUMED`) is said in the result, and each assumption can be replaced by a measured figure.
 * L3. A worker busy for the share u of its time answers 1 / (1 − u) times as slowly as an idle one; u is what the latency leaves, at most 0.7, so that
 *     a backlog is worked off at 1 / 0.7 of the rate at least.
 */
import type { Broken } from '../topology/contracts/broken.ts'
import { linksOf, nodesOf } from '../topology/contracts/links.ts'
import { topicsFromOutside } from '../topology/contracts/writers.ts'
import type { Plan, TaskPlan } from '../topology/plan.ts'
import type { ClusterFacts } from './facts.ts'
import { partitionsKnown, type TopicRow } from './topics.ts'

export interface Load {
  /** Records a second. */
  readonly rate: number
  readonly recordBytes: number
  /** From the record's arrival to its last result, at the 99th percentile; `undefined`: not asked for. */
  readonly latencyMs: number | undefined
  /** Records a second that one worker gets through one stage. */
  readonly workerRate: number
  /** One transactional hop of an idle worker, at the 99th percentile. */
  readonly hopMs: number
}

export const ASSUMED = { workerRate: 20_000, hopMs: 25 } as const

export interface Capacity {
  readonly load: Load
  /** Stages of all tasks, and the longest chain of them from an input to a last output. */
  readonly stages: number
  readonly hops: number
  /** Share of a worker's time that is planned for. */
  readonly utilization: number
  /** The fewest that carry the load, and twice that: more partitions later would move keys. */
  readonly partitionsMin: number
  readonly partitions: number
  readonly workers: number
  readonly arithmetic: readonly string[]
}

const UTILIZATION_MAX = 0.7
/** What one partition takes without care: one log, one leader, one reader. */
const PARTITION_BYTES_PER_SECOND = 10_000_000
const GROWTH = 2
/** So many times what is needed is too many, where the commit markers of so many partitions are a tenth of the records or more. */
const TOO_MANY_TIMES = 8
const COMMITS_PER_SECOND = 10
/** What a broker is commonly given. */
const BROKER_PARTITIONS_MAX = 4000

export function capacityOf(plan: Plan, load: Load): Capacity {
  const stages = plan.tasks.reduce((sum, task) => sum + stagesOf(task), 0)
  const hops = longestChain(plan)
  const utilization = utilizationOf(load, hops)
  const perWorker = load.workerRate * utilization
  const atWork = Math.ceil(load.rate / perWorker)
  const bytesPerSecond = load.rate * load.recordBytes
  const byBytes = Math.ceil(bytesPerSecond / PARTITION_BYTES_PER_SECOND)
  const partitionsMin = Math.max(1, atWork, byBytes)
  const workers = Math.max(1, Math.ceil(load.rate * stages / perWorker))
  return {
    load, stages, hops, utilization, partitionsMin, partitions: partitionsMin * GROWTH, workers,
    arithmetic: [
      `input       ${number(load.rate)} records/s × ${number(load.recordBytes)} B = ${number(bytesPerSecond / 1e6)} MB/s into each topic from outside, times its replicas on the brokers`,
      load.latencyMs === undefined
        ? `headroom    workers busy ${number(utilization * 100)} % of the time: a backlog is worked off at ${number(1 / utilization)} times the rate`
        : `latency     ${number(load.latencyMs)} ms over ${hops} hops = ${number(load.latencyMs / hops)} ms each; an idle hop takes ${load.hopMs} ms, a busy one ${load.hopMs} / (1 − u) ms, so u = min(${UTILIZATION_MAX}, 1 − ${load.hopMs} × ${hops} / ${number(load.latencyMs)}) = ${number(utilization)}`,
      `per stage   ${number(load.rate)} / (${number(load.workerRate)} records/s × ${number(utilization)}) = ${number(load.rate / perWorker)} → ${atWork} shard${atWork === 1 ? '' : 's'} at work at once`,
      `bytes       ${number(bytesPerSecond / 1e6)} MB/s / ${PARTITION_BYTES_PER_SECOND / 1e6} MB/s a partition = ${number(bytesPerSecond / PARTITION_BYTES_PER_SECOND)} → ${byBytes} partition${byBytes === 1 ? '' : 's'}`,
      `partitions  max(${atWork}, ${byBytes}, 1) = ${partitionsMin}; × ${GROWTH} to grow without moving keys = ${partitionsMin * GROWTH}`,
      `workers     ${number(load.rate)} × ${stages} stages / (${number(load.workerRate)} × ${number(utilization)}) = ${number(load.rate * stages / perWorker)} → ${workers}`,
    ],
  }
}

export function capacityRules(plan: Plan, capacity: Capacity, facts: ClusterFacts | undefined): Broken[] {
  const { load, hops, partitionsMin, partitions } = capacity
  const links = linksOf(plan)
  const known = partitionsKnown(plan, facts)
  const floorMs = load.hopMs * hops
  const late: Broken[] = load.latencyMs === undefined || load.latencyMs > floorMs ? [] : [{
    rule: 'latency', severity: 'warning', ends: plan.tasks.map(task => task.name),
    message: `${load.latencyMs} ms are asked for, and a record passes ${hops} transactional hops of ${load.hopMs} ms: ${floorMs} ms with idle workers. Put tasks of the chain together (a hop within a task is free without keyBy), use guarantee: 'atLeastOnce' where duplicates do no harm, or allow more than ${floorMs} ms. The arithmetic goes on without the latency.`,
  }]
  return [...late, ...topicsFromOutside(plan, links).flatMap((name): Broken[] => {
    const count = known.get(name)
    const readers = links.readers(name).map(task => task.name)
    if (count === undefined) return []
    if (count < partitionsMin) {
      return [{
        rule: 'too-few-partitions', severity: 'warning', ends: [name, ...readers],
        message: `${name} has ${count} partition${count === 1 ? '' : 's'}, and ${number(load.rate)} records/s need ${partitionsMin}: no more than ${count} worker${count === 1 ? '' : 's'} can read it at a time. Make it with ${partitions} before it holds records; later, more partitions move keys away from their state.`,
      }]
    }
    if (count <= partitions * TOO_MANY_TIMES || count * COMMITS_PER_SECOND * 10 < load.rate) return []
    return [{
      rule: 'too-many-partitions', severity: 'warning', ends: [name, ...readers],
      message: `${name} has ${count} partitions, and ${number(load.rate)} records/s need ${partitionsMin}: a commit ends with a marker in each partition written, up to ${count * COMMITS_PER_SECOND} markers/s beside ${number(load.rate)} records/s, batches hold ${number(load.rate / count / COMMITS_PER_SECOND)} records, and each shard costs a store and a fetch position. ${partitions} would do.`,
    }]
  })]
}

/** `too-many-partitions` of the whole cluster, whatever the load. */
export function brokerLoadRule(rows: readonly TopicRow[], facts: ClusterFacts): Broken[] {
  const copies = rows.reduce((sum, row) => sum + (row.partitions ?? 1) * (row.replicas ?? 1), 0)
  const perBroker = copies / Math.max(1, facts.brokers.length)
  if (perBroker <= BROKER_PARTITIONS_MAX) return []
  return [{
    rule: 'too-many-partitions', severity: 'warning', ends: rows.map(row => row.name).slice(0, 5),
    message: `The app's ${rows.length} topics have ${copies} copies of partitions, ${Math.round(perBroker)} on each of ${facts.brokers.length} brokers; ${BROKER_PARTITIONS_MAX} are commonly taken for a broker's limit: elections and restarts take long beyond it. Lower the counts, or add brokers.`,
  }]
}

function utilizationOf(load: Load, hops: number): number {
  if (load.latencyMs === undefined || load.latencyMs <= load.hopMs * hops) return UTILIZATION_MAX
  return Math.min(UTILIZATION_MAX, 1 - load.hopMs * hops / load.latencyMs)
}

function stagesOf(task: TaskPlan): number {
  return task.kind === 'native' ? task.subTopologies.length : 1
}

/** Stages on the longest way of a record; a table or global table that is looked up is not on it, and a cycle is gone through once. */
function longestChain(plan: Plan): number {
  const links = linksOf(plan)
  const depth = (task: TaskPlan, entered: ReadonlySet<TaskPlan>): number => {
    if (entered.has(task)) return 0
    const within = new Set([...entered, task])
    const readers = task.writes.flatMap(topic => links.readers(topic.name).filter(reader => streams(reader, topic.name)))
    return chainWithin(task) + Math.max(0, ...[...new Set(readers)].map(reader => depth(reader, within)))
  }
  return Math.max(1, ...plan.tasks.map(task => depth(task, new Set())))
}

function streams(task: TaskPlan, topic: string): boolean {
  return task.kind === 'foreign' || nodesOf(task).some(node => node.kind === 'source' && node.topic.name === topic)
}

/** Sub-topologies one behind the other, over repartition topics. */
function chainWithin(task: TaskPlan): number {
  if (task.kind === 'foreign') return 1
  const depth = (index: number, entered: ReadonlySet<number>): number => {
    if (entered.has(index)) return 0
    const next = task.repartitionTopics.filter(topic => topic.writtenBy === index).map(topic => topic.readBy)
    return 1 + Math.max(0, ...next.map(each => depth(each, new Set([...entered, index]))))
  }
  return Math.max(1, ...task.subTopologies.map(sub => depth(sub.index, new Set())))
}

/** Places behind the point where they matter. */
function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0 })
}
