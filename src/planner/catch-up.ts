/**
 * How long a task takes to catch up, and why it lags: from what its processes measure of themselves, and from what Kafka says of its group.
 *
 * CU1. Rates are over the last ten seconds. *Arrival*: how far the ends of its inputs move. *Drain*: how far its positions move for each second in which it
 *      had something to do, waiting for broker and commits included; so it is known of a task that keeps up as well (`drainFrom: 'busyTime'`), and measured
 *      where the task works off a backlog (`'backlog'`). Of one that stands still it is what it did last (`'before'`).
 * CU2. A task has caught up when its slowest worker has: lag of one worker is not shared by the others. Of engines that tell no more than offsets, all counts as one.
 * CU3. All is counted in offsets: the ends of transactions are among them, on both sides.
 * CU4. A number that is not known is `null`, never 0; where arrival is as much as drain the verdict is `never`.
 */
import type { ProcessSnapshot, TaskSnapshot, TaskTimes } from '../runtime/snapshot.ts'
import { sumBy } from './sums.ts'

export type LagCauseKind =
  /** The task itself takes that long. */
  | 'slow'
  /** It waits for records that the broker has. */
  | 'broker'
  /** Its commits, or a broker that does not take its output, hold it up. */
  | 'commit' | 'output'
  /** Nobody runs it. */
  | 'stopped' | 'failed'
  | 'restoring' | 'rebalancing'
  /** Nobody of those who run it has these partitions. */
  | 'unowned'
  /** An open transaction holds the last stable offset. */
  | 'held'

export interface LagCause {
  readonly kind: LagCauseKind
  /** Of its time, 0 to 1; `null` where it is no matter of time. */
  readonly share: number | null
  /** Partitions, a transaction, how far a restore is. */
  readonly what: string | null
}

export interface CatchUp {
  readonly verdict: 'caughtUp' | 'in' | 'never' | 'unknown'
  /** With `in` until it has caught up (of one that is stopped, from its start on), with `caughtUp` 0. */
  readonly seconds: number | null
  readonly arrivalPerSecond: number | null
  readonly drainPerSecond: number | null
  readonly drainFrom: 'backlog' | 'busyTime' | 'before' | null
  readonly cause: LagCause | null
}

export interface GroupLag {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly committed: number | null
  readonly end: number
  readonly records: number
  /** Behind the last stable offset: records of open transactions. */
  readonly held: number
}

export interface WatchedTask {
  readonly task: string
  readonly group: string
  /** Where an engine or the group says what its processes do not. */
  readonly state?: string | undefined
  /** Of engines that commit no offsets. */
  readonly lagRecords?: number | null | undefined
  readonly backPressure?: number | null | undefined
}

const WINDOW_MS = 10_000
const SILENT_MS_MAX = 3_500
/** Shorter says nothing of a rate. */
const SPAN_MS_MIN = 900
/** Less time with something to do than this in a window says nothing of how fast it could go. */
const ACTIVE_MS_MIN = 20
/** Records, and seconds of arrival, that are under way in a task that keeps up: engines that commit once a second show that much. */
const UNDER_WAY_RECORDS = 20
const UNDER_WAY_SECONDS = 2
const HELD_MS = 5_000
/** From looks nearer to each other than this, a rate would jump. */
const ENDS_SPAN_MS_MIN = 4_000
/** Of its time with something to do: from here on it is working off a backlog. */
const BACKLOG_SHARE = 0.9

/** Of an open transaction. */
export interface Holder {
  readonly who: string
  /** Since it began; 0 where its coordinator does not know it. */
  readonly openMs: number
}

interface Process { readonly seen: { readonly snapshot: ProcessSnapshot, readonly receivedAt: number }[] }
interface Look { readonly at: number, readonly rows: readonly GroupLag[] }

