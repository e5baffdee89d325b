import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FEATURE_NAMES, newIntent, PENDING_MAX, reasons, stepIntent, type IntentEvent, type IntentState } from './intent.ts'

function event(more: Partial<IntentEvent> = {}): IntentEvent {
  return { type: 'view', item: 'a', category: 'lamps', price: 10, source: 'direct', at: 0, sessionNumber: 1, ...more }
}

function feature(features: readonly number[], name: typeof FEATURE_NAMES[number]): number {
  return features[FEATURE_NAMES.indexOf(name)] ?? Number.NaN
}

test('features follow the session', () => {
  let state: IntentState = newIntent(0)
  const steps = [event(), event({ at: 60_000 }), event({ type: 'cart', at: 90_000, price: 30, category: 'rugs', item: 'b' })]
  let features: readonly number[] = []
  for (const one of steps) ({ state, features } = stepIntent(state, one))
  assert.equal(features.length, FEATURE_NAMES.length)
  assert.equal(feature(features, 'views'), Math.log1p(2))
  assert.equal(feature(features, 'distinct items'), Math.log1p(2))
  assert.equal(feature(features, 'has cart'), 1)
  assert.equal(feature(features, 'repeats of one item'), Math.log1p(1))
  assert.equal(feature(features, 'revisits'), 1 / 3)
  assert.ok(feature(features, 'price against mean') > 0)
  assert.equal(state.pending.length, 3)
})

test('a removal takes the cart away again', () => {
  const cart = stepIntent(newIntent(0), event({ type: 'cart' }))
  assert.equal(feature(stepIntent(cart.state, event({ type: 'remove', at: 1000 })).features, 'has cart'), 0)
})

test('state does not grow without bound', () => {
  let state: IntentState = newIntent(0)
  for (let index = 0; index < 500; index += 1) ({ state } = stepIntent(state, event({ item: `i${index}`, category: `c${index}`, at: index })))
  assert.equal(state.pending.length, PENDING_MAX)
  assert.equal(state.items.length, 20)
  assert.equal(state.categories.length, 20)
})

test('reasons are what speaks for a purchase, never the bias', () => {
  const weights = FEATURE_NAMES.map(name => name === 'has cart' ? 2 : name === 'bias' ? 9 : name === 'views' ? -1 : 0)
  const features = FEATURE_NAMES.map(() => 1)
  assert.deepEqual(reasons(weights, features, 3), ['has cart'])
})
