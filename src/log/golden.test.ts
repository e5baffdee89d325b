/**
 * The files of a small log, byte for byte as format version 1 writes them (golden-2.json), made on the simulated machine.
 *
 * A difference means that the format changed: then a migration note, a new FORMAT_VERSION (where older programs cannot do without what is
 * new) and another golden file are due, and all that are there must still open. GOLDEN=write makes the newest anew.
 * golden.json has the first seals, without the log's checksum: older programs take the newer ones for missing, and scan.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadCompression } from '../wire/compression.ts'
import { Sim, simEnv } from '../testing/sim/sim.ts'
import { appendMarker, appendRecords, openLog, openManager, readAll } from '../../test/support/log-batches.ts'
import type { ReadRecord } from '../../test/support/log-batches.ts'

await loadCompression()

const FOLDER = join(fileURLToPath(new URL('.', import.meta.url)), '..', '..', '..', 'src', 'log')
const SOURCE = join(FOLDER, 'golden-2.json')
const CONFIG = { segmentBytes: 700, indexIntervalBytes: 1 }

async function writeLog(): Promise<{ readonly files: Record<string, string>; readonly records: ReadRecord[] }> {
  const { sim, env } = simEnv({ seed: 42 })
  const manager = await sim.run(openManager(env))
  const log = await sim.run(openLog(manager, CONFIG))
  // Uncompressed: a codec library's next version may compress otherwise.
  for (let index = 0; index < 8; index++) appendRecords(log, [{ key: `key-${index}`, value: 'v'.repeat(60) }], { producerId: 1, producerEpoch: 2, baseSequence: index })
  appendRecords(log, [{ key: 'a', value: '中文' }], { producerId: 9, producerEpoch: 0, baseSequence: 0, transactional: true })
  appendMarker(log, 'abort', { producerId: 9, coordinatorEpoch: 3 })
  appendRecords(log, [{ key: 'b', value: null }], { producerId: 9, producerEpoch: 0, baseSequence: 1, transactional: true })
  for (let index = 8; index < 14; index++) appendRecords(log, [{ key: `key-${index}`, value: 'w'.repeat(60) }], { producerId: 1, producerEpoch: 2, baseSequence: index })
  await sim.run(log.flushed(log.logEndOffset))
  await sim.run(log.trimTo(2))
  const records = readAll(log)
  await sim.run(manager.close())
  return { files: Object.fromEntries([...sim.disk.files()].map(([path, bytes]) => [path, bytes.toString('base64')])), records }
}

test('the format of today is the format of the golden file, byte for byte', async () => {
  const { files } = await writeLog()
  if (process.env['GOLDEN'] === 'write') writeFileSync(SOURCE, `${JSON.stringify(files, null, 1)}\n`)
  const golden = JSON.parse(readFileSync(SOURCE, 'utf8')) as Record<string, string>
  assert.deepEqual(Object.keys(files), Object.keys(golden))
  for (const [path, bytes] of Object.entries(files)) assert.equal(bytes, golden[path], path)
})

for (const name of ['golden.json', 'golden-2.json']) test(`the log of ${name} opens clean, with every record, its producers and its open transaction`, async () => {
  const golden = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Record<string, string>
  const sim = new Sim({ seed: 1 })
  const { disk } = sim.process('restore').env
  for (const [path, bytes] of Object.entries(golden)) {
    disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
    disk.open(path, 'create').write(Buffer.from(bytes, 'base64'), 0)
  }
  const manager = await sim.run(openManager(sim.process('reader').env))
  const log = await sim.run(openLog(manager, CONFIG))
  assert.equal(manager.wasClean, true)
  assert.deepEqual(readAll(log), (await writeLog()).records)
  assert.equal(log.logStartOffset, 2)
  assert.equal(log.lastStableOffset, 10)
  assert.deepEqual(log.producers().map(producer => [producer.producerId, producer.producerEpoch, producer.lastSequence, producer.currentTransactionStartOffset]), [[1, 2, 13, -1], [9, 0, 1, 10]])
  assert.equal(appendRecords(log, [{ key: 'key-9', value: 'w'.repeat(60) }], { producerId: 1, producerEpoch: 2, baseSequence: 9 }).duplicate, true)
})
