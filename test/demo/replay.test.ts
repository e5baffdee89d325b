/** A stream through the real topology on the embedded broker writes just what a single process writes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Broker } from 'millrace/broker'
import { Admin, Cluster, realEnv } from 'millrace/client'
import { readStream } from '../../demo/recommender/data/stream.ts'
import { replay } from '../../demo/recommender/replay.ts'
import { writeStream } from '../support/event-stream.ts'
import { assertEqualToSingleProcess } from '../support/replay-equality.ts'

const SLICE_MS = 600_000

test('session.clicks, pairs, item.neighbors and recs of a paced replay equal those of a single process, byte for byte', { timeout: 200_000 }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-test-'))
  // One hook, last made first ended: the broker writes to the folder until it is closed.
  const ends: (() => Promise<void>)[] = [async () => rmSync(folder, { recursive: true, force: true })]
  t.after(async () => { for (const end of ends.reverse()) await end() })
  const path = join(folder, 'events.jsonl')
  const seed = 11
  t.diagnostic(`seed ${seed}`)
  writeStream(path, seed)
  const broker = await Broker.start(realEnv, { directory: join(folder, 'broker'), port: 0, durability: 'os' })
  ends.push(() => broker.close())
  const bootstrap = `127.0.0.1:${broker.port}`
  const said: string[] = []
  const { report, text } = await replay({
    path, format: 'jsonl', bootstrap, partitions: 1, signal: new AbortController().signal, only: 'prequential', keepTopics: true, sliceMs: SLICE_MS, patienceMs: 60_000,
    progress: (line, options) => {
      if (options?.final === true) said.push(line)
    },
  })
  assert.equal(report.skipped, 3)
  assert.match(said.join('\n'), /events\.jsonl:2: not JSON/)
  assert.equal(report.wholeStream?.cooc.n, report.wholeStream?.popularity.n)
  assert.ok((report.lastDay?.cooc.n ?? 0) > 0)
  assert.ok((report.latency?.p50 ?? 0) > 0)
  assert.match(text, /HR@20/)
  const cluster = await Cluster.connect(realEnv, { bootstrap })
  ends.push(() => cluster.close())
  const id = (await new Admin(cluster).listTopics()).find(name => name.endsWith('.recs'))?.replace(/\.recs$/, '') ?? assert.fail('no recs topic')
  const stream = await readStream({ path, format: 'jsonl', onSkipped: () => {} })
  const equal = await assertEqualToSingleProcess(cluster, id, stream, { sliceMs: SLICE_MS, singlyFrom: stream.events.find(event => event.isScored)?.at ?? 0 })
  assert.ok(equal > 800, `${equal} records compared`)
})
