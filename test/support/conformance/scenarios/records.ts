/** Produce, Fetch, offsets by time and epoch, deleted records: with every refusal. */
import { produce } from '../../../../src/wire/apis/00-produce.ts'
import { fetch } from '../../../../src/wire/apis/01-fetch.ts'
import { listOffsets } from '../../../../src/wire/apis/02-list-offsets.ts'
import { deleteRecords } from '../../../../src/wire/apis/21-delete-records.ts'
import { offsetForLeaderEpoch } from '../../../../src/wire/apis/23-offset-for-leader-epoch.ts'
import { describeProducers } from '../../../../src/wire/apis/61-describe-producers.ts'
import { BatchBuilder } from '../../../../src/wire/batch-builder.ts'
import { crc32c } from '../../../../src/wire/crc32c.ts'
import type { RequestInput } from '../../../../src/wire/schema.ts'
import { textBatch } from '../../wire-client.ts'
import { ask, makeTopics, tell } from '../step.ts'
import type { Body, Run, Scenario, Step } from '../step.ts'

type PartitionData = RequestInput<typeof produce>['topicData'][number]['partitionData']

export function produceTo(topic: string, records: (run: Run) => Buffer | null, more: { acks?: number; index?: number; transactionalId?: string } = {}): Body<typeof produce> {
  return run => ({
    transactionalId: more.transactionalId === undefined ? null : run.name(more.transactionalId), acks: more.acks ?? -1, timeoutMs: 5000,
    topicData: [{ name: run.name(topic), topicId: run.topicId(run.name(topic)), partitionData: [{ index: more.index ?? 0, records: records(run) }] satisfies PartitionData }],
  })
}

const texts = (...values: string[]) => (run: Run): Buffer => textBatch(values, undefined, run.now)

/** A batch with some byte changed, and the CRC as it should be or not. */
function bent(at: number, value: number, rightCrc: boolean): (run: Run) => Buffer {
  return run => {
    const batch = textBatch(['a'], undefined, run.now)
    batch[at] = value
    if (rightCrc) batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
    return batch
  }
}

function keyed(...pairs: readonly (readonly [string, string | null])[]): (run: Run) => Buffer {
  return run => {
    const builder = new BatchBuilder({})
    for (const [key, value] of pairs) builder.append(run.now, Buffer.from(key), value === null ? null : Buffer.from(value), [{ key: 'h', value: Buffer.from('1') }])
    return builder.build()
  }
}

export const produced: Scenario = {
  name: 'records are produced, or refused', rungs: 11, steps: [
    makeTopics({ name: 'r1', partitions: 2 }, { name: 'r2', configs: { 'cleanup.policy': 'compact' } }, { name: 'r3', configs: { 'max.message.bytes': '200' } }, { name: 'r4', configs: { 'message.timestamp.type': 'LogAppendTime' } }),
    ask('send', produce, produceTo('r1', texts('a', 'b'))),
    ask('send keys and headers', produce, produceTo('r1', keyed(['k', 'v'], ['k', null]))),
    ask('acks of the leader', produce, produceTo('r1', texts('c'), { acks: 1 })),
    tell('no acks', produce, produceTo('r1', texts('d'), { acks: 0 })),
    ask('behind what was not answered', produce, produceTo('r1', texts('e'))),
    ask('log append time', produce, produceTo('r4', texts('a'))),
    ask('no such partition', produce, produceTo('r1', texts('a'), { index: 7 })),
    ask('no such topic', produce, run => ({ acks: -1, timeoutMs: 5000, topicData: [{ name: run.name('nope'), topicId: 'AbCdEfGhIjKlMnOpQrStUg', partitionData: [{ index: 0, records: texts('a')(run) }] }] })),
    ask('bad acks', produce, produceTo('r1', texts('a'), { acks: 2 })),
    ask('no key on a compacted topic', produce, produceTo('r2', texts('a'))),
    ask('a key on a compacted topic', produce, produceTo('r2', keyed(['k', 'v']))),
    ask('too large', produce, produceTo('r3', texts('a'.repeat(300)))),
    ask('broken CRC', produce, produceTo('r1', bent(30, 0xff, false))),
    ask('a control batch', produce, produceTo('r1', bent(22, 0x20, true))),
    ask('an unknown codec', produce, produceTo('r1', bent(22, 0x07, true))),
    ask('of the past format', produce, produceTo('r1', bent(16, 1, true))),
    ask('a wrong count', produce, produceTo('r1', bent(60, 9, true))),
    ask('a wrong last offset', produce, produceTo('r1', bent(26, 9, true))),
    ask('from the future', produce, produceTo('r1', () => textBatch(['a'], undefined, 4_102_444_800_000))),
    ask('two batches', produce, produceTo('r1', run => Buffer.concat([texts('a')(run), texts('b')(run)]))),
    ask('two partitions, one bad', produce, run => ({ acks: -1, timeoutMs: 5000, topicData: [{ name: run.name('r1'), topicId: run.topicId(run.name('r1')), partitionData: [{ index: 1, records: texts('x')(run) }, { index: 9, records: texts('y')(run) }] }] })),
    ask('nothing at all', produce, { acks: -1, timeoutMs: 5000, topicData: [] }),
    ask('the ends tell what was taken', listOffsets, run => ({ topics: [{ name: run.name('r1'), partitions: [{ partitionIndex: 0, timestamp: -1 }, { partitionIndex: 1, timestamp: -1 }] }, { name: run.name('r2'), partitions: [{ partitionIndex: 0, timestamp: -1 }] }] })),
  ],
}

