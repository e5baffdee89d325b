import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Click, HotTop, Metrics, Recs } from '../topics.ts'
import type { TaskContext } from './context.ts'
import { measure, sumOutcomes, type Measured, type MeasureState, type Outcome, type SumState } from './measure.ts'

function contextOf<S, O>(key: string, state: { value: S | undefined }, out: O[]): TaskContext<S, O> {
  return {
    key, time: 0, partition: 0, offset: 0,
    state: { get: () => state.value, set: next => { state.value = next }, delete: () => { state.value = undefined } },
    timers: { set: () => {}, cancel: () => {}, now: () => 0 },
    emit: value => void out.push(value),
  }
}

function run(inputs: readonly Measured[], hot: readonly string[] = []): Outcome[] {
  const out: Outcome[] = []
  const handle = measure({ compare: false })
  const top: HotTop = { at: 0, epoch: 0, items: hot, sums: [], totalEpoch: 0, total: 0 }
  const context = contextOf<MeasureState, Outcome>('v', { value: undefined }, out)
  for (const input of inputs) handle(input, context, { hot: { get: () => top } })
  return out
}

function clickOf(item: string, position: number, before: readonly string[], more: Partial<Click> = {}): Measured {
  return { kind: 'click', click: { type: 'view', item, category: '', price: 0, source: '', at: position, origin: '', session: 1, position, before, frozen: false, received: 0, sessionized: 0, ...more } }
}

function listFor(item: string, position: number, items: readonly string[]): Measured {
  const recs: Recs = {
    at: position, session: 1, position, item, group: 'cooc', items: items.map(id => ({ item: id, score: 1, because: '', support: 0 })),
    seen: [], origin: '', received: 0, sessionized: 0, recommended: 0,
  }
  return { kind: 'recs', recs }
}

test('a click is judged by the list of the click before it, in either order of arrival', () => {
  const early = run([clickOf('a', 1, []), listFor('a', 1, ['x', 'b']), listFor('b', 2, ['a']), clickOf('b', 2, ['a'])], ['b'])
  const outcome = early.at(-1)
  assert.deepEqual([outcome?.n, outcome?.hits, outcome?.reciprocal, outcome?.novelHits, outcome?.popularityHits], [1, 1, 0.5, 1, 1])
})

test('a revisit is a hit, but not a novel one; a miss counts', () => {
  const [, , , revisit] = run([clickOf('a', 1, []), clickOf('b', 2, ['a']), listFor('b', 2, ['a']), clickOf('a', 3, ['b', 'a'])])
  assert.deepEqual([revisit?.n, revisit?.hits, revisit?.novelN, revisit?.novelHits], [1, 1, 0, 0])
  const miss = run([listFor('a', 1, ['x']), clickOf('b', 2, ['a'])]).at(-1)
  assert.deepEqual([miss?.n, miss?.hits, miss?.novelN], [1, 0, 1])
})

test('the first click of a session is judged by nothing and counts as a session; purchases and clicks on rows are counted', () => {
  const [first] = run([clickOf('a', 1, [])])
  assert.deepEqual([first?.n, first?.sessions], [0, 1])
  const [, bought] = run([listFor('a', 1, ['b']), clickOf('b', 2, ['a'], { type: 'purchase', source: 'for-you' })])
  assert.deepEqual([bought?.n, bought?.purchases, bought?.clicked], [0, 1, 1])
})

test('a session that buys counts once, however much is bought in it', () => {
  const bought = (item: string, position: number, session: number): Measured => clickOf(item, position, [], { type: 'purchase', session })
  const outcomes = run([bought('a', 1, 1), listFor('a', 1, ['b']), bought('b', 2, 1), bought('c', 1, 2)]).filter(outcome => outcome.shown === 0)
  assert.deepEqual(outcomes.map(outcome => outcome.purchases), [1, 0, 1])
})

test('sums run over the last hour', () => {
  const out: Metrics[] = []
  const state: { value: SumState | undefined } = { value: undefined }
  const context = contextOf<SumState, Metrics>('cooc', state, out)
  const [miss] = run([listFor('a', 1, ['x']), clickOf('b', 2, ['a'])]).slice(-1)
  for (const minutes of [0, 1, 30, 61]) if (miss !== undefined) sumOutcomes.onRecord({ ...miss, at: minutes * 60_000 }, context)
  sumOutcomes.onTimer({ name: '', time: 62 * 60_000 }, context)
  assert.equal(out[0]?.n, 2)
})