/** What a task does on one worker, over the window. */
export interface WorkerRates {
  readonly process: string
  readonly worker: number
  readonly lag: number
  /** Offsets a second, both. */
  readonly arrival: number
  readonly drain: number | null
  /** Shares of its time, 0 to 1. */
  readonly times: Readonly<Record<'busy' | 'commit' | 'output' | 'fetch', number>>
  /** Of the task, on this worker; `busy`: the share of the worker's time that its records take. */
  readonly shards: readonly { readonly shard: string, readonly busy: number, readonly arrival: number }[]
}

export class LagWatch {
  readonly #processes = new Map<string, Process>()
  readonly #looks = new Map<string, Look[]>()
  readonly #drains = new Map<string, number>()
  #holders: ReadonlyMap<string, Holder> = new Map()

  /** `receivedAt` in milliseconds of the clock that `catchUp` is asked by. */
  takeProcess(snapshot: ProcessSnapshot, receivedAt: number): void {
    const { seen } = this.#processes.get(snapshot.process) ?? { seen: [] }
    const kept = seen.filter(each => snapshot.at - each.snapshot.at <= WINDOW_MS && each.snapshot.at < snapshot.at)
    this.#processes.set(snapshot.process, { seen: [...kept, { snapshot, receivedAt }] })
    for (const { task } of snapshot.tasks) {
      const drains = this.#workers(`${snapshot.app}.${task}`, task, receivedAt).map(worker => worker.drain)
      if (drains.length > 0 && drains.every(drain => drain !== null)) this.#drains.set(`${snapshot.app}.${task}`, sumBy(drains, drain => drain ?? 0))
    }
  }

