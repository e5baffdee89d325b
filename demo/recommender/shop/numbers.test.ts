import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Metrics } from '../topics.ts'
import { numbersOf } from './numbers.ts'
import { wilson } from './wilson.ts'

const NOTHING: Metrics = { at: 0, n: 0, hits: 0, reciprocal: 0, novelN: 0, novelHits: 0, popularityHits: 0, popularityReciprocal: 0, popularityNovelHits: 0, shown: 0, clicked: 0, sessions: 0, purchases: 0 }

test('Wilson intervals, as published: 1 of 10, 0 of 10, 50 of 100; nothing known of nothing', () => {
  const rounded = (part: number, whole: number): number[] => Object.values(wilson(part, whole)).map(bound => Math.round(1e4 * bound) / 1e4)
  assert.deepEqual(rounded(1, 10), [0.0179, 0.4042])
  assert.deepEqual(rounded(0, 10), [0, 0.2775])
  assert.deepEqual(rounded(50, 100), [0.4038, 0.5962])
  assert.deepEqual(rounded(0, 0), [0, 1])
})

test('both groups are shown with their share, its interval and its counts, or n/a', () => {
  const ours = { ...NOTHING, shown: 1000, clicked: 200, sessions: 400, purchases: 8 }
  const [recommended, popular] = numbersOf({ language: 'en', shoppers: 0, eventsPerSecond: 0, ours, compared: { ...NOTHING, shown: 10, clicked: 1 } }).groups
  assert.equal(recommended?.clickThrough, '20.0 %\n17.6 to 22.6\n200 of 1,000')
  assert.equal(recommended?.conversion, '2.0 %\n1.0 to 3.9\n8 of 400')
  assert.equal(popular?.clickThrough, '10.0 %\n1.8 to 40.4\n1 of 10')
  assert.equal(popular?.conversion, 'n/a')
})
