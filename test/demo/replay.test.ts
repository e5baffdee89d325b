/** A stream through the real topology on the embedded broker writes just what a single process writes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Broker } from 'millrace/broker'
import { Admin, Cluster, realEnv } from 'millrace/client'
import { readStream } from '../../demo/recommender/data/stream.ts'
import { replay } from '../../demo/recommender/replay.ts'
import { seeded } from '../../demo/recommender/shop/shoppers.ts'
import { assertEqualToSingleProcess } from '../support/replay-equality.ts'

const MINUTE_MS = 60_000
const SLICE_MS = 10 * MINUTE_MS

/** Shoppers over three days who wander among 40 items, some of them with Chinese names; three lines are broken. */
function writeStream(path: string, seed: number): void {
  const random = seeded(seed)
  const lines: string[] = ['{"visitor":"broken"', 'not JSON at all', '{"visitor":"v","item":"x","type":"gaze","at":1}']
  for (let session = 0; session < 60; session += 1) {
    let at = Date.UTC(2026, 4, 1) + Math.floor(random() * 2 * 24 * 60) * MINUTE_MS + (session >= 52 ? 2 * 24 * 60 * MINUTE_MS : 0)
    let item = Math.floor(random() * 40)
    for (let step = 0; step <= random() * 6; step += 1) {
      const type = random() < 0.1 ? 'cart' : random() < 0.06 ? 'purchase' : 'view'
      lines.push(JSON.stringify({ visitor: `v${session % 25}`, item: item % 7 === 0 ? `灯-${item}` : `item-${item}`, type, at, category: `c${item % 4}` }))
      item = (item + 1 + Math.floor(random() * 3)) % 40
      at += Math.floor(random() * 3 * MINUTE_MS)
    }
  }
  writeFileSync(path, lines.join('\n'))
}

test('session.clicks, pairs, item.neighbors and recs of a paced replay equal those of a single process, byte for byte', { timeout: 200_000 }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'events.jsonl')
  const seed = 11
  t.diagnostic(`seed ${seed}`)
  writeStream(path, seed)
  const broker = await Broker.start(realEnv, { directory: join(folder, 'broker'), port: 0, durability: 'os' })
  t.after(() => broker.close())
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
  t.after(() => cluster.close())
  const id = (await new Admin(cluster).listTopics()).find(name => name.endsWith('.recs'))?.replace(/\.recs$/, '') ?? assert.fail('no recs topic')
  const stream = await readStream({ path, format: 'jsonl', onSkipped: () => {} })
  const equal = await assertEqualToSingleProcess(cluster, id, stream, { sliceMs: SLICE_MS, singlyFrom: stream.events.find(event => event.isScored)?.at ?? 0 })
  assert.ok(equal > 800, `${equal} records compared`)
})
