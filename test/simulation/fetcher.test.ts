/** The fetcher on a simulated machine, with a broker that answers wrongly: corrupt batches, truncated logs, moved leaders. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Broker } from '../../src/broker/broker.ts'
import { Control } from '../../src/broker/control.ts'
import type { InterceptedRequest } from '../../src/broker/control.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { FetchedCursor } from '../../src/client/fetched-batches.ts'
import { Fetcher } from '../../src/client/fetcher.ts'
import type { FetcherOptions } from '../../src/client/fetcher.ts'
import { Producer } from '../../src/client/producer.ts'
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { Sim } from '../../src/testing/sim/sim.ts'

interface Stage {
  readonly sim: Sim
  readonly cluster: Cluster
  readonly control: Control
  readonly sleep: (ms: number) => Promise<void>
  readonly errors: { code: unknown, detail: unknown }[]
  fetcher(options?: Partial<FetcherOptions>): Fetcher
}

/** Topic `t` with one partition that holds the numbers 0 to 99 in ten batches. */
async function onStage(act: (stage: Stage) => Promise<void>): Promise<void> {
  const sim = new Sim({ seed: 1 })
  const control = new Control()
  const { env } = sim.process('client')
  await sim.run((async () => {
    await Broker.start(sim.process('broker').env, { directory: '/data', port: 9092, control })
    const cluster = await Cluster.connect(env, { bootstrap: '127.0.0.1:9092' })
    await new Admin(cluster).createTopics([{ name: 't', partitions: 1 }])
    const producer = new Producer(cluster)
    await producer.init()
    for (let index = 0; index < 100; index++) {
      producer.send('t', 0, 0, null, Buffer.from(String(index)))
      if (index % 10 === 9) await producer.flush()
    }
    await producer.close()
    const errors: Stage['errors'] = []
    await act({
      sim, cluster, control, errors, sleep: ms => env.clock.sleep(ms),
      fetcher: options => new Fetcher(cluster, {
        isolation: 'read_committed', waitMsMax: 50,
        onError: (_topic, _partition, error) => { errors.push({ code: 'code' in error ? error.code : undefined, detail: 'detail' in error ? error.detail : undefined }) }, ...options,
      }),
    })
    await cluster.close()
  })())
}

async function read(stage: Stage, fetcher: Fetcher, count: number): Promise<number[]> {
  const numbers: number[] = []
  const cursor = new FetchedCursor()
  for (let turn = 0; numbers.length < count && turn < 400; turn++) {
    const fetched = fetcher.poll()
    if (fetched === undefined) {
      await stage.sleep(10)
      continue
    }
    cursor.open(fetched)
    while (cursor.next()) numbers.push(Number(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd)))
    fetched.release()
  }
  return numbers
}

/** A Fetch answer with `records` for the one partition asked for. */
function fetchAnswer({ request }: InterceptedRequest, records: Buffer): unknown {
  const { topics } = request as { topics: { topic: string, topicId: string }[] } // The hook is for Fetch alone.
  return {
    responses: topics.map(({ topic, topicId }) => ({
      topic, topicId, partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 100, lastStableOffset: 100, logStartOffset: 0, records }],
    })),
  }
}

function batch(baseOffset: number): Buffer {
  const builder = new BatchBuilder()
  builder.append(0, null, Buffer.from(String(baseOffset)))
  return builder.build({ baseOffset, leaderEpoch: 0 })
}

test('a batch that does not match its checksum stops the partition, and nothing of it is handed out; a seek goes on', () => onStage(async stage => {
  const bad = batch(1)
  bad[bad.length - 2] = (bad.at(-2) ?? 0) ^ 1
  for (const records of [bad, Buffer.concat([batch(0), bad])]) {
    const take = stage.control.on('Fetch', request => ({ kind: 'answer', body: fetchAnswer(request, records) }), { times: 1 })
    const fetcher = stage.fetcher()
    fetcher.assign('t', 0, 0)
    assert.deepEqual(await read(stage, fetcher, 1), [])
    assert.deepEqual(stage.errors.splice(0).map(each => each.code), ['BATCH_CORRUPT'])
    assert.equal(fetcher.bytesHeld, 0)
    take()
    fetcher.seek('t', 0, 95)
    assert.deepEqual(await read(stage, fetcher, 5), [95, 96, 97, 98, 99])
    await fetcher.close()
  }
}))

