import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCALE } from './decay.ts'
import { addedUnits, pairsOf, SESSION_GAP_MS, stepSession, type Session, type SessionEvent } from './session.ts'

const EPOCH_START = 360 * 86_400_000 * 56

function view(item: string, at: number, more: Partial<SessionEvent> = {}): SessionEvent {
  return { type: 'view', session: '', item, at, frozen: false, ...more }
}

function run(events: readonly SessionEvent[]): Session {
  return events.reduce<Session | undefined>((session, event) => stepSession(session, event).session, undefined) ?? assert.fail('no events')
}

test('thirty minutes of silence end a session, a minute less does not', () => {
  const first = stepSession(undefined, view('a', 1000))
  assert.equal(stepSession(first.session, view('b', 1000 + SESSION_GAP_MS)).isNew, false)
  const next = stepSession(first.session, view('b', 1001 + SESSION_GAP_MS))
  assert.equal(next.isNew, true)
  assert.deepEqual(next.before, [])
  assert.equal(next.session.number, 2)
})

test('a session named by the sender is never cut by time, only by another name', () => {
  const first = stepSession(undefined, view('a', 0, { session: 's' }))
  assert.equal(stepSession(first.session, view('b', 10 * SESSION_GAP_MS, { session: 's' })).isNew, false)
  assert.equal(stepSession(first.session, view('b', 1, { session: 't' })).isNew, true)
})

test('a late event belongs to the running session and does not move its end back', () => {
  const session = run([view('a', 100_000), view('b', 50_000)])
  assert.equal(session.position, 2)
  assert.equal(session.last, 100_000)
})

test('items come newest first, each once, at most twenty', () => {
  const step = stepSession(run([view('a', 1), view('b', 2), view('a', 3)]), view('c', 4))
  assert.deepEqual(step.before, ['a', 'b'])
  assert.equal(run(Array.from({ length: 50 }, (_, index) => view(`i${index}`, index))).items.length, 20)
})

test('an item looked at again within ten seconds adds nothing, put into the cart adds the rest of its weight', () => {
  const session = run([view('a', 0)])
  const again = view('a', 5_000)
  assert.equal(addedUnits(session, stepSession(session, again), again), 0)
  const cart = view('a', 5_000, { type: 'cart' })
  assert.equal(addedUnits(session, stepSession(session, cart), cart), 2)
  const later = view('a', 15_000, { type: 'cart' })
  assert.equal(addedUnits(session, stepSession(session, later), later), 3)
})

test('a frozen event teaches nothing', () => {
  const event = view('a', 0, { frozen: true })
  assert.deepEqual(pairsOf(event, ['b'], addedUnits(undefined, stepSession(undefined, event), event)), [])
})

test('an event gives its own item mass and backward pairs, and each of the last eight items one forward pair', () => {
  const before = Array.from({ length: 12 }, (_, index) => `p${index}`)
  const [own, ...others] = pairsOf(view('x', EPOCH_START), before, 1)
  assert.deepEqual(own, { item: 'x', epoch: 56, mass: SCALE, items: before.slice(0, 8), weights: own?.weights })
  assert.equal(own?.weights[0], Math.round(0.7 * SCALE))
  assert.equal(own?.weights[3], Math.round(0.7 * SCALE / 2))
  assert.deepEqual(others.map(pairs => pairs.item), before.slice(0, 8))
  assert.deepEqual(others[3], { item: 'p3', epoch: 56, mass: 0, items: ['x'], weights: [SCALE / 2] })
})

test('an item is no pair with itself', () => {
  const pairs = pairsOf(view('a', 0), ['b', 'a'], 1)
  assert.deepEqual(pairs.map(entry => entry.item), ['a', 'b'])
  assert.deepEqual(pairs[0]?.items, ['b'])
})
