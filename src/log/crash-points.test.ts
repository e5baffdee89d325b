/**
 * A scripted workload, killed at every single disk operation, with and without power, and again at every operation of the
 * recovery that follows. After each: what was acknowledged is there, what is there is a prefix, and the log goes on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCompression } from '../wire/compression.ts'
import { Sim } from '../testing/sim/sim.ts'
import type { SimProcess } from '../testing/sim/sim.ts'
import { appendMarker, appendRecords, openLog, openManager, readAll } from '../../test/support/log-batches.ts'
import { compact } from './compaction.ts'
import { applyRetention } from './retention.ts'

await loadCompression()

const CONFIG = { segmentBytes: 700, cleanupCompact: true, cleanupDelete: true, retentionBytes: 3000, retentionMs: -1, deleteRetentionMs: 0 }

interface Progress {
  /** Values in order of offset; `undefined` for a marker. */
  readonly written: (string | undefined)[]
  acknowledged: number
  finished: boolean
}

/** Create, append, transactions, roll, compact, trim, retention, clean stop: each path of the disk once. */
async function workload(process: SimProcess, progress: Progress): Promise<void> {
  const manager = await openManager(process.env)
  const log = await openLog(manager, CONFIG)
  const acknowledge = async (): Promise<void> => {
    const end = log.logEndOffset
    await log.flushed(end)
    progress.acknowledged = Math.max(progress.acknowledged, end)
  }
  const append = (value: string, options = {}): void => {
    progress.written.push(value)
    appendRecords(log, [{ key: `k${progress.written.length % 3}`, value: value.padEnd(100, '.') }], options)
  }
  for (let index = 0; index < 8; index++) {
    append(`a${index}`)
    if (index % 3 === 2) await acknowledge()
  }
  append('t0', { producerId: 7, producerEpoch: 0, baseSequence: 0, transactional: true })
  progress.written.push(undefined)
  appendMarker(log, 'abort', { producerId: 7 })
  await acknowledge()
  for (let index = 0; index < 10; index++) append(`b${index}`)
  await acknowledge()
  await compact(log, { nowMs: process.env.clock.now(), force: true })
  await log.trimTo(3)
  append('c')
  await acknowledge()
  await manager.checkpoint()
  await applyRetention(log, process.env.clock.now())
  append('d')
  await acknowledge()
  await manager.close()
  progress.finished = true
}

/** Runs the workload with a death at operation `dieAt`; gives `false` where it finished before. */
async function runUntilDeath(sim: Sim, dieAt: number, torn: boolean): Promise<Progress> {
  const process = sim.process('first')
  const progress: Progress = { written: [], acknowledged: 0, finished: false }
  sim.disk.fault = operation => operation.index === dieAt ? (torn ? 'dieTorn' : 'die') : undefined
  const done = workload(process, progress).catch((error: unknown) => {
    if (process.alive) throw error
  })
  let settled = false
  void done.finally(() => { settled = true })
  await sim.runUntil(() => settled || !process.alive, { what: 'the workload or its death' })
  if (process.alive) await done
  process.kill()
  sim.disk.fault = undefined
  return progress
}

async function checkAfter(sim: Sim, name: string, progress: Progress, powerCut: boolean): Promise<void> {
  const process = sim.process('after')
  const manager = await sim.run(openManager(process.env))
  const log = await sim.run(openLog(manager, CONFIG))
  const end = log.logEndOffset
  assert.ok(end >= progress.acknowledged, `${name}: the log ends at ${end}, ${progress.acknowledged} was acknowledged`)
  assert.ok(end <= progress.written.length, `${name}: the log ends at ${end}, only ${progress.written.length} were written`)
  if (!powerCut) assert.ok(end >= progress.written.length - 1, `${name}: a kill lost page cache, end ${end} of ${progress.written.length}`)
  for (const record of readAll(log)) {
    const expected = progress.written[record.offset]
    assert.equal(record.value?.replace(/\.+$/, ''), expected, `${name}: offset ${record.offset}`)
  }
  appendRecords(log, [{ key: 'z', value: 'after' }])
  await sim.run(log.flushed(end + 1))
  assert.equal(readAll(log).at(-1)?.value, 'after', name)
  await sim.run(manager.close())
  process.kill()
}

for (const powerCut of [false, true]) {
  test(`a death at any disk operation, ${powerCut ? 'with a power cut' : 'power stays'}, loses nothing acknowledged`, async () => {
    let points = 0
    for (let dieAt = 0; ; dieAt++) {
      const sim = new Sim({ seed: dieAt })
      const progress = await runUntilDeath(sim, dieAt, dieAt % 2 === 0)
      if (powerCut) sim.powerCut()
      await checkAfter(sim, `death at ${dieAt}`, progress, powerCut)
      points += 1
      if (progress.finished) break
      assert.ok(dieAt < 5000, 'the workload ends')
    }
    assert.ok(points > 100, `only ${points} points`)
  })
}

test('a second death at any operation of the recovery changes nothing of that', async () => {
  for (const dieAt of [60, 95, 120, 135, 150, 170, 190]) {
    for (let again = 0; ; again++) {
      const sim = new Sim({ seed: dieAt * 1000 + again })
      const progress = await runUntilDeath(sim, dieAt, true)
      sim.powerCut()
      const second = sim.process('second')
      const from = sim.disk.operations
      sim.disk.fault = operation => operation.index === from + again ? 'dieTorn' : undefined
      let recovered = false
      void openManager(second.env).then(manager => openLog(manager, CONFIG)).then(() => { recovered = true }, () => {})
      await sim.runUntil(() => recovered || !second.alive, { what: 'recovery or death' })
      sim.disk.fault = undefined
      second.kill()
      if (again % 2 === 0) sim.powerCut()
      await checkAfter(sim, `death at ${dieAt}, then at ${again} of recovery`, progress, true)
      if (recovered) break
    }
  }
})
