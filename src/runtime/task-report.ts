/** A task's snapshot from one worker, and the sum of the snapshots of all workers of a process. */
import type { ShardLoad, TaskSnapshot, TaskState } from './snapshot.ts'
import type { Seat } from './shard-seats.ts'
import type { TaskRunner } from './task-runner.ts'

export function taskReport(runner: TaskRunner): TaskSnapshot {
  const { counters, context } = runner
  const seats = [...runner.seats.values()]
  const opening = seats.filter(seat => seat.phase === 'opening')
  const restoring = opening.flatMap(seat => seat.restoring ?? [])
  const restored = seats.flatMap(seat => seat.restored ?? [])
  const { p50, p99 } = counters.commitMs()
  const lags = seats.flatMap(seat => seat.shard?.queues ?? []).map(queue => {
    const progress = runner.fetcher.progress(queue.input.topic, queue.input.partition)
    const position = queue.position
    return progress === undefined || progress.lastStableOffset < 0 || position < 0 ? 0 : Math.max(0, progress.lastStableOffset - position)
  })
  const oldest = Math.min(...seats.flatMap(seat => seat.shard?.queues ?? []).map(queue => queue.headTimestamp < 0 ? Infinity : queue.headTimestamp))
  return {
    task: context.plan.name,
    state: stateOf(runner.phase, opening.length > 0, restoring.length > 0),
    shards: seats.map(seat => `${seat.id.subTopology}/${seat.id.partition}`),
    in: counters.recordsIn + seats.reduce((sum, seat) => sum + seat.taken + (seat.shard?.recordsTaken ?? 0), 0),
    out: runner.recordsOut,
    errors: counters.errors, skipped: counters.skipped, deadLettered: counters.deadLettered,
    commits: counters.commits, commitMsP50: p50, commitMsP99: p99,
    lag: lags.reduce((sum, lag) => sum + lag, 0),
    lagSeconds: oldest === Infinity ? 0 : Math.max(0, (context.env.clock.now() - oldest) / 1_000),
    restore: restoring.length === 0 ? null : { done: restoring.reduce((sum, one) => sum + one.done, 0), total: restoring.reduce((sum, one) => sum + one.total, 0) },
    restored: restored.length === 0 ? null : { records: restored.reduce((sum, one) => sum + one.records, 0), ms: Math.round(Math.max(...restored.map(one => one.ms))) },
    lastError: counters.lastError,
    dropped: Object.fromEntries(counters.drops),
    times: [runner.times()],
    loads: seats.flatMap(seat => seat.phase === 'running' ? loadOf(runner, seat) : []),
  }
}

function loadOf(runner: TaskRunner, { key, shard, taken, busyMs }: Seat): ShardLoad[] {
  if (shard === undefined) return []
  let [position, end] = [0, 0]
  for (const queue of shard.queues) {
    const stable = runner.fetcher.progress(queue.input.topic, queue.input.partition)?.lastStableOffset ?? -1
    if (queue.position < 0) continue
    position += queue.position
    end += Math.max(queue.position, stable)
  }
  return [{ shard: key, worker: runner.context.worker, in: taken + shard.recordsTaken, busyMs: Math.round(busyMs * 10) / 10, topics: shard.queues.map(queue => queue.input.topic), position, end }]
}

function stateOf(phase: TaskRunner['phase'], opening: boolean, restoring: boolean): TaskState {
  if (phase === 'failed') return 'failed'
  if (phase === 'closed') return 'stopped'
  if (phase === 'starting') return 'starting'
  if (phase === 'recovering') return 'rebalancing'
  return restoring ? 'restoring' : opening ? 'rebalancing' : 'running'
}

const STATE_ORDER: readonly TaskState[] = ['failed', 'starting', 'restoring', 'rebalancing', 'running', 'stopped']

/** One task over several workers: counters add up, the state is the one that most needs attention. */
export function mergeReports(reports: readonly TaskSnapshot[]): TaskSnapshot[] {
  const byTask = new Map<string, TaskSnapshot>()
  for (const report of reports) {
    const before = byTask.get(report.task)
    byTask.set(report.task, before === undefined ? report : merged(before, report))
  }
  return [...byTask.values()]
}

function merged(a: TaskSnapshot, b: TaskSnapshot): TaskSnapshot {
  const dropped = { ...a.dropped }
  for (const [name, count] of Object.entries(b.dropped ?? {})) dropped[name] = (dropped[name] ?? 0) + count
  return {
    task: a.task,
    state: STATE_ORDER.find(state => state === a.state || state === b.state) ?? a.state,
    shards: [...a.shards, ...b.shards],
    in: a.in + b.in, out: a.out + b.out, errors: a.errors + b.errors, skipped: a.skipped + b.skipped, deadLettered: a.deadLettered + b.deadLettered,
    commits: a.commits + b.commits,
    commitMsP50: Math.max(a.commitMsP50, b.commitMsP50), commitMsP99: Math.max(a.commitMsP99, b.commitMsP99),
    lag: a.lag + b.lag, lagSeconds: Math.max(a.lagSeconds ?? 0, b.lagSeconds ?? 0),
    restore: a.restore === null ? b.restore : b.restore === null ? a.restore : { done: a.restore.done + b.restore.done, total: a.restore.total + b.restore.total },
    restored: a.restored === null ? b.restored : b.restored === null ? a.restored : { records: a.restored.records + b.restored.records, ms: Math.max(a.restored.ms, b.restored.ms) },
    lastError: a.lastError ?? b.lastError,
    dropped,
    loads: [...a.loads ?? [], ...b.loads ?? []],
    times: [...a.times ?? [], ...b.times ?? []],
  }
}
