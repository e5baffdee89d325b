import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../shop/shoppers.ts'
import { compareId, SequentialRules, topKeys } from './rivals.ts'

const AT = Date.UTC(2026, 5, 1)

function learned(rules: SequentialRules, sessions: readonly (readonly string[])[]): SequentialRules {
  for (const [number, items] of sessions.entries()) {
    for (const [index, item] of items.entries()) rules.learn({ session: String(number), item, at: AT }, items.slice(0, index))
  }
  return rules
}

function ask(rules: SequentialRules, items: readonly string[], filtered?: ReadonlySet<string>): string[] {
  return rules.recommend(items, { session: 'asked', item: '', at: AT }, filtered)
}

test('the heaviest keys are those of a full sort, with ties, an excluded key and filtered ones', t => {
  const seed = 13
  t.diagnostic(`seed ${seed}`)
  const random = seeded(seed)
  for (let round = 0; round < 200; round += 1) {
    const scores = new Map(Array.from({ length: 1 + Math.floor(random() * 80) }, () => [String(Math.floor(random() * 200)), Math.floor(random() * 12) - 1] as const))
    const filtered = new Set([...scores.keys()].filter(() => random() < 0.1))
    const without = [...scores.keys()][0]
    const count = 1 + Math.floor(random() * 25)
    const sorted = [...scores].filter(([key, score]) => key !== without && score > 0 && !filtered.has(key)).sort((a, b) => b[1] - a[1] || compareId(a[0], b[0]))
    assert.deepEqual(topKeys(scores, count, without, filtered), sorted.slice(0, count).map(([key]) => key))
  }
})

test('sequential rules of the last item alone, and of the last items together', () => {
  const sessions = [['a', 'x'], ['a', 'x'], ['a', 'y'], ['b', 'y'], ['b', 'y']]
  const one = learned(new SequentialRules({ last: 1, rulesMax: 100, count: 20 }), sessions)
  assert.deepEqual(ask(one, ['b', 'a']), ['x', 'y'])
  const both = learned(new SequentialRules({ last: 5, rulesMax: 100, count: 20 }), sessions)
  assert.deepEqual(ask(both, ['b', 'a']), ['y', 'x'])
  assert.deepEqual(ask(both, ['b', 'a'], new Set(['y'])), ['x'])
  assert.deepEqual(ask(both, []), [])
})

test('the rules of an item are cut to the heaviest when there are twice as many', () => {
  const rules = learned(new SequentialRules({ last: 1, rulesMax: 1, count: 20 }), [['a', 'x'], ['a', 'x'], ['a', 'y']])
  assert.deepEqual(ask(rules, ['a']), ['x', 'y'])
  learned(rules, [['a', 'z']])
  assert.deepEqual(ask(rules, ['a']), ['x'])
})
