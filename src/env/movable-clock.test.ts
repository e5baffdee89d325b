import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '../testing/sim/sim.ts'
import { MovableClock } from './movable-clock.ts'

test('what falls due runs in the order of its times, each at its own time, also what it sets itself', async () => {
  const { sim, env } = simEnv({ seed: 1 })
  const clock = new MovableClock(env.clock, { stands: true })
  const [began, wall] = [clock.monotonic(), clock.now()]
  const seen: [string, number, number][] = []
  const say = (what: string): void => void seen.push([what, clock.monotonic() - began, clock.now() - wall])
  clock.setTimer(() => say('late'), 9000)
  clock.setTimer(() => { say('soon'); clock.setTimer(() => say('later'), 500) }, 1000)
  clock.setTimer(() => say('never'), 700).cancel()
  await sim.advance(60_000)
  assert.deepEqual(seen, [], 'it stands')
  await sim.run(clock.advance(8000))
  assert.deepEqual(seen, [['soon', 1000, 1000], ['later', 1500, 1500]])
  await sim.run(clock.advance(1000))
  assert.deepEqual(seen.at(-1), ['late', 9000, 9000])
  assert.equal(clock.monotonic() - began, 9000)
})

test('one that goes on can be moved ahead; one that stood goes on from there', async () => {
  const { sim, env } = simEnv({ seed: 2 })
  const clock = new MovableClock(env.clock)
  let woken = 0
  void clock.sleep(10_000).then(() => { woken = clock.monotonic() })
  await sim.run(clock.advance(4000))
  await sim.advance(5999)
  assert.equal(woken, 0)
  await sim.advance(2)
  assert.equal(Math.round(woken), 10_000)

  const standing = new MovableClock(env.clock, { stands: true })
  let due = false
  standing.setTimer(() => { due = true }, 100)
  await sim.advance(1000)
  assert.equal(due, false)
  standing.start()
  await sim.advance(101)
  assert.equal(due, true)
})
