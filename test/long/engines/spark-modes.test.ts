/** Real Structured Streaming in SQL and in Python, by every output mode and trigger, killed and recomputed from its input: `examples/linked/spark-modes.ts`. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { endOf, nextBatch } from '../../support/growth.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { need, ROOT } from '../../support/need.ts'
import { NumberedClicks } from '../../support/numbered-clicks.ts'
import { until, Watched } from '../../support/watched.ts'
import { readAll } from '../../real/runtime/books.ts'

need('engines')

const ENTRY = join(ROOT, 'dist', 'examples', 'linked', 'spark-modes.js')
/** A batch stands still between its write and its commit, so that a kill finds it there. */
const HOLD_MS = 1500

interface Row {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

/** All rows of a topic, partition by partition. */
async function rowsOf(cluster: Cluster, topic: string): Promise<Row[]> {
  const rows: Row[] = []
  // Each is an object: so its type says.
  await readAll(cluster, topic, (_partition, _offset, key, value) => { rows.push({ key, value: JSON.parse(value) as Row['value'] }) })
  return rows
}

function countsByKey(rows: readonly Row[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { key } of rows) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

/** The last row of each key. */
const lastOf = (rows: readonly Row[]): Map<string, number> => new Map(rows.map(({ key, value }) => [key, Number(value['count'])]))
const sorted = (counts: ReadonlyMap<string, number>): [string, number][] => [...counts].sort(([one], [other]) => one < other ? -1 : 1)
const idsOf = (rows: readonly Row[]): unknown[] => rows.map(({ value }) => value['id']).sort()

test('update, append and complete; batches by time, all there is, one, and none: in SQL and Python, killed, and equal to what is recomputed', async () => {
  const broker = await startTestBroker()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-modes-'))
  const watched = await Watched.start(ENTRY, broker.bootstrap, directory, { LINKED_HOLD_MS: String(HOLD_MS) })
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'modes-test' })
  const clicks = new NumberedClicks(cluster, { topic: 'modes.clicks', perSecond: 100, keys: 31 })
  const holds = (what: string, check: () => Promise<boolean>): Promise<void> => until(what, check, watched.log, 120)
  try {
    await clicks.start()
    await Promise.all(['totals', 'python'].map(async task => {
      for (let kill = 0; kill < 2; kill++) {
        await nextBatch(cluster, `modes.${task}.written`, HOLD_MS / 3, watched.log)
        await watched.kill(task)
      }
    }))
    await holds('a window has closed', async () => await endOf(cluster, 'modes.minutes', 'read_committed') > 0)
    await clicks.stop()
    const sent = await rowsOf(cluster, 'modes.clicks')
    for (const task of ['totals', 'python']) {
      await holds(`${task} has counted every click`, async () => [...lastOf(await rowsOf(cluster, `modes.${task}`)).values()].reduce((sum, count) => sum + count, 0) === sent.length)
      const rows = await rowsOf(cluster, `modes.${task}`)
      assert.deepEqual(sorted(lastOf(rows)), sorted(countsByKey(sent)), `${task} against its input`)
      // A count that came twice through a retry would stand twice.
      assert.equal(new Set(rows.map(({ key, value }) => `${key} ${String(value['count'])}`)).size, rows.length, `${task}: no row twice behind the distinct`)
      assert.ok((await rowsOf(cluster, `modes.${task}.written`)).length > rows.length, `${task}: the kills have doubled rows before it`)
    }
    await checkWindows(cluster)
    await Promise.all(['board', 'copied'].map(async task => {
      // It has read what there was, and ended; now there is more.
      await holds(`${task} has ended`, async () => (await watched.task(task))?.state === 'stopped')
      await watched.control({ name: task, action: { kind: 'start' } })
      await holds(`${task} has ended again`, async () => (await watched.task(task))?.state === 'stopped')
    }))
    const top = [...countsByKey(sent)].sort(([one, count], [other, than]) => than - count || (one < other ? -1 : 1)).slice(0, 3)
    assert.deepEqual(sorted(new Map((await rowsOf(cluster, 'modes.board')).slice(-3).map(({ key, value }) => [key, Number(value['count'])]))), sorted(new Map(top)), 'complete: the whole table, each time')
    assert.deepEqual(idsOf(await rowsOf(cluster, 'modes.copied')), idsOf(sent), 'once, twice: each click once')
    await holds('every click came through without batches', async () => (await rowsOf(cluster, 'modes.quick')).length >= sent.length)
    assert.deepEqual(idsOf(await rowsOf(cluster, 'modes.quick')), idsOf(sent))
    console.log(`${sent.length} clicks, 4 kills`)
    await watched.stop()
  } catch (error) {
    console.log(watched.log())
    throw error
  } finally {
    await clicks.stop()
    await cluster.close()
    await watched.end()
    await broker.stop()
    broker.remove()
    rmSync(directory, { recursive: true, force: true })
  }
})

/** Append: a window comes once, when it is closed, and has all its clicks. */
async function checkWindows(cluster: Cluster): Promise<void> {
  const expected = new Map<string, number>()
  await readAll(cluster, 'modes.clicks', (_partition, _offset, key, _value, time) => {
    const window = `${key}@${Math.floor(time / 10_000) * 10_000}`
    expected.set(window, (expected.get(window) ?? 0) + 1)
  })
  const rows = await rowsOf(cluster, 'modes.minutes')
  assert.ok(rows.length > 0)
  const closed = rows.map(({ key, value }) => `${key}@${String(value['from'])}`)
  assert.equal(new Set(closed).size, closed.length, 'append: no window twice')
  assert.deepEqual(rows.map(({ value }) => value['count']), closed.map(window => expected.get(window)), 'append: each window has all its clicks')
}
