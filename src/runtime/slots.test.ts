import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realEnv } from '../env/real/env.ts'
import { takeSlot, transactionalIdOf } from './slots.ts'

test('The first free slot is taken; a released one is taken again, under the same name', async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'millrace-slots-'))
  try {
    const names = { dataDirectory, app: 'shop', task: 'sales' }
    const first = await takeSlot(realEnv, names)
    const second = await takeSlot(realEnv, names)
    assert.deepEqual([first.number, second.number], [0, 1])
    assert.match(first.name, /^[0-9a-f]{8}-0$/)
    assert.equal(second.name.slice(0, 8), first.name.slice(0, 8))
    first.release()
    await new Promise(resolve => setTimeout(resolve, 20))
    const again = await takeSlot(realEnv, names)
    assert.equal(again.name, first.name)
    assert.equal(transactionalIdOf({ app: 'shop', task: 'sales', slot: again.name, worker: 2 }), `shop.sales.${first.name}.2`)
    again.release()
    second.release()
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true })
  }
})

test('Two data directories make different slot names', async () => {
  const directories = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'millrace-slots-')))
  const slots = await Promise.all(directories.map(dataDirectory => takeSlot(realEnv, { dataDirectory, app: 'a', task: 't' })))
  assert.notEqual(slots[0]?.name, slots[1]?.name)
  for (const slot of slots) slot.release()
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})