  /** One look at the offsets of groups. */
  takeLag(at: number, rows: readonly GroupLag[]): void {
    for (const group of new Set(rows.map(row => row.group))) {
      const kept = (this.#looks.get(group) ?? []).filter((look, index, all) => look.at < at && (at - look.at <= WINDOW_MS || index === all.length - 1))
      this.#looks.set(group, [...kept, { at, rows: rows.filter(row => row.group === group) }])
      this.#measureBacklog(group)
    }
  }

  /** Whose transactions hold which partitions (`topic/partition`). One that is old enough needs no second look. */
  takeHolders(holders: ReadonlyMap<string, Holder>): void {
    this.#holders = holders
  }

  /** Partitions (`topic/partition`) whose last stable offset an open transaction has held for `HELD_MS` or more. */
  held(): Set<string> {
    return new Set([...this.#looks.keys()].flatMap(group => this.#heldOf(group)))
  }

  catchUp(watched: WatchedTask, now: number): CatchUp {
    const workers = this.#workers(watched.group, watched.task, now)
    const looks = this.#looks.get(watched.group) ?? []
    const rates = offsetRates(looks)
    const lag = workers.length > 0 ? sumBy(workers, worker => worker.lag) : watched.lagRecords ?? sumBy(looks.at(-1)?.rows ?? [], row => row.records)
    const arrival = workers.length > 0 ? sumBy(workers, worker => worker.arrival) : rates?.arrival ?? null
    const state = this.#stateOf(watched, now, rates?.moved ?? null)
    const cause = this.#cause(watched, state, lag, arrival, workers, now)
    const known = { arrivalPerSecond: arrival, ...this.#drainOf(watched.group, workers) }
    if (lag === 0 || (cause === null && isUnderWay(lag, arrival))) return { verdict: 'caughtUp', seconds: 0, ...known, cause }
    if (known.drainPerSecond === null || arrival === null) return { verdict: 'unknown', seconds: null, ...known, cause }
    const seconds = workers.length > 0 && workers.every(worker => worker.drain !== null)
      ? Math.max(...workers.map(worker => isUnderWay(worker.lag, worker.arrival) ? 0 : timeFor(worker.lag, worker.arrival, worker.drain ?? 0)))
      : timeFor(lag, arrival, known.drainPerSecond)
    return seconds === Infinity ? { verdict: 'never', seconds: null, ...known, cause } : { verdict: 'in', seconds, ...known, cause }
  }

  /** Of the task's live processes; workers that have none of its shards too. */
  workers({ group, task }: WatchedTask, now: number): WorkerRates[] {
    return this.#allWorkers(group, task, now)
  }

  /** Of all processes. */
  commitsPerSecond({ group, task }: WatchedTask, now: number): number | null {
    const rates = this.#live(group, task, now).filter(({ passedMs }) => passedMs >= SPAN_MS_MIN).map(({ first, last, passedMs }) => (last.commits - first.commits) / (passedMs / 1_000))
    return rates.length === 0 ? null : Math.max(0, sumBy(rates, rate => rate))
  }

  #drainOf(group: string, workers: readonly WorkerRates[]): Pick<CatchUp, 'drainPerSecond' | 'drainFrom'> {
    const before = this.#drains.get(group) ?? null
    if (workers.length > 0 && workers.every(worker => worker.drain !== null)) {
      return { drainPerSecond: sumBy(workers, worker => worker.drain ?? 0), drainFrom: workers.every(worker => activeShare(worker) >= BACKLOG_SHARE) ? 'backlog' : 'busyTime' }
    }
    const looks = this.#looks.get(group) ?? []
    return { drainPerSecond: before, drainFrom: before === null ? null : workers.length === 0 && isBacklog(looks) && (offsetRates(looks)?.moved ?? 0) > 0 ? 'backlog' : 'before' }
  }

  /**
   * Of engines that tell no more than offsets: where all looks found a backlog and the group moved, that is its drain. One of which nothing is known yet is
   * measured as soon as there is a backlog for some seconds: a burst is not to pass before anybody knows how long it takes.
   */
  #measureBacklog(group: string): void {
    const looks = this.#looks.get(group) ?? []
    if (this.#isOurs(group)) return
    const isWhole = isBacklog(looks)
    const measured = isWhole ? looks : this.#drains.has(group) ? [] : backlogAtEnd(looks)
    const rates = offsetRates(measured)
    const [first, last] = [measured[0], measured.at(-1)]
    if (rates === undefined || rates.moved <= 0 || first === undefined || last === undefined || (!isWhole && last.at - first.at < ENDS_SPAN_MS_MIN)) return
    this.#drains.set(group, rates.moved)
  }

  #isOurs(group: string): boolean {
    return [...this.#processes.values()].some(({ seen }) => seen.at(-1)?.snapshot.tasks.some(task => `${seen.at(-1)?.snapshot.app}.${task.task}` === group))
  }

  /** The last snapshots of processes that are there. */
  #live(group: string, task: string, now: number): { readonly process: string, readonly first: TaskSnapshot, readonly last: TaskSnapshot, readonly passedMs: number }[] {
    return [...this.#processes.values()].flatMap(({ seen }) => {
      const [newest] = seen.slice(-1)
      if (newest === undefined || now - newest.receivedAt > SILENT_MS_MAX || `${newest.snapshot.app}.${task}` !== group) return []
      const last = newest.snapshot.tasks.find(each => each.task === task)
      const oldest = seen.find(({ snapshot }) => snapshot.tasks.some(each => each.task === task)) ?? newest
      const first = oldest.snapshot.tasks.find(each => each.task === task)
      return last === undefined || first === undefined ? [] : [{ process: newest.snapshot.process, first, last, passedMs: newest.snapshot.at - oldest.snapshot.at }]
    })
  }

  #workers(group: string, task: string, now: number): WorkerRates[] {
    return this.#allWorkers(group, task, now).filter(worker => worker.shards.length > 0)
  }

