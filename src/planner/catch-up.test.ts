import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProcessSnapshot, TaskSnapshot, TaskState } from '../runtime/snapshot.ts'
import { type GroupLag, LagWatch } from './catch-up.ts'
import { catchUpText, causeText } from './catch-up-text.ts'

const GROUP = 'shop.count'
const WATCHED = { task: 'count', group: GROUP }

interface Told { readonly state?: TaskState, readonly position: number, readonly end: number, readonly times: readonly [busy: number, commit: number, output: number, fetch: number], readonly shards?: readonly string[], readonly process?: string }

function snapshot(at: number, { state = 'running', position, end, times: [busyMs, commitMs, outputMs, fetchMs], shards = ['0/0'], process = 'shop/a/1' }: Told): ProcessSnapshot {
  const task: TaskSnapshot = {
    task: 'count', state, shards, in: position, out: 0, errors: 0, skipped: 0, deadLettered: 0, commits: 0, commitMsP50: 0, commitMsP99: 0, lag: end - position,
    restore: state === 'restoring' ? { done: 4, total: 10 } : null, restored: null, lastError: null,
    loads: [{ shard: '0_0', worker: 0, topics: ['t'], in: position, busyMs, position, end }], times: [{ worker: 0, busyMs, commitMs, outputMs, fetchMs, idleMs: 0 }],
  }
  return { at, app: 'shop', process, pid: 1, slot: 0, started: 0, guarantee: 'exactlyOnce', tasks: [task] }
}

/** Ten seconds of it, a snapshot a second. */
function watched(perSecond: (second: number) => Told, rows: (second: number) => GroupLag[] = () => []): LagWatch {
  const watch = new LagWatch()
  for (let second = 0; second <= 10; second++) {
    watch.takeLag(second * 1000, rows(second))
    watch.takeProcess(snapshot(second * 1000, perSecond(second)), second * 1000)
  }
  return watch
}

const row = (committed: number, end: number, more: Partial<GroupLag> = {}): GroupLag => ({ group: GROUP, topic: 't', partition: 0, committed, end, records: end - committed, held: 0, ...more })

test('a backlog is worked off at the measured rate', () => {
  const { verdict, seconds, arrivalPerSecond, drainPerSecond, drainFrom, cause } = watched(second => ({ position: second * 500, end: 10_000 + second * 100, times: [second * 1000, 0, 0, 0] })).catchUp(WATCHED, 10_000)
  assert.deepEqual({ verdict, arrivalPerSecond, drainPerSecond, drainFrom, cause }, { verdict: 'in', arrivalPerSecond: 100, drainPerSecond: 500, drainFrom: 'backlog', cause: { kind: 'slow', share: 1, what: null } })
  assert.equal(seconds, (11_000 - 5_000) / 400)
})

test('of a task that keeps up the drain follows from the time in which it had something to do', () => {
  const { verdict, drainPerSecond, drainFrom, cause } = watched(second => ({ position: second * 100, end: second * 100, times: [second * 250, 0, 0, 0] })).catchUp(WATCHED, 10_000)
  assert.deepEqual({ verdict, drainPerSecond, drainFrom, cause }, { verdict: 'caughtUp', drainPerSecond: 400, drainFrom: 'busyTime', cause: null })
})

test('never, where as much arrives as drains', () => {
  const found = watched(second => ({ position: second * 500, end: 1000 + second * 600, times: [second * 1000, 0, 0, 0] })).catchUp(WATCHED, 10_000)
  assert.deepEqual([found.verdict, found.seconds, catchUpText(found)], ['never', null, 'never at this rate'])
})

test('the cause is what takes most of its time', () => {
  for (const [kind, times] of [['slow', [800, 100, 50, 50]], ['commit', [100, 800, 50, 50]], ['output', [100, 50, 800, 50]], ['broker', [100, 50, 50, 800]]] as const) {
    const { cause } = watched(second => ({ position: second * 10, end: 5000 + second * 20, times: [times[0] * second, times[1] * second, times[2] * second, times[3] * second] })).catchUp(WATCHED, 10_000)
    assert.equal(cause?.kind, kind)
    assert.equal(cause?.share, 0.8)
  }
})

test('the slowest worker is the last: a worker that has caught up does not help it', () => {
  const watch = new LagWatch()
  for (let second = 0; second <= 10; second++) {
    watch.takeProcess(snapshot(second * 1000, { position: second * 100, end: 2000 + second * 50, times: [second * 1000, 0, 0, 0], process: 'shop/a/1' }), second * 1000)
    watch.takeProcess(snapshot(second * 1000, { position: second * 50, end: second * 50, times: [second * 100, 0, 0, 0], process: 'shop/b/2' }), second * 1000)
  }
  const { seconds, drainPerSecond } = watch.catchUp(WATCHED, 10_000)
  assert.equal(drainPerSecond, 600)
  assert.equal(seconds, (2500 - 1000) / 50, 'by its own rate, not by that of both')
})

