/**
 * Two million keys of state in a process that may use 512 MB of heap: counted, written, evicted, read back, and found again by the next process.
 * Needs nothing but Node; it is here because it takes a minute of CPU.
 */
import { equal, ok } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { mustRun } from '../../support/processes.ts'

const KEYS = 2_000_000
const directory = mkdtempSync(join(tmpdir(), 'millrace-keys-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const module = (path: string): string => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
const script = `
  import { realClock } from ${module('env/real/clock.js')}
  import { realDisk } from ${module('env/real/disk.js')}
  import { int64 } from ${module('serde/number.js')}
  import { text } from ${module('serde/text.js')}
  import { KeyedStore } from ${module('runtime/state/keyed-store.js')}
  import { lmdbStores } from ${module('runtime/state/lmdb-store.js')}
  import { ShardState } from ${module('runtime/state/shard-state.js')}
  const [directory, count, counted] = process.argv.slice(1)
  const state = new ShardState(await lmdbStores(realDisk, 'boot').open(directory), { clock: realClock, stores: ['counts'] })
  const counts = KeyedStore.of(state, 'counts', text, int64)
  const position = { changelogs: {}, committedAtMs: 0, bootId: 'boot', cleanClose: false, clocks: '' }
  const commit = async () => {
    state.committed(state.freeze(), position)
    await state.written()
  }
  let wrong = 0
  for (let index = 0; index < Number(count); index++) {
    const entry = counts.entry('shopper-' + (index * 7368787) % ${KEYS})
    const before = entry.value ?? 0
    if (before !== Number(counted)) wrong++
    counts.set(entry, before + 1, index)
    if (state.overBudget) state.trim()
    if (index % 50000 === 49999) await commit()
  }
  await commit()
  const { heapUsed, rss } = process.memoryUsage()
  await state.close()
  console.log(JSON.stringify({ wrong, heapMb: Math.round(heapUsed / 2 ** 20), rssMb: Math.round(rss / 2 ** 20) }))`

async function process(count: number, counted: number): Promise<{ readonly wrong: number; readonly heapMb: number; readonly rssMb: number }> {
  const ran = await mustRun('node', ['--max-old-space-size=512', '--input-type=module', '-e', script, directory, String(count), String(counted)], { timeoutMs: 600_000 })
  const result: { readonly wrong: number; readonly heapMb: number; readonly rssMb: number } = JSON.parse(ran.stdout)
  return result
}

test('two million keys are counted, and a quarter of them again by the next process, within 512 MB of heap', async () => {
  const first = await process(KEYS, 0)
  const second = await process(KEYS / 4, 1)
  console.log(`heap ${first.heapMb} and ${second.heapMb} MB, resident ${first.rssMb} and ${second.rssMb} MB (the file is mapped)`)
  equal(first.wrong + second.wrong, 0)
  ok(Math.max(first.heapMb, second.heapMb) < 512)
})