  #allWorkers(group: string, task: string, now: number): WorkerRates[] {
    return this.#live(group, task, now).flatMap(({ process, first, last, passedMs }) => passedMs < SPAN_MS_MIN ? [] : (last.times ?? []).flatMap(times => workerRates(process, first, last, times, passedMs).map(rates => this.#withEnds(group, last, times.worker, rates))))
  }

  /** A worker with much to do fetches seldom, and knows old ends: Kafka knows better. */
  #withEnds(group: string, { loads = [] }: TaskSnapshot, worker: number, rates: WorkerRates): WorkerRates {
    const looks = this.#looks.get(group) ?? []
    const [first, last] = [looks[0], looks.at(-1)]
    if (first === undefined || last === undefined) return rates
    const own = loads.filter(load => load.worker === worker)
    const endsAt = (look: Look): number | undefined => {
      let total = 0
      for (const { shard, topics } of own) {
        for (const topic of topics) {
          const row = look.rows.find(each => each.topic === topic && each.partition === Number(shard.slice(shard.indexOf('_') + 1)))
          if (row === undefined) return undefined
          total += row.end
        }
      }
      return total
    }
    const [before, now] = [endsAt(first), endsAt(last)]
    if (now === undefined) return rates
    const lag = Math.max(0, now - sumBy(own, load => load.position))
    return { ...rates, lag, ...before === undefined || last.at - first.at < ENDS_SPAN_MS_MIN ? {} : { arrival: (now - before) / ((last.at - first.at) / 1_000) } }
  }

  #stateOf({ task, group, state }: WatchedTask, now: number, moved: number | null): string {
    const states = this.#live(group, task, now).map(({ last }) => last.state)
    if (states.length > 0) return ['failed', 'restoring', 'rebalancing', 'starting'].find(each => states.some(own => own === each)) ?? 'running'
    if (state !== undefined && state !== 'absent' && state !== 'external') return state
    // Nobody of ours, and the group has no member: it may still be an engine that only commits.
    if (this.#isOurs(group) || (state === 'absent' && moved === 0)) return 'stopped'
    return 'running'
  }

  #cause(watched: WatchedTask, state: string, lag: number, arrival: number | null, workers: readonly WorkerRates[], now: number): LagCause | null {
    const held = this.#heldOf(watched.group)
    if (held.length > 0 && isUnderWay(lag, arrival)) return { kind: 'held', share: null, what: held.map(at => this.#heldText(at)).join(', ') }
    if (lag === 0) return null
    if (state === 'failed' || state === 'stopped') return { kind: state, share: null, what: null }
    if (isUnderWay(lag, arrival)) return null
    if (state === 'restoring') return { kind: 'restoring', share: null, what: this.#restoreOf(watched, now) }
    if (state !== 'running') return { kind: 'rebalancing', share: null, what: null }
    const unowned = this.#unowned(watched, now)
    if (unowned.length > 0) return { kind: 'unowned', share: null, what: unowned.join(', ') }
    const worst = [...workers].sort((a, b) => b.lag - a.lag)[0]
    if (worst === undefined) return (watched.backPressure ?? 0) >= 0.5 ? { kind: 'output', share: watched.backPressure ?? null, what: null } : { kind: 'slow', share: null, what: null }
    const [kind, share] = ([['slow', worst.times.busy], ['commit', worst.times.commit], ['output', worst.times.output], ['broker', worst.times.fetch]] as const).reduce((most, each) => each[1] > most[1] ? each : most)
    return { kind, share, what: null }
  }

  #restoreOf({ task, group }: WatchedTask, now: number): string | null {
    const restores = this.#live(group, task, now).flatMap(({ last }) => last.restore ?? [])
    return restores.length === 0 ? null : `${sumBy(restores, each => each.done)} of ${sumBy(restores, each => each.total)} changes`
  }

  #unowned({ task, group }: WatchedTask, now: number): string[] {
    const live = this.#live(group, task, now)
    if (live.length === 0) return []
    const owned = new Set(live.flatMap(({ last }) => last.shards.map(shard => Number(shard.slice(shard.indexOf('/') + 1)))))
    return (this.#looks.get(group)?.at(-1)?.rows ?? []).filter(row => row.records > 0 && !owned.has(row.partition)).map(row => `${row.topic}/${row.partition}`)
  }

  #heldText(at: string): string {
    const holder = this.#holders.get(at)
    return holder === undefined ? at : `${at} by ${holder.who}${holder.openMs === 0 ? '' : `, open for ${Math.round(holder.openMs / 1_000)} s`}`
  }

  #heldOf(group: string): string[] {
    const looks = this.#looks.get(group) ?? []
    const last = looks.at(-1)
    const early = looks.findLast(look => last !== undefined && last.at - look.at >= HELD_MS)
    if (last === undefined) return []
    return last.rows.flatMap(row => {
      const isOld = row.held > 0 && (this.#holders.get(`${row.topic}/${row.partition}`)?.openMs ?? 0) >= HELD_MS
      const isHeld = isOld || (early !== undefined && row.held > 0 && looks.filter(look => look.at >= early.at).every(look => look.rows.some(other => other.topic === row.topic && other.partition === row.partition && other.end === row.end && other.held > 0)))
      return isHeld ? [`${row.topic}/${row.partition}`] : []
    })
  }
}