test('an answer without one whole batch stops the partition', () => onStage(async stage => {
  stage.control.on('Fetch', request => ({ kind: 'answer', body: fetchAnswer(request, batch(0).subarray(0, 65)) }), { times: 1 })
  const fetcher = stage.fetcher()
  fetcher.assign('t', 0, 0)
  assert.deepEqual(await read(stage, fetcher, 1), [])
  assert.deepEqual(stage.errors.map(each => each.code), ['BATCH_CORRUPT'])
  await fetcher.close()
}))

test('errors that pass are waited out without a gap or a repeat', () => onStage(async stage => {
  for (const error of ['NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'FENCED_LEADER_EPOCH', 'KAFKA_STORAGE_ERROR', 'OFFSET_NOT_AVAILABLE', 'UNKNOWN_SERVER_ERROR'] as const) {
    const fetcher = stage.fetcher({ bytesPerPartitionMax: 200 })
    fetcher.assign('t', 0, 'earliest')
    assert.equal((await read(stage, fetcher, 10))[9], 9)
    stage.control.on('Fetch', () => ({ kind: 'fail', error }), { times: 3 })
    assert.deepEqual((await read(stage, fetcher, 90)).slice(-1), [99], error)
    await fetcher.close()
  }
  assert.deepEqual(stage.errors, [])
}))

test('when the leader epoch has risen a position that was truncated away is reported, or reset to where the logs part', () => onStage(async stage => {
  const meta = stage.cluster.partitionKnown('t', 0)
  const bumped = { ...meta, leaderEpoch: (meta?.leaderEpoch ?? 0) + 1 }
  for (const reset of ['error', 'latest'] as const) {
    const fetcher = stage.fetcher({ reset })
    fetcher.assign('t', 0, 0)
    assert.equal((await read(stage, fetcher, 100)).length, 100)
    stage.control.on('OffsetForLeaderEpoch', () => ({
      kind: 'answer', body: { topics: [{ topic: 't', partitions: [{ errorCode: 0, partition: 0, leaderEpoch: 0, endOffset: 90 }] }] },
    }), { times: 1 })
    Object.defineProperty(stage.cluster, 'partitionKnown', { value: () => bumped, configurable: true })
    // The broker would fence the made-up epoch: from here on the true one is told again.
    const untilAsked = stage.errors.length
    await stage.sleep(200)
    Reflect.deleteProperty(stage.cluster, 'partitionKnown')
    if (reset === 'error') {
      await stage.sleep(500)
      assert.equal(stage.errors.length, untilAsked + 1)
      assert.deepEqual(stage.errors[0]?.detail, { topic: 't', partition: 0, offset: 100, truncatedTo: 90, kafkaCode: 1, kafkaError: 'OFFSET_OUT_OF_RANGE' })
    } else assert.deepEqual(await read(stage, fetcher, 10), [90, 91, 92, 93, 94, 95, 96, 97, 98, 99])
    await fetcher.close()
  }
}))

test('a partition that becomes fetchable during a long poll of another need not wait for it', () => onStage(async stage => {
  await new Admin(stage.cluster).createTopics([{ name: 'idle', partitions: 1 }])
  const fetcher = stage.fetcher({ waitMsMax: 30_000 })
  fetcher.assign('idle', 0, 0)
  await stage.sleep(100)
  const before = stage.sim.time.elapsedMs
  fetcher.assign('t', 0, 90)
  assert.deepEqual((await read(stage, fetcher, 10)).length, 10)
  assert.ok(stage.sim.time.elapsedMs - before < 1_000)
  await fetcher.close()
}))

/** Every connection that the fetcher may have is taken by a long poll: of `idle-1`, and of `idle-2`. */
async function twoLongPolls(stage: Stage): Promise<Fetcher> {
  await new Admin(stage.cluster).createTopics(['idle-1', 'idle-2'].map(name => ({ name, partitions: 1 })))
  const fetcher = stage.fetcher({ waitMsMax: 30_000 })
  for (const name of ['idle-1', 'idle-2']) {
    fetcher.assign(name, 0, 0)
    await stage.sleep(20)
  }
  return fetcher
}

test('a partition that becomes fetchable while every connection waits for others is fetched at once', () => onStage(async stage => {
  const fetcher = await twoLongPolls(stage)
  for (const from of [90, 95]) {
    const before = stage.sim.time.elapsedMs
    fetcher.assign('t', 0, from)
    assert.equal((await read(stage, fetcher, 100 - from)).length, 100 - from)
    assert.ok(stage.sim.time.elapsedMs - before <= 30, `${stage.sim.time.elapsedMs - before} ms`)
    // And it is waited for like the others.
    await stage.sleep(20)
  }
  await fetcher.close()
}))

test('what is waited for is heard of at once, also after connections were cut to make room', () => onStage(async stage => {
  const fetcher = await twoLongPolls(stage)
  fetcher.assign('t', 0, 100)
  await stage.sleep(20)
  const producer = new Producer(stage.cluster)
  await producer.init()
  for (const topic of ['idle-1', 't', 'idle-2']) {
    producer.send(topic, 0, 0, null, Buffer.from('7'))
    await producer.flush()
    const before = stage.sim.time.elapsedMs
    assert.deepEqual(await read(stage, fetcher, 1), [7])
    assert.ok(stage.sim.time.elapsedMs - before <= 20, `${topic}: ${stage.sim.time.elapsedMs - before} ms`)
  }
  await producer.close()
  await fetcher.close()
}))

test('a fetch that began before a seek holds up nothing', () => onStage(async stage => {
  const fetcher = await twoLongPolls(stage)
  for (const name of ['idle-1', 'idle-2']) fetcher.seek(name, 0, 0)
  await stage.sleep(20)
  for (const name of ['idle-1', 'idle-2']) fetcher.unassign(name, 0)
  const before = stage.sim.time.elapsedMs
  fetcher.assign('t', 0, 99)
  assert.deepEqual(await read(stage, fetcher, 1), [99])
  assert.ok(stage.sim.time.elapsedMs - before <= 20)
  await fetcher.close()
}))

test('the end of a partition is known without waiting for data', () => onStage(async stage => {
  const fetcher = stage.fetcher({ waitMsMax: 30_000 })
  fetcher.assign('t', 0, 'latest')
  await stage.sleep(20)
  assert.equal(fetcher.progress('t', 0)?.lastStableOffset, 100)
  await fetcher.close()
}))

test('after a seek nothing that was fetched before is handed out', () => onStage(async stage => {
  const fetcher = stage.fetcher()
  fetcher.assign('t', 0, 0)
  await stage.sleep(300)
  assert.ok(fetcher.bytesHeld > 0)
  fetcher.seek('t', 0, 50)
  assert.equal(fetcher.poll(), undefined)
  assert.equal(fetcher.bytesHeld, 0)
  // Also what was asked for before and is still on its way.
  stage.control.on('Fetch', () => ({ kind: 'delay', ms: 100 }), { times: 1 })
  await stage.sleep(1)
  fetcher.seek('t', 0, 97)
  assert.deepEqual(await read(stage, fetcher, 3), [97, 98, 99])
  fetcher.unassign('t', 0)
  assert.equal(fetcher.progress('t', 0), undefined)
  assert.throws(() => fetcher.seek('t', 0, 1), { code: 'USAGE' })
  await fetcher.close()
}))
