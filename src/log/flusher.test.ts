/** When rounds begin, on virtual time: what is waited for starts one at once, what nobody waits for joins another's or has one a little later. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '../testing/sim/sim.ts'
import { Flusher } from './flusher.ts'
import type { FlushTarget } from './flusher.ts'

function onSync(): { readonly advance: (ms: number) => Promise<void>; readonly flusher: Flusher; readonly write: (lazy: boolean) => void; readonly durable: () => number } {
  const { sim, env } = simEnv({ seed: 1 })
  const flusher = new Flusher({ clock: env.clock, disk: env.disk, durability: { kind: 'sync' }, onFailure: error => { throw error } })
  const file = env.disk.open('/file', 'create')
  let written = 0
  let durable = 0
  const target: FlushTarget = {
    beginFlush: () => {
      const to = written
      return { files: [file], directories: [], done: () => { durable = to } }
    },
    failFlush: error => { throw error },
  }
  flusher.add(target)
  return {
    flusher, advance: ms => sim.advance(ms), durable: () => durable,
    write: lazy => {
      file.write(Buffer.from('x'), written++)
      flusher.markDirty(target, 1, { lazy })
    },
  }
}

test('what is waited for is durable in a round that begins at once', async () => {
  const { flusher, advance, write, durable } = onSync()
  write(false)
  write(false)
  await advance(5)
  assert.deepEqual([flusher.rounds, durable()], [1, 2])
})

test('what nobody waits for starts no round, joins the next one, and has one of its own in the end', async () => {
  const { flusher, advance, write, durable } = onSync()
  write(true)
  await advance(5)
  assert.equal(flusher.rounds, 0)
  write(false)
  await advance(5)
  assert.deepEqual([flusher.rounds, durable()], [1, 2])
  await advance(500)
  assert.equal(flusher.rounds, 1)
  write(true)
  await advance(500)
  assert.deepEqual([flusher.rounds, durable()], [2, 3])
})

test('what nobody waits for and is written while a round runs starts no other behind it', async () => {
  const { flusher, advance, write, durable } = onSync()
  write(false)
  // The round has begun, and taken what there was.
  await advance(0)
  write(true)
  await advance(5)
  assert.deepEqual([flusher.rounds, durable()], [1, 1])
  await advance(500)
  assert.deepEqual([flusher.rounds, durable()], [2, 2])
})

test('a flush takes what nobody waited for with it', async () => {
  const { flusher, advance, write, durable } = onSync()
  write(true)
  const flushed = flusher.flushNow()
  await advance(5)
  await flushed
  assert.equal(durable(), 1)
})