/** Under way in a task that keeps up. */
function isUnderWay(lag: number, arrival: number | null): boolean {
  return lag <= UNDER_WAY_RECORDS + (arrival ?? 0) * UNDER_WAY_SECONDS
}

function timeFor(lag: number, arrival: number, drain: number): number {
  return lag === 0 ? 0 : drain <= arrival ? Infinity : lag / (drain - arrival)
}

function activeShare({ times }: WorkerRates): number {
  return times.busy + times.commit + times.output + times.fetch
}

function workerRates(process: string, first: TaskSnapshot, last: TaskSnapshot, times: TaskTimes, passedMs: number): WorkerRates[] {
  const loads = (last.loads ?? []).filter(load => load.worker === times.worker)
  const before = first.times?.find(each => each.worker === times.worker)
  if (before === undefined) return []
  const spent = { busy: times.busyMs - before.busyMs, commit: times.commitMs - before.commitMs, output: times.outputMs - before.outputMs, fetch: times.fetchMs - before.fetchMs }
  const activeMs = spent.busy + spent.commit + spent.output + spent.fetch
  let [moved, arrived] = [0, 0]
  const shards: { shard: string, busy: number, arrival: number }[] = []
  for (const load of loads) {
    const known = first.loads?.find(each => each.shard === load.shard && each.worker === load.worker)
    const isWhole = known !== undefined && known.position <= load.position
    shards.push({ shard: load.shard, busy: isWhole ? Math.max(0, load.busyMs - known.busyMs) / passedMs : 0, arrival: isWhole ? Math.max(0, load.end - known.end) / (passedMs / 1_000) : 0 })
    if (!isWhole) continue
    moved += load.position - known.position
    arrived += Math.max(0, load.end - known.end)
  }
  const seconds = passedMs / 1_000
  return [{
    process, worker: times.worker, shards,
    lag: sumBy(loads, load => load.end - load.position), arrival: arrived / seconds,
    drain: activeMs < ACTIVE_MS_MIN || moved === 0 ? null : moved / Math.min(seconds, activeMs / 1_000),
    times: { busy: spent.busy / passedMs, commit: spent.commit / passedMs, output: spent.output / passedMs, fetch: spent.fetch / passedMs },
  }]
}

/** Of partitions that the first and the last look both know. */
function offsetRates(looks: readonly Look[]): { readonly arrival: number, readonly moved: number } | undefined {
  const [first, last] = [looks[0], looks.at(-1)]
  if (first === undefined || last === undefined || last.at - first.at < SPAN_MS_MIN) return undefined
  const seconds = (last.at - first.at) / 1_000
  let [arrived, moved] = [0, 0]
  for (const row of last.rows) {
    const before = first.rows.find(other => other.topic === row.topic && other.partition === row.partition)
    if (before === undefined) continue
    arrived += Math.max(0, row.end - before.end)
    moved += Math.max(0, (row.committed ?? 0) - (before.committed ?? 0))
  }
  return { arrival: arrived / seconds, moved: moved / seconds }
}

function isBacklog(looks: readonly Look[]): boolean {
  return looks.length >= 2 && backlogAtEnd(looks).length === looks.length
}

/** The last looks, as far back as each of them found a backlog. */
function backlogAtEnd(looks: readonly Look[]): readonly Look[] {
  const arrival = offsetRates(looks)?.arrival ?? 0
  return looks.slice(looks.findLastIndex(look => isUnderWay(sumBy(look.rows, row => row.records), arrival)) + 1)
}
