/** The files sink under seeds: crashes, power cuts and former owners that go on, at any moment of each other's work. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { files, type Target, type TargetContext, type TargetRow, type TargetShard } from 'millrace/sinks'
import { silentLogger } from '../base/logger.ts'
import type { Env } from '../env/env.ts'
import { readFile } from '../env/whole-file.ts'
import { seededRandom } from '../testing/sim/random.ts'
import { Sim } from '../testing/sim/sim.ts'
import { readFinished } from './files.ts'

const shard: TargetShard = { key: '0_0', partition: 0, inputs: [{ topic: 't', partition: 0 }] }

interface Owner {
  readonly target: Target
  readonly process: ReturnType<Sim['process']>
  /** The next row that it believes it has to deliver. */
  next: number
}

const row = (offset: number): TargetRow => ({ key: undefined, window: undefined, value: offset, time: 1, topic: 't', partition: 0, offset, index: 0 })

function contextOf(env: Env): TargetContext {
  return { env, logger: silentLogger, name: 'a.t.files', reach: () => {} }
}

/** One seed: returns how often a former owner was shut out. */
async function run(seed: number): Promise<number> {
  const sim = new Sim({ seed })
  const random = seededRandom(seed * 7 + 1)
  // Small: a file is finished by nearly every delivery, or by every few.
  const spec = files({ directory: '/out', bytesMax: seed % 2 === 0 ? 5 : 40 })
  const owners: Owner[] = []
  let fenced = 0
  const claim = async (): Promise<void> => {
    const process = sim.process('owner')
    const target = await spec.open(contextOf(process.env))
    const [position] = await target.claim(shard)
    owners.push({ target, process, next: position?.offset ?? 0 })
  }
  const deliver = async (owner: Owner): Promise<void> => {
    const end = owner.next + 1 + Math.floor(random.next() * 5)
    const rows = Array.from({ length: end - owner.next }, (_, index) => row(owner.next + index))
    try {
      await owner.target.deliver([{ shard, rows, ends: [{ topic: 't', partition: 0, offset: end }] }])
      owner.next = end
    } catch (error) {
      fenced++
      assert.match(String(error), /another process has taken over|not claimed/)
    }
  }
  await sim.run(claim())
  for (let step = 0; step < 25; step++) {
    const dice = random.next()
    const owner = owners.at(-1)
    assert.ok(owner !== undefined)
    if (dice < 0.5) await sim.run(deliver(owner))
    else if (dice < 0.65) {
      // A crash at some moment of a delivery.
      void deliver(owner).catch(() => {})
      await sim.advance(random.next() * 3)
      owner.process.kill()
      await sim.run(claim())
    } else if (dice < 0.75) {
      void deliver(owner).catch(() => {})
      await sim.advance(random.next() * 3)
      owners.length = 0
      sim.powerCut()
      await sim.run(claim())
    } else if (dice < 0.87) {
      // Stopped in the middle of its work, and woken up when another one has had its place for a while.
      const late = deliver(owner)
      await sim.advance(random.next() * 4)
      owner.process.pause()
      await sim.run(claim())
      const successor = owners.at(-1)
      assert.ok(successor !== undefined)
      if (random.next() < 0.7) await sim.run(deliver(successor))
      owner.process.resume()
      await sim.run(Promise.all([late, ...random.next() < 0.5 ? [deliver(successor)] : []]))
      await sim.run(deliver(owner))
      // The one that was shut out may have taken the shard back, where nothing had been written: whose it is, a claim says.
      await sim.run(claim())
    } else {
      // A former owner that does not know it, at work while the shard is claimed, and after.
      const late = deliver(owner)
      await sim.advance(random.next() * 2)
      const older = owners.at(-2)
      await sim.run(Promise.all([late, claim(), ...older?.process.alive === true && random.next() < 0.5 ? [deliver(older)] : []]))
      await sim.run(deliver(owner))
    }
  }
  await sim.run(claim())
  const last = owners.at(-1)
  assert.ok(last !== undefined)
  await sim.run(last.target.release(shard, true))
  const { disk } = sim.process('reader').env
  const lines = readFinished(disk, '/out', path => readFile(disk, path).toString()).get('a.t.files-0') ?? ''
  assert.deepEqual(lines.split('\n').slice(0, -1).map(Number), Array.from({ length: last.next }, (_, index) => index), `seed ${seed}`)
  return fenced
}

test('each row is in the finished files once and in order, over crashes, power cuts and former owners: 300 seeds', async () => {
  let fenced = 0
  for (let seed = 1; seed <= 300; seed++) fenced += await run(seed)
  assert.ok(fenced > 100, 'former owners were at work')
})

test('a damaged or torn line ends the journal there; a part that is gone is said, not passed over', async () => {
  const sim = new Sim({ seed: 1 })
  const { env } = sim.process('p')
  const target = await files({ directory: '/out' }).open(contextOf(env))
  await sim.run(target.claim(shard))
  for (const end of [3, 5]) await sim.run(target.deliver([{ shard, rows: [row(end)], ends: [{ topic: 't', partition: 0, offset: end }] }]))
  const journal = env.disk.list('/out').find(name => name.endsWith('.journal')) ?? ''
  const file = env.disk.open(`/out/${journal}`, 'write')
  file.write(Buffer.from('9'), file.size() - 4)
  const again = await files({ directory: '/out' }).open(contextOf(env))
  assert.deepEqual(await sim.run(again.claim(shard)), [{ topic: 't', partition: 0, offset: 3 }])
  const part = env.disk.list('/out').find(name => name.endsWith('.part')) ?? ''
  env.disk.unlink(`/out/${part}`)
  await assert.rejects(sim.run((await files({ directory: '/out' }).open(contextOf(env))).claim(shard)), /is gone, which its journal says holds committed rows. Put it back/)
})
