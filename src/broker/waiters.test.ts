import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '../testing/sim/sim.ts'
import { Waiters } from './waiters.ts'

test('a waiter is told once: by an advance, at its deadline, when cancelled, or at the close', async () => {
  const { sim, env } = simEnv({ seed: 1 })
  const waiters = new Waiters(env.clock)
  const [one, two] = [{}, {}]
  let told = 0
  const wait = (delayMs: number): { cancel(): void } => {
    const waiting = waiters.wait([one, two], delayMs)
    void waiting.done.then(() => { told++ })
    return waiting
  }
  wait(1000)
  waiters.notify(two)
  waiters.notify(one)
  assert.equal(told, 0, 'not from inside of the append')
  await sim.advance(1)
  assert.equal(told, 1)
  await sim.advance(2000)
  assert.equal(told, 1)
  wait(1000)
  await sim.advance(999)
  assert.equal(told, 1)
  await sim.advance(1)
  assert.equal(told, 2)
  wait(1000).cancel()
  await sim.advance(1)
  assert.equal(told, 3)
  wait(1_000_000)
  waiters.close()
  await sim.advance(1)
  assert.equal(told, 4)
  wait(1_000_000)
  await sim.advance(1)
  assert.deepEqual([told, waiters.count, waiters.closed], [5, 0, true])
})