const fetchFrom = (topic: string, partition: Partial<RequestInput<typeof fetch>['topics'][number]['partitions'][number]>, more: Partial<RequestInput<typeof fetch>> = {}): Body<typeof fetch> => run => ({
  maxWaitMs: 100, minBytes: 1, maxBytes: 1_000_000, sessionEpoch: -1,
  topics: [{ topic: run.name(topic), topicId: run.topicId(run.name(topic)), partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000, ...partition }] }], ...more,
})

export const fetched: Scenario = {
  name: 'records are fetched, or refused', rungs: 15, steps: [
    makeTopics({ name: 'f1', partitions: 2 }),
    ask('one', produce, produceTo('f1', texts('a', 'b', 'c'))), ask('two', produce, produceTo('f1', keyed(['k', 'v'], ['k', null]))), ask('other', produce, produceTo('f1', texts('x'), { index: 1 })),
    ask('all', fetch, fetchFrom('f1', {})),
    ask('from within a batch', fetch, fetchFrom('f1', { fetchOffset: 1 })),
    ask('at the end', fetch, fetchFrom('f1', { fetchOffset: 5 }, { maxWaitMs: 20 })),
    ask('beyond the end', fetch, fetchFrom('f1', { fetchOffset: 6 })),
    ask('before the start', fetch, fetchFrom('f1', { fetchOffset: -1 })),
    ask('no such partition', fetch, fetchFrom('f1', { partition: 5 })),
    ask('no such topic', fetch, { maxWaitMs: 100, minBytes: 1, sessionEpoch: -1, topics: [{ topic: 'nope', topicId: 'AbCdEfGhIjKlMnOpQrStUg', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }] }),
    ask('less than a batch', fetch, fetchFrom('f1', { fetchOffset: 0, partitionMaxBytes: 1 })),
    ask('no bytes at all', fetch, fetchFrom('f1', { partitionMaxBytes: 0 }, { maxBytes: 0, maxWaitMs: 20 })),
    ask('of a future epoch', fetch, fetchFrom('f1', { currentLeaderEpoch: 99 })),
    ask('of the epoch', fetch, fetchFrom('f1', { currentLeaderEpoch: 0 })),
    ask('diverged', fetch, fetchFrom('f1', { fetchOffset: 3, lastFetchedEpoch: 7 })),
    ask('read committed', fetch, fetchFrom('f1', {}, { isolationLevel: 1 })),
    ask('an unknown session', fetch, run => ({ maxWaitMs: 20, minBytes: 1, sessionId: 12_345, sessionEpoch: 3 + run.rung, topics: [] })),
    ask('an epoch without a session', fetch, { maxWaitMs: 20, minBytes: 1, sessionId: 0, sessionEpoch: 3, topics: [] }),
    ask('nothing', fetch, { maxWaitMs: 20, minBytes: 1, sessionEpoch: -1, topics: [] }),
    ask('both', fetch, run => ({
      maxWaitMs: 100, minBytes: 1, sessionEpoch: -1,
      topics: [{ topic: run.name('f1'), topicId: run.topicId(run.name('f1')), partitions: [{ partition: 0, fetchOffset: 3, partitionMaxBytes: 1000 }, { partition: 1, fetchOffset: 0, partitionMaxBytes: 1000 }, { partition: 2, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
    })),
    ask('delete records', deleteRecords, run => ({ topics: [{ name: run.name('f1'), partitions: [{ partitionIndex: 0, offset: 3 }] }], timeoutMs: 5000 })),
    ask('below the start', fetch, fetchFrom('f1', {})),
    ask('from the new start', fetch, fetchFrom('f1', { fetchOffset: 3 })),
    ask('delete too many', deleteRecords, run => ({ topics: [{ name: run.name('f1'), partitions: [{ partitionIndex: 0, offset: 9999 }, { partitionIndex: 8, offset: 0 }] }, { name: 'nope', partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: 5000 })),
    ask('delete from before', deleteRecords, run => ({ topics: [{ name: run.name('f1'), partitions: [{ partitionIndex: 0, offset: 1 }] }], timeoutMs: 5000 })),
    ask('delete a negative one', deleteRecords, run => ({ topics: [{ name: run.name('f1'), partitions: [{ partitionIndex: 0, offset: -7 }] }], timeoutMs: 5000 })),
    ask('delete all', deleteRecords, run => ({ topics: [{ name: run.name('f1'), partitions: [{ partitionIndex: 0, offset: -1 }] }], timeoutMs: 5000 })),
  ],
}

const offsetsOf = (partitionIndex: number, timestamp: number | ((run: Run) => number), more = {}, isolationLevel = 0): Body<typeof listOffsets> => run => ({
  isolationLevel, topics: [{ name: run.name('o1'), partitions: [{ partitionIndex, timestamp: typeof timestamp === 'number' ? timestamp : timestamp(run), ...more }] }],
})

function spread(run: Run): Buffer {
  const builder = new BatchBuilder({})
  for (const [index, deltaMs] of [0, 500, 200, 900].entries()) builder.append(run.now - 10_000 + deltaMs, Buffer.from('k'), Buffer.from(String(index)))
  return builder.build()
}

const offsetSteps: Step[] = [
  makeTopics({ name: 'o1', partitions: 2 }),
  ask('one', produce, produceTo('o1', spread)), ask('two', produce, produceTo('o1', texts('z'))),
  ...[-1, -2, -3, -4, -5, -6, -99].map(timestamp => ask(`offset ${timestamp}`, listOffsets, offsetsOf(0, timestamp))),
  ...[-1, -2, -3].map(timestamp => ask(`offset ${timestamp} of an empty partition`, listOffsets, offsetsOf(1, timestamp))),
  ask('latest committed', listOffsets, offsetsOf(0, -1, {}, 1)),
  ...[0, 100, 200, 500, 501, 900, 901].map(deltaMs => ask(`by time ${deltaMs}`, listOffsets, offsetsOf(0, run => run.now - 10_000 + deltaMs))),
  ask('by a time after the end', listOffsets, offsetsOf(0, run => run.now + 10_000_000)),
  ask('of no partition', listOffsets, offsetsOf(9, -1)),
  ask('of a future epoch', listOffsets, offsetsOf(0, -1, { currentLeaderEpoch: 99 })),
  ask('of no topic', listOffsets, { topics: [{ name: 'nope', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }),
  ask('twice', listOffsets, run => ({ topics: [{ name: run.name('o1'), partitions: [{ partitionIndex: 0, timestamp: -1 }, { partitionIndex: 0, timestamp: -2 }] }] })),
  ask('epochs', offsetForLeaderEpoch, run => ({ topics: [{ topic: run.name('o1'), partitions: [{ partition: 0, leaderEpoch: 0 }, { partition: 1, leaderEpoch: 0 }, { partition: 9, leaderEpoch: 0 }] }, { topic: 'nope', partitions: [{ partition: 0, leaderEpoch: 0 }] }] })),
  ask('a future epoch', offsetForLeaderEpoch, run => ({ topics: [{ topic: run.name('o1'), partitions: [{ partition: 0, leaderEpoch: 55 }] }] })),
  ask('asked in a future epoch', offsetForLeaderEpoch, run => ({ topics: [{ topic: run.name('o1'), partitions: [{ partition: 0, currentLeaderEpoch: 9, leaderEpoch: 0 }] }] })),
  ask('an undefined epoch', offsetForLeaderEpoch, run => ({ topics: [{ topic: run.name('o1'), partitions: [{ partition: 0, leaderEpoch: -1 }] }] })),
  ask('who produces', describeProducers, run => ({ topics: [{ name: run.name('o1'), partitionIndexes: [0, 9] }, { name: 'nope', partitionIndexes: [0] }] })),
]

export const offsets: Scenario = { name: 'offsets by time and by epoch', rungs: 10, steps: offsetSteps }
