/** Kills in mid-stream change nothing: what a paced replay wrote equals, byte for byte, what a single process writes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Admin, Cluster, realEnv } from 'millrace/client'
import { readStream } from '../../../demo/recommender/data/stream.ts'
import { replay } from '../../../demo/recommender/replay.ts'
import { seeded } from '../../../demo/recommender/shop/shoppers.ts'
import { startBroker } from '../../support/broker.ts'
import { writeStream } from '../../support/event-stream.ts'
import { KilledTasks } from '../../support/killed-tasks.ts'
import { startKafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { assertEqualToSingleProcess } from '../../support/replay-equality.ts'

need('kafka')

const SLICE_MS = 600_000

async function replayWithKills(bootstrap: string, seed: number, say: (text: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kills-'))
  const path = join(folder, 'events.jsonl')
  writeStream(path, seed)
  say(`seed ${seed}`)
  const tasks = new KilledTasks({ folder, killsMax: 3, aliveMs: [500, 2_000], random: seeded(seed) })
  try {
    await replay({
      path, format: 'jsonl', bootstrap, partitions: 1, signal: new AbortController().signal, only: 'prequential', keepTopics: true, sliceMs: SLICE_MS, patienceMs: 120_000,
      progress: () => {}, runElsewhere: (app, address) => tasks.start(app, address),
    })
    say(`${tasks.kills} kills`)
    assert.ok(tasks.kills > 0, 'the stream ended before the first kill')
    const cluster = await Cluster.connect(realEnv, { bootstrap })
    try {
      const id = (await new Admin(cluster).listTopics()).find(name => name.endsWith('.recs'))?.replace(/\.recs$/, '') ?? assert.fail('no recs topic')
      const stream = await readStream({ path, format: 'jsonl', onSkipped: () => {} })
      const equal = await assertEqualToSingleProcess(cluster, id, stream, { sliceMs: SLICE_MS, singlyFrom: stream.events.find(event => event.isScored)?.at ?? 0 })
      say(`${equal} records equal`)
    } finally {
      await cluster.close()
    }
  } catch (error) {
    throw new Error(`${String(error)}\n${tasks.output.slice(-4000)}`, { cause: error })
  } finally {
    await tasks.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

test('on the embedded broker', { timeout: 400_000 }, async t => {
  const broker = await startBroker({})
  t.after(() => broker.remove())
  await replayWithKills(broker.bootstrap, 21, text => t.diagnostic(text))
})

test('on Apache Kafka', { timeout: 400_000 }, async t => {
  const kafka = await startKafka()
  t.after(() => kafka.stop())
  await replayWithKills(kafka.bootstrap, 22, text => t.diagnostic(text))
})
