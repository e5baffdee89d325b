/**
 * The program of a task on another engine is replaced while clicks flow: `millrace job restart` runs what lies there now, its state goes on where the one before
 * was, and the tasks around it notice nothing.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { readAll } from '../../real/runtime/books.ts'
import { onEmbedded } from '../../support/linked-chains.ts'
import { need, ROOT } from '../../support/need.ts'
import { NumberedClicks } from '../../support/numbered-clicks.ts'
import { until, Watched } from '../../support/watched.ts'

need('engines', 'python')

/** By engine: its program, and what of it is replaced by what. Rows of the new one have a version. */
const PROGRAMS: Readonly<Record<string, { readonly path: string; readonly from: string; readonly to: string }>> = {
  flink: { path: 'examples/linked/count-clicks.sql', from: '  seq,\n  COUNT(*)', to: '  -seq,\n  COUNT(*)' },
  kafkaStreams: { path: 'examples/linked/CountClicks.java', from: 'click.put("count", count)', to: 'click.put("count", count).put("version", 2)' },
  spark: { path: 'examples/linked/CountClicksSpark.java', from: 'value.put("count", ++count)', to: 'value.put("version", 2).put("count", ++count)' },
  storm: { path: 'examples/linked/CountClicksStorm.java', from: 'click.put("count", count)', to: 'click.put("count", count).put("version", 2)' },
  samza: { path: 'examples/linked/CountClicksSamza.java', from: 'click.put("count", count)', to: 'click.put("count", count).put("version", 2)' },
  process: { path: 'examples/foreign/worker.py', from: '"nth":', to: '"version": 2, "nth":' },
}
const ROWS = 200

interface Row { readonly id: string; readonly seq: number; readonly count?: number; readonly nth?: number; readonly version?: number }

for (const [engine, { path, from, to }] of Object.entries(PROGRAMS)) {
  test(`${engine}: another program while clicks flow; it counts on from where the one before was, and its neighbour notices nothing`, () => onEmbedded(async bootstrap => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-replaced-'))
    const program = join(directory, basename(path))
    const text = readFileSync(join(ROOT, path), 'utf8')
    assert.ok(text.includes(from), `${path} has ${from}`)
    writeFileSync(program, text)
    const watched = await Watched.start(join(ROOT, 'dist/test/support/replaced-app.js'), bootstrap, join(directory, 'data'), { REPLACED_ENGINE: engine, REPLACED_PROGRAM: program })
    const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'replaced-test' })
    const clicks = new NumberedClicks(cluster, { topic: 'linked.clicks', perSecond: 100, keys: 7, more: seq => ({ price: seq % 997, at: seq * 60_000 }) })
    try {
      await clicks.start()
      await until('rows of the first program', async () => (await rowsOf(cluster)).length > ROWS, watched.log)
      const pids = await ourPids(watched)
      writeFileSync(program, text.replace(from, to))
      const before = await endOf(cluster, 'linked.clean')
      await watched.control({ name: 'count', action: { kind: 'restart' } })
      assert.ok(await endOf(cluster, 'linked.clean') > before, 'the task before it went on meanwhile')
      await until('rows of the second program', async () => (await rowsOf(cluster)).filter(isNew).length > ROWS, watched.log)
      await clicks.stop()
      await until('every click has come out', async () => new Set((await rowsOf(cluster)).map(row => row.id)).size >= clicks.sent, watched.log)
      const rows = await rowsOf(cluster)
      assert.deepEqual(countsByKey(rows), Array.from({ length: 7 }, (_, key) => Math.ceil((clicks.sent - key) / 7)), 'every key\'s counts are 1, 2, 3 … over both programs')
      assert.ok(rows.some(row => !isNew(row)), 'the first program wrote some of them')
      assert.deepEqual(await ourPids(watched), pids, 'none of our processes was started anew')
      await watched.stop()
    } finally {
      await clicks.stop()
      await cluster.close()
      await watched.end()
      rmSync(directory, { recursive: true, force: true })
    }
  }))
}

const isNew = (row: Row): boolean => row.version === 2 || row.seq < 0

async function rowsOf(cluster: Cluster): Promise<Row[]> {
  const rows: Row[] = []
  // Written by the programs under test.
  await readAll(cluster, 'linked.counted', (_partition, _offset, _key, value) => void rows.push(JSON.parse(value) as Row))
  return rows
}

/** How far each key has been counted; what an engine at least once wrote again must say the same. Click number `seq` is of key `seq % 7`. */
function countsByKey(rows: readonly Row[]): number[] {
  const counts = new Map<number, number>()
  for (const row of rows) {
    const [seq, count] = [Math.abs(row.seq), row.count ?? row.nth ?? -1]
    assert.equal(counts.get(seq) ?? count, count, `${row.id} was counted twice, in two ways`)
    counts.set(seq, count)
  }
  const ends = Array.from({ length: 7 }, () => 0)
  for (const [seq, count] of [...counts].sort(([one], [other]) => one - other)) {
    const key = seq % 7
    assert.equal(count, (ends[key] ?? 0) + 1, `click ${seq}`)
    ends[key] = count
  }
  return ends
}

const ourPids = async (watched: Watched): Promise<readonly (number | null)[]> => (await watched.processes()).filter(each => each.name.startsWith('tasks-')).map(each => each.pid)

async function endOf(cluster: Cluster, topic: string): Promise<number> {
  const ends = await new Admin(cluster).listOffsets([0, 1, 2, 3].map(partition => ({ topic, partition })), 'latest', { isolation: 'read_uncommitted' })
  return ends.reduce((sum, { offset }) => sum + offset, 0)
}
