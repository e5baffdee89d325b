/**
 * Contracts held against what is really on the topics: the sampled records.
 *
 * Q1. A record that a task has read already (its group has committed beyond it) says nothing against that task.
 * Q2. The first record that does not fit is shown by its coordinates, `topic/partition@offset`.
 */
import { messageOf } from '../base/errors.ts'
import { coordinatesOf } from '../runtime/source.ts'
import type { Serde } from '../serde/serde.ts'
import type { TimeExtractor, TopicSpec } from '../topology/node.ts'
import { type Broken, quoted } from '../topology/contracts/broken.ts'
import { meetingsOf } from '../topology/contracts/keys.ts'
import { type Links, nodesOf } from '../topology/contracts/links.ts'
import type { NativeTaskPlan, Plan, TaskPlan } from '../topology/plan.ts'
import { partitionOf } from '../wire/partitioner.ts'
import type { ClusterFacts, SampledRecord } from './facts.ts'
import { declaredSettings } from './topics.ts'

/** Distinct keys that must all lie where murmur2 puts them before it is believed: by chance they would in one of 2⁴ cases at most. */
const KEYS_MIN = 4

export function sampleRules(plan: Plan, facts: ClusterFacts, links: Links): Broken[] {
  return [...schemaRule(plan, facts, links), ...seenPartitionersRule(plan, facts), ...oldTimestampsRule(plan, facts, links)]
}

/** `schemas`: records that the declared serdes of key and value do not take. */
function schemaRule(plan: Plan, facts: ClusterFacts, links: Links): Broken[] {
  return plan.topics.flatMap((topic): Broken[] => {
    const records = facts.samples.filter(each => each.topic === topic.name)
    const readers = links.readers(topic.name)
    const failing = readers.flatMap(reader => {
      const failed = records.filter(record => isAhead(reader, record, facts)).flatMap(record => {
        const problem = problemOf(reader, topic, record)
        return problem === undefined ? [] : [{ record, problem }]
      })
      return failed[0] === undefined ? [] : [{ reader, count: failed.length, ...failed[0] }]
    })
    const [first] = failing
    if (first === undefined) return []
    const stops = failing.filter(({ reader }) => reader.kind === 'foreign' || reader.onError.kind === 'fail').map(({ reader }) => reader.name)
    const writers = links.writers(topic.name).map(task => task.name)
    return [{
      rule: 'schemas', severity: stops.length > 0 ? 'broken' : 'warning', ends: [...writers, topic.name, ...failing.map(({ reader }) => reader.name)],
      message: `${first.count} of the last ${records.length} records of ${topic.name}, written by ${writers.length === 0 ? 'somebody outside the app' : quoted(writers)}, do not fit its declaration, first ${coordinatesOf(first.record)}: ${first.problem}. ${stops.length > 0 ? `${quoted(stops)} would stop there` : `${quoted(failing.map(({ reader }) => reader.name))} skips them, by its error policy`}. See it with: millrace topic tail ${topic.name} -p ${first.record.partition} -o ${first.record.offset} -n 1. Correct the writer or the declaration (optional(…) for what may be missing).`,
    }]
  })
}

/** As the runtime reads for that task: its narrowed fields, nulls where it takes them, and then the event time. */
function problemOf(reader: TaskPlan, topic: TopicSpec, record: SampledRecord): string | undefined {
  if (reader.kind === 'foreign') return decode('key', topic.key, record.key, true).problem ?? decode('value', topic.value, record.value, true).problem
  for (const node of [...nodesOf(reader), ...reader.globalTables]) {
    if ((node.kind !== 'source' && node.kind !== 'table' && node.kind !== 'globalTable') || node.topic.name !== topic.name) continue
    const tombstones = node.kind !== 'source'
    const key = decode('key', node.key, record.key, tombstones)
    const { problem, value } = decode('value', node.value, record.value, tombstones)
    const found = key.problem ?? problem ?? (node.kind === 'globalTable' || value === undefined ? undefined : timeProblem(node.time, value, record))
    if (found !== undefined) return found
  }
  return undefined
}

function decode(what: string, serde: Serde<unknown>, bytes: Buffer | null, isNullTaken: boolean): { readonly problem?: string; readonly value?: unknown } {
  if (bytes === null) return isNullTaken || serde.optional ? {} : { problem: `${what}: null, where ${serde.kind} is declared` }
  try {
    return { value: serde.deserialize(bytes, 0, bytes.length) }
  } catch (error) {
    return { problem: `${what}: ${messageOf(error)}` }
  }
}

function timeProblem(extract: TimeExtractor | undefined, value: unknown, record: SampledRecord): string | undefined {
  if (extract === undefined) return undefined
  try {
    const time = extract(value, record.timestamp)
    return Number.isSafeInteger(time) ? undefined : `time: ${String(time)} is not whole milliseconds since 1970`
  } catch (error) {
    return `time: ${messageOf(error)}`
  }
}

/** Whether the task has yet to read the record (Q1); a global table reads everything at each start. */
function isAhead(reader: TaskPlan, record: SampledRecord, facts: ClusterFacts): boolean {
  if (reader.kind === 'native' ? reader.globalTables.some(node => node.topic.name === record.topic) : !reader.link.commitsOffsets) return true
  const committed = facts.groups.get(reader.group)?.committed.find(each => each.topic === record.topic && each.partition === record.partition)
  return committed === undefined || record.offset >= committed.offset
}

