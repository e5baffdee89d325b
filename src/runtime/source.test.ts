import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchedBatches } from '../client/fetched-batches.ts'
import { int64 } from '../serde/number.ts'
import { text } from '../serde/text.ts'
import type { TimeExtractor } from '../topology/node.ts'
import { BatchBuilder } from '../wire/batch-builder.ts'
import { Operator } from './operators/operator.ts'
import { HeadOrigin, PartitionQueue } from './source.ts'
import type { BadRecord, SourceHooks } from './source.ts'

class Collect extends Operator {
  readonly seen: unknown[] = []
  process(key: unknown, value: unknown, time: number): void { this.seen.push([key, value, time]) }
}

function queueOf(options: { skip?: number; time?: TimeExtractor } = {}) {
  const operator = new Collect()
  const bad: BadRecord[] = []
  const dropped: string[] = []
  const hooks: SourceHooks = {
    skipping: options.skip !== undefined,
    onBadRecord: record => void bad.push(record),
    onNegativeTime: topic => void dropped.push(topic),
    skips: (_topic, _partition, offset) => offset === options.skip,
  }
  const queue = new PartitionQueue({ topic: 'orders', partition: 2, heads: [{ key: text, value: int64, time: options.time, tombstones: false, operator }] }, hooks)
  queue.reset(10, -1)
  const run = (): void => {
    const origin = new HeadOrigin(queue)
    while (queue.prepare()) {
      queue.process(origin)
      queue.take()
    }
  }
  return { queue, operator, bad, dropped, run }
}

/** Records with values, `null` or (a string) bytes that are no int64, from offset `from` on; the batch that ends is followed by a marker. */
function fetched(from: number, values: readonly (number | null | string)[]): FetchedBatches & { released: boolean } {
  const builder = new BatchBuilder({})
  values.forEach((value, index) => builder.append(1_000 + index, Buffer.from(`k${index}`), value === null ? null : typeof value === 'string' ? Buffer.from(value) : int64.serialize(value)))
  const batches = builder.build({ baseOffset: from })
  const result = {
    topic: 'orders', partition: 2, batches, offsetWanted: from, offsetNext: from + values.length + 1, highWatermark: 99, lastStableOffset: 99, logStartOffset: 0, aborted: [],
    released: false, release() { result.released = true },
  }
  return result
}

test('Q2, Q3: the position follows what was processed, moves over control records, and the bytes are given back', () => {
  const { queue, operator, run } = queueOf()
  const batches = fetched(10, [5, 6])
  queue.push(batches)
  assert.ok(queue.prepare())
  assert.equal(queue.position, 10)
  run()
  assert.deepEqual(operator.seen, [['k0', 5, 1_000], ['k1', 6, 1_001]])
  assert.deepEqual([queue.position, queue.timeMax, batches.released, queue.bytes], [13, 1_001, true, 0])
})

test('Q4: what does not decode, or is null where it may not be, is handed over with its coordinates, and passed', () => {
  const { queue, operator, bad, run } = queueOf()
  queue.push(fetched(10, [5, 'x', null, 8]))
  run()
  assert.deepEqual(operator.seen.map(one => (one as unknown[])[1]), [5, 8])
  assert.deepEqual(bad.map(record => [record.offset, record.stage]), [[11, 'decode'], [12, 'decode']])
  assert.equal(queue.position, 15)
})

test('T1: the extractor gives the time; a negative one drops the record', () => {
  const { queue, operator, dropped, run } = queueOf({ time: value => (value as number) - 6 })
  queue.push(fetched(10, [5, 6, 9]))
  run()
  assert.deepEqual(operator.seen, [['k1', 6, 0], ['k2', 9, 3]])
  assert.deepEqual(dropped, ['orders'])
})

test('A record in the skip set is passed without being processed', () => {
  const { queue, operator, run } = queueOf({ skip: 11 })
  queue.push(fetched(10, [1, 2, 3]))
  run()
  assert.deepEqual(operator.seen.map(one => (one as unknown[])[1]), [1, 3])
})

test('After a reset nothing of before is handed out, and its bytes are given back', () => {
  const { queue, operator, run } = queueOf()
  const batches = fetched(10, [1, 2])
  queue.push(batches)
  queue.prepare()
  queue.reset(10, -1)
  run()
  assert.deepEqual([operator.seen.length, batches.released, queue.position], [0, true, 10])
})
