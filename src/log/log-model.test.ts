/**
 * Random operations and crashes against an array (test/support/log-model.ts), and bugs planted on purpose that it must find.
 * SEEDS=from-to runs other seeds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCompression } from '../wire/compression.ts'
import { runLogModel } from '../../test/support/log-model.ts'
import { CommitMarks } from './commit-marks.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { PartitionLog } from './partition-log.ts'
import { ProducerStates } from './producer-state.ts'
import { Segment } from './segment.ts'
import { TailCache } from './tail-cache.ts'

await loadCompression()

const [seedFrom, seedTo] = (process.env['SEEDS'] ?? '1-80').split('-').map(Number)

test('random operations and crashes agree with an array', async () => {
  const sums = { appends: 0, crashes: 0, compactions: 0, trims: 0, retentions: 0, truncated: 0 }
  for (let seed = seedFrom ?? 1; seed <= (seedTo ?? 1); seed++) {
    const counts = await runLogModel(seed)
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += counts[name]
  }
  // A run that did nothing would prove nothing.
  if (process.env['SEEDS'] === undefined) {
    assert.ok(sums.crashes > 100 && sums.compactions > 40 && sums.trims > 80 && sums.retentions > 40 && sums.truncated > 40, JSON.stringify(sums))
  }
})

/** Each replaces one method by a faulty one and gives back the way to restore it. */
const PLANTED: Readonly<Record<string, () => () => void>> = {
  'an append counts as durable before its fsync': () => replace(PartitionLog.prototype, 'flushed', () => () => Promise.resolve()),
  'readers see what is not durable': () => {
    const original = Object.getOwnPropertyDescriptor(PartitionLog.prototype, 'highWatermark') ?? {}
    Object.defineProperty(PartitionLog.prototype, 'highWatermark', { configurable: true, get(this: PartitionLog) { return this.logEndOffset } })
    return () => Object.defineProperty(PartitionLog.prototype, 'highWatermark', original)
  },
  'the last stable offset is one too high': () => replace(ProducerStates.prototype, 'firstUnstableOffset', original => function (this: ProducerStates) {
    const offset = original.call(this)
    return offset === undefined ? undefined : offset + 1
  }),
  'a flush round forgets the segment that was rolled away': () => replace(PartitionLog.prototype, 'beginFlush', original => function (this: PartitionLog) {
    const work = original.call(this)
    return work === undefined ? undefined : { ...work, files: work.files.slice(-1), done: () => work.done() }
  }),
  'a new segment is not made durable in its directory': () => replace(PartitionLog.prototype, 'beginFlush', original => function (this: PartitionLog) {
    const work = original.call(this)
    return work === undefined ? undefined : { ...work, directories: [], done: () => work.done() }
  }),
  'four batches per producer instead of five': () => replace(ProducerStates.prototype, 'apply', original => function (this: ProducerStates, batch, nowMs) {
    const completed = original.call(this, batch, nowMs)
    const entry = this.entry(batch.producerId)
    if (entry !== undefined) entry.batches = entry.batches.slice(-4)
    return completed
  }),
  'a snapshot restores one batch per producer': () => replace(ProducerStates.prototype, 'restore', original => function (this: ProducerStates, entries) {
    original.call(this, [...entries].map(entry => ({ ...entry, batches: entry.batches.slice(-1) })))
  }),
  'open transactions are forgotten by a snapshot': () => replace(ProducerStates.prototype, 'restore', original => function (this: ProducerStates, entries) {
    original.call(this, [...entries].map(entry => ({ ...entry, transactionFirstOffset: -1 })))
  }),
  'the transaction index is not written when a segment is finished': () => replace(Segment.prototype, 'seal', original => function (this: Segment) {
    const { aborted } = this
    this.aborted = []
    original.call(this)
    this.aborted = aborted
  }),
  'commit marks run ahead of what is durable': () => replace(CommitMarks.prototype, 'note', original => function (this: CommitMarks, topicId, partition, offset) {
    original.call(this, topicId, partition, offset + 3)
  }),
  'the tail cache keeps what compaction has rewritten': () => replace(TailCache.prototype, 'dropBelow', () => () => {}),
  'an unclean start keeps the leader epoch': () => replace(LeaderEpochs.prototype, 'assign', original => function (this: LeaderEpochs, epoch, startOffset) {
    return epoch === 0 && original.call(this, epoch, startOffset)
  }),
  'a segment is found by the last index entry above the offset': () => replace(Segment.prototype, 'findBatch', original => function (this: Segment, offset) {
    const place = original.call(this, offset)
    return place === undefined ? undefined : original.call(this, place.lastOffset + 1) ?? place
  }),
}

const PLANTED_SEEDS_MAX = 150

for (const [name, plant] of Object.entries(PLANTED)) {
  test(`planted bug is found: ${name}`, async () => {
    const restore = plant()
    try {
      for (let seed = 1; seed <= PLANTED_SEEDS_MAX; seed++) {
        try {
          await runLogModel(seed)
        } catch {
          return
        }
      }
      assert.fail(`not found within ${PLANTED_SEEDS_MAX} seeds`)
    } finally {
      restore()
    }
  })
}

/** Puts `make(original)` in the place of a method. */
function replace<T extends object, K extends keyof T>(target: T, name: K, make: (original: T[K]) => T[K]): () => void {
  const original = target[name]
  target[name] = make(original)
  return () => { target[name] = original }
}