/** `partitioners`, as seen: where keys lie in topics that meet by key. */
function seenPartitionersRule(plan: Plan, facts: ClusterFacts): Broken[] {
  return meetingsOf(plan).flatMap(({ task, group }): Broken[] => {
    const sides = group.topics.map(topic => sideOf(task, topic, facts))
    const odd = sides.find(side => side.strange !== undefined)
    const even = sides.find(side => side.isMurmur2)
    if (odd?.strange === undefined || even === undefined) return []
    const { record, expected } = odd.strange
    return [{
      rule: 'partitioners', severity: 'broken', ends: [odd.topic, even.topic, task.name],
      message: `'${task.name}' joins ${even.topic} with ${odd.topic} by key in ${quoted(group.because)}, and whoever writes ${odd.topic} does not partition as Java does: ${coordinatesOf(record)} has the key ${JSON.stringify(record.key?.toString() ?? '')}, which murmur2 puts into partition ${expected}, as ${even.topic} has it. Most keys would never meet. Set the writer's partitioner (librdkafka: partitioner=murmur2_random) and write the topic anew, or put keyBy(…) before the join on that side.`,
    }]
  })
}

interface Side {
  readonly topic: string
  readonly isMurmur2: boolean
  readonly strange: { readonly record: SampledRecord; readonly expected: number } | undefined
}

function sideOf(task: NativeTaskPlan, topic: string, facts: ClusterFacts): Side {
  if (task.repartitionTopics.some(each => each.name === topic)) return { topic, isMurmur2: true, strange: undefined }
  const count = facts.topics.get(topic)?.partitions.length ?? 1
  const keyed = count < 2 ? [] : facts.samples.filter(record => record.topic === topic && record.key !== null)
  const placed = keyed.map(record => ({ record, expected: partitionOf(record.key ?? Buffer.alloc(0), count) }))
  const strange = placed.find(({ record, expected }) => record.partition !== expected)
  const keys = new Set(keyed.map(record => record.key?.toString('latin1')))
  return { topic, strange, isMurmur2: strange === undefined && keys.size >= KEYS_MIN }
}

/** `old-timestamps`: a task passes event times on into a topic that deletes by time, and they are older than it keeps. */
function oldTimestampsRule(plan: Plan, facts: ClusterFacts, links: Links): Broken[] {
  return plan.tasks.flatMap(task => {
    if (task.kind === 'foreign' && task.link.timestamps === 'written') return []
    const newest = newestAhead(plan, links, task, facts, new Set())
    if (newest === undefined) return []
    return task.writes.flatMap((topic): Broken[] => {
      const { retentionMs = -1, cleanup = 'delete', isAppendTime } = declaredSettings(plan, facts, topic.name)
      const ageMs = facts.at - newest.time
      if (retentionMs < 0 || isAppendTime || !cleanup.includes('delete') || ageMs <= retentionMs) return []
      return [{
        rule: 'old-timestamps', severity: 'broken', ends: [newest.topic, task.name, topic.name],
        message: `'${task.name}' writes to ${topic.name} with the event times of ${newest.topic}, the newest of which (${new Date(newest.time).toISOString()}) is ${days(ageMs)} old, and ${topic.name} deletes what is older than ${days(retentionMs)}: its records would be gone within minutes. Declare it with retention: 'forever' or longer, or set message.timestamp.type=LogAppendTime.`,
      }]
    })
  })
}

/** The newest event time that the task has yet to read: of a sampled input, else of what its writers have yet to read. */
function newestAhead(plan: Plan, links: Links, task: TaskPlan, facts: ClusterFacts, seen: Set<TaskPlan>): { readonly topic: string; readonly time: number } | undefined {
  if (seen.has(task)) return undefined
  seen.add(task)
  // Tables are looked up: a row's time is not passed on.
  const streams = task.kind === 'foreign' ? task.reads : task.reads.filter(topic => nodesOf(task).some(node => node.kind === 'source' && node.topic.name === topic.name))
  const found = streams.flatMap(topic => {
    const times = facts.samples.filter(record => record.topic === topic.name && isAhead(task, record, facts)).flatMap(record => timeOf(topic, record))
    if (times.length > 0) return [{ topic: topic.name, time: Math.max(...times) }]
    return links.writers(topic.name).flatMap(writer => writer.kind === 'foreign' && writer.link.timestamps === 'written' ? [] : newestAhead(plan, links, writer, facts, seen) ?? [])
  })
  return found.sort((a, b) => b.time - a.time)[0]
}

function timeOf(topic: TopicSpec, record: SampledRecord): number[] {
  if (topic.time === undefined) return [record.timestamp]
  if (record.value === null) return []
  try {
    const time = topic.time(topic.value.deserialize(record.value, 0, record.value.length), record.timestamp)
    return Number.isSafeInteger(time) && time >= 0 ? [time] : []
  } catch {
    // One that does not decode is `schemas`' to report.
    return []
  }
}

function days(ms: number): string {
  return ms >= 172_800_000 ? `${Math.round(ms / 86_400_000)} days` : ms >= 7_200_000 ? `${Math.round(ms / 3_600_000)} hours` : `${Math.round(ms / 1000)} s`
}
