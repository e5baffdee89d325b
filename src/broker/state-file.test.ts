import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sim } from '../testing/sim/sim.ts'
import { StateFile } from './state-file.ts'
import { ProducerIds } from './transactions/producer-ids.ts'

const options = { directory: '/data', kind: 'things', version: 1 }

test('what was written durably is read back after a power cut at any time: the old value or the new', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const sim = new Sim({ seed })
    const { env } = sim.process('one')
    env.disk.makeDirectory('/data')
    await sim.run(env.disk.syncDirectory('/'))
    const file = new StateFile(env, options)
    let acknowledged = -1
    void (async () => {
      for (let value = 0; ; value++) {
        await file.write({ value })
        acknowledged = value
      }
    })().catch(() => { /* The power cut ends it. */ })
    await sim.advance(sim.random.next() * 20)
    sim.powerCut()
    const read = new StateFile(sim.process('two').env, options).read() as { value: number } | undefined // Written above.
    const value = read?.value ?? -1
    assert.ok(value === acknowledged || value === acknowledged + 1, `seed ${seed}: ${value} is there, ${acknowledged} was acknowledged`)
  }
})

test('damage and newer versions are refused, and nothing is changed', async () => {
  const sim = new Sim({ seed: 1 })
  const { env } = sim.process('one')
  env.disk.makeDirectory('/data')
  await sim.run(new StateFile(env, { ...options, version: 2 }).write(['a']))
  assert.throws(() => new StateFile(env, options).read(), { code: 'DATA_DIR_VERSION' })
  assert.deepEqual(new StateFile(env, { ...options, version: 2 }).read(), ['a'])
  const raw = env.disk.open('/data/things', 'write')
  raw.write(Buffer.from('b'), raw.size() - 3)
  assert.throws(() => new StateFile(env, { ...options, version: 2 }).read(), { code: 'LOG_CORRUPT' })
})

test('a producer id is never given out twice, over power cuts', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const sim = new Sim({ seed })
    const given = new Set<number>()
    for (let life = 0; life < 5; life++) {
      const { env } = sim.process(`life ${life}`)
      env.disk.makeDirectory('/data')
      await sim.run(env.disk.syncDirectory('/'))
      const ids = new ProducerIds(new StateFile(env, { directory: '/data', kind: 'producer-ids', version: 1 }))
      void (async () => {
        for (;;) {
          const id = await ids.next()
          assert.equal(given.has(id), false, `seed ${seed}: ${id} was given out twice`)
          given.add(id)
          await env.clock.sleep(0.01)
        }
      })().catch(error => { if (error instanceof assert.AssertionError) throw error })
      await sim.advance(sim.random.next() * 30)
      sim.powerCut()
    }
    assert.ok(given.size > 0)
  }
})
