/**
 * Follows one record through the tasks of a graph, whichever engines run them: reads what each task wrote since, and tells what came of it.
 *
 * Reads committed records from the record's time on, at most `RECORDS_MAX` of a topic; changes nothing, and joins no group.
 */
import { MillraceError } from '../base/errors.ts'
import { parseJson } from '../base/json-parse.ts'
import type { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import { type FollowedRecord, type Kinship, kinshipWith } from '../planner/kinship.ts'
import type { Plan, TaskPlan } from '../topology/plan.ts'

export interface Step {
  readonly task: string
  readonly engine: string
  /** Whether the engine hands on a record's headers. */
  readonly keepsHeaders: boolean
  readonly topic: string
  readonly record: FollowedRecord | null
  readonly kinship: Kinship | null
  /** Where nothing was found: what the task's committed offset says of it. */
  readonly why: 'passed' | 'waiting' | 'unknown' | null
  /** Committed offset of the task where the record stands; `null`: not known. */
  readonly committed: number | null
  readonly next: readonly Step[]
}

const RECORDS_MAX = 200_000
const POLL_MS = 250

export class Follower {
  readonly #cluster: Cluster
  readonly #admin: Admin
  readonly #plan: Plan
  readonly #signal: AbortSignal

  constructor(cluster: Cluster, admin: Admin, plan: Plan, signal: AbortSignal) {
    this.#cluster = cluster
    this.#admin = admin
    this.#plan = plan
    this.#signal = signal
  }

  /** The record at `partition@offset`. Rejects with `USAGE` where there is none that is committed. */
  async recordAt(topic: string, partition: number, offset: number): Promise<FollowedRecord> {
    let found: FollowedRecord | undefined
    await this.#read(topic, new Map([[partition, offset]]), record => {
      found = record
      return true
    })
    if (found?.offset !== offset) throw new MillraceError('USAGE', `${topic} has no committed record at ${partition}@${offset}. 'millrace topic tail ${topic} -o -10' shows the last ones with their places.`)
    return found
  }

  /** What came of the last record of `trail`, task by task. */
  async after(trail: readonly FollowedRecord[]): Promise<Step[]> {
    const parent = trail.at(-1)
    if (parent === undefined) return []
    const steps: Step[] = []
    for (const task of this.#plan.tasks.filter(({ reads }) => reads.some(({ name }) => name === parent.topic))) {
      for (const { name: topic } of task.writes) {
        // A cycle in the graph is followed once around.
        if (trail.some(record => record.topic === topic)) continue
        steps.push(await this.#step(trail, parent, task, topic))
      }
    }
    return steps
  }

  async #step(trail: readonly FollowedRecord[], parent: FollowedRecord, task: TaskPlan, topic: string): Promise<Step> {
    const found = await this.#child(trail, topic)
    const committed = found === undefined ? await this.#committed(task, parent) : null
    return {
      task: task.name, engine: task.kind === 'native' ? 'millrace' : task.on.engine, keepsHeaders: task.kind === 'foreign' && task.link.keepsHeaders, topic,
      record: found?.record ?? null, kinship: found?.kinship ?? null,
      why: found !== undefined ? null : committed === null ? 'unknown' : committed > parent.offset ? 'passed' : 'waiting', committed,
      next: found === undefined ? [] : await this.after([...trail, found.record]),
    }
  }

  /** The first record of `topic` that certainly came of the trail, else the first that likely did. */
  async #child(trail: readonly FollowedRecord[], topic: string): Promise<{ readonly record: FollowedRecord, readonly kinship: Kinship } | undefined> {
    const since = trail.at(-1)?.timestamp ?? 0
    const kin = kinshipWith(trail)
    const partitions = (await this.#cluster.partitions(topic)).map(({ partition }) => ({ topic, partition }))
    const starts = (await this.#admin.listOffsets(partitions, { timestamp: since })).filter(({ offset }) => offset >= 0)
    let likely: { readonly record: FollowedRecord, readonly kinship: Kinship } | undefined
    let certain: typeof likely
    await this.#read(topic, new Map(starts.map(({ partition, offset }) => [partition, offset])), record => {
      const kinship = kin(record)
      if (kinship === undefined) return false
      if (kinship.isCertain) certain = { record, kinship }
      else if (likely === undefined || record.timestamp < likely.record.timestamp) likely = { record, kinship }
      return certain !== undefined
    })
    return certain ?? likely
  }

  async #committed(task: TaskPlan, { topic, partition }: FollowedRecord): Promise<number | null> {
    if (task.kind === 'foreign' && !task.link.commitsOffsets) return null
    const [entry] = await this.#admin.groupOffsets(task.group, [{ topic, partition }])
    return entry === undefined || entry.offset < 0 ? 0 : entry.offset
  }

  /** Calls `each` for the records from `starts` on to the present ends, until it returns true. */
  async #read(topic: string, starts: ReadonlyMap<number, number>, each: (record: FollowedRecord) => boolean): Promise<void> {
    const listed = await this.#admin.listOffsets([...starts.keys()].map(partition => ({ topic, partition })), 'latest', { isolation: 'read_committed' })
    const ends = new Map(listed.filter(({ partition, offset }) => offset > (starts.get(partition) ?? 0)).map(({ partition, offset }) => [partition, offset]))
    let failure: Error | undefined
    let wake = (): void => {}
    const fetcher = new Fetcher(this.#cluster, { isolation: 'read_committed', waitMsMax: POLL_MS, onData: () => wake(), onError: (_topic, _partition, error) => { failure = error; wake() } })
    const cursor = new FetchedCursor()
    try {
      for (const partition of ends.keys()) fetcher.assign(topic, partition, starts.get(partition) ?? 0)
      for (let read = 0; ends.size > 0 && read < RECORDS_MAX && !this.#signal.aborted;) {
        if (failure !== undefined) throw failure
        const woken = new Promise<void>(resolve => { wake = resolve })
        const batches = fetcher.poll()
        if (batches === undefined) {
          await Promise.race([woken, this.#cluster.env.clock.sleep(POLL_MS)])
          continue
        }
        cursor.open(batches)
        while (cursor.next()) {
          read++
          if (each(recordOf(topic, batches.partition, cursor))) return
        }
        if (cursor.offsetNext >= (ends.get(batches.partition) ?? Infinity)) ends.delete(batches.partition)
        batches.release()
      }
    } finally {
      await fetcher.close()
    }
  }
}

function recordOf(topic: string, partition: number, cursor: FetchedCursor): FollowedRecord {
  const text = (start: number, end: number): string | null => start < 0 ? null : cursor.buffer.toString('utf8', start, end)
  return {
    topic, partition, offset: cursor.offset, timestamp: cursor.timestamp, key: text(cursor.keyStart, cursor.keyEnd), value: parsed(text(cursor.valueStart, cursor.valueEnd)),
    headers: cursor.headerCount === 0 ? [] : cursor.readHeaders().map(({ key, value }) => ({ key, value: value?.toString() ?? '' })),
  }
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? undefined : parseJson(text)
  } catch {
    return undefined
  }
}