test('one that is gone is stopped, and is predicted by what it did last', () => {
  const watch = watched(second => ({ position: second * 100, end: second * 100, times: [second * 500, 0, 0, 0] }))
  for (let second = 11; second <= 70; second++) watch.takeLag(second * 1000, [row(1000, second * 100)])
  const found = watch.catchUp(WATCHED, 70_000)
  assert.deepEqual([found.verdict, found.seconds, found.drainFrom, found.cause?.kind], ['in', 6000 / 100, 'before', 'stopped'])
  assert.equal(catchUpText(found), '≈ 60 s once it runs')
})

test('restoring, changing hands, without an owner, held by a transaction', () => {
  const times = [0, 0, 0, 0] as const
  assert.deepEqual(watched(() => ({ state: 'restoring', position: 0, end: 5000, times })).catchUp(WATCHED, 10_000).cause, { kind: 'restoring', share: null, what: '4 of 10 changes' })
  assert.equal(watched(() => ({ state: 'rebalancing', position: 0, end: 5000, times })).catchUp(WATCHED, 10_000).cause?.kind, 'rebalancing')
  const unowned = watched(() => ({ position: 100, end: 5000, times }), () => [row(100, 5000), row(0, 70, { partition: 3 })])
  assert.deepEqual(unowned.catchUp(WATCHED, 10_000).cause, { kind: 'unowned', share: null, what: 't/3' })
  const held = watched(() => ({ position: 100, end: 100, times }), second => [row(100, 100, { held: (second + 1) * 10 })])
  held.takeHolders(new Map([['t/0', { who: 'other.task', openMs: 42_000 }]]))
  assert.deepEqual([...held.held()], ['t/0'])
  const once = new LagWatch()
  once.takeLag(0, [row(100, 100, { held: 10 })])
  assert.equal(once.catchUp(WATCHED, 0).cause, null, 'one look does not know how long')
  once.takeHolders(new Map([['t/0', { who: 'other.task', openMs: 42_000 }]]))
  assert.equal(once.catchUp(WATCHED, 0).cause?.kind, 'held', 'unless its coordinator says so')
  assert.equal(causeText(held.catchUp(WATCHED, 10_000).cause), 'an open transaction holds the last stable offset: t/0 by other.task, open for 42 s')
})

test('of an engine that tells offsets alone, the backlog it works off gives its drain; what is not known is null', () => {
  const engine = { task: 'trend', group: 'shop.trend', state: 'running' }
  const watch = new LagWatch()
  watch.takeLag(0, [{ ...row(0, 4000), group: 'shop.trend' }])
  assert.deepEqual(watch.catchUp(engine, 0), { verdict: 'unknown', seconds: null, arrivalPerSecond: null, drainPerSecond: null, drainFrom: null, cause: { kind: 'slow', share: null, what: null } })
  for (let second = 1; second <= 8; second++) watch.takeLag(second * 1000, [{ ...row(second * 200, 4000 + second * 100), group: 'shop.trend' }])
  const found = watch.catchUp(engine, 8_000)
  assert.deepEqual([found.verdict, found.seconds, found.drainFrom], ['in', 3200 / 100, 'backlog'])
  assert.equal(watch.catchUp({ ...engine, backPressure: 0.7 }, 8_000).cause?.kind, 'output')
  assert.equal(watch.catchUp({ ...engine, state: 'stopped' }, 8_000).cause?.kind, 'stopped')
})

test('of an engine that kept up until a burst came, the drain is known some seconds into its backlog, and is never there as long as more arrives', () => {
  const engine = { task: 'trend', group: 'shop.trend', state: 'running' }
  const watch = new LagWatch()
  // It keeps up until second 10; from then on 500 a second come, and it takes 100.
  for (let second = 0; second <= 10; second++) watch.takeLag(second * 1000, [{ ...row(second * 20, second * 20), group: 'shop.trend' }])
  const burst = (second: number): void => watch.takeLag(second * 1000, [{ ...row(200 + (second - 10) * 100, 200 + (second - 10) * 500), group: 'shop.trend' }])
  for (let second = 11; second <= 14; second++) burst(second)
  assert.equal(watch.catchUp(engine, 14_000).verdict, 'unknown')
  for (let second = 15; second <= 18; second++) burst(second)
  const early = watch.catchUp(engine, 18_000)
  assert.deepEqual([early.verdict, early.drainPerSecond, early.cause?.kind], ['never', 100, 'slow'])
  for (let second = 19; second <= 24; second++) burst(second)
  assert.deepEqual([watch.catchUp(engine, 24_000).verdict, watch.catchUp(engine, 24_000).drainPerSecond], ['never', 100])
  for (let second = 25; second <= 34; second++) watch.takeLag(second * 1000, [{ ...row(1600 + (second - 24) * 100, 7200), group: 'shop.trend' }])
  const after = watch.catchUp(engine, 34_000)
  assert.deepEqual([after.verdict, after.seconds, after.drainFrom], ['in', 46, 'backlog'])
})
