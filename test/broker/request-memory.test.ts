/** Memory of requests is used again once they are answered: whoever still refers to a request's bytes must find there what was sent. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { broker } from '../../src/broker/fixture.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { produce } from '../../src/wire/apis/00-produce.ts'
import { fetch } from '../../src/wire/apis/01-fetch.ts'
import { joinGroup } from '../../src/wire/apis/11-join-group.ts'
import { syncGroup } from '../../src/wire/apis/14-sync-group.ts'
import { createTopics } from '../../src/wire/apis/19-create-topics.ts'
import { walkBatches } from '../../src/wire/record-batch.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { textBatch, textValues, WireClient } from '../support/wire-client.ts'

const PARTITIONS = 3
const PRODUCERS = 3
const REQUESTS = 60
const KIB = 1024
/** Few, so that requests come that fit into the memory of others. */
const LENGTHS = [20 * KIB, 60 * KIB, 200 * KIB]

/** Says of itself what it is. */
function textOf(producer: number, index: number, length: number): string {
  return `${producer} ${index} ${length} ${String.fromCodePoint(97 + (producer * 7 + index) % 26).repeat(length)}`
}

/** Each value is whole, and those of a producer come in its order without a gap. */
function checkValues(values: readonly string[], where: string): void {
  const next = new Map<number, number>()
  for (const value of values) {
    const [producer = -1, index = -1, length = -1] = value.split(' ', 3).map(Number)
    assert.ok(value === textOf(producer, index, length), `${where}: the value of producer ${producer}, ${index}, is not what was sent`)
    assert.equal(index, next.get(producer) ?? 0, `${where}: the values of producer ${producer}`)
    next.set(producer, index + 1)
  }
  assert.deepEqual([...next.values()], Array.from({ length: PRODUCERS }, () => REQUESTS), where)
}

/** Reads each partition from 0 on until it has all records, one batch or many at a time; with rests, so that it asks for what others have been sent long ago. */
async function readAll(client: WireClient, below: (limit: number) => number, pauseMsMax: number): Promise<string[][]> {
  const values: string[][] = Array.from({ length: PARTITIONS }, () => [])
  const offsets: number[] = Array.from({ length: PARTITIONS }, () => 0)
  while (values.some(each => each.length < PRODUCERS * REQUESTS)) {
    const { responses } = await client.request(fetch, 12, { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 't', partitions: offsets.map((fetchOffset, partition) => ({ partition, fetchOffset, partitionMaxBytes: 512 * KIB * Math.max(0, below(8) - 6) })) }] })
    for (const { partitionIndex, errorCode, records } of responses[0]?.partitions ?? []) {
      assert.equal(errorCode, 0)
      for (const { baseOffset, lastOffset } of walkBatches(records ?? Buffer.alloc(0))) {
        assert.equal(baseOffset, offsets[partitionIndex], `partition ${partitionIndex}: the batch behind the last one`)
        offsets[partitionIndex] = lastOffset + 1
      }
      values[partitionIndex]?.push(...textValues(records))
    }
    await new Promise(resolve => setTimeout(resolve, below(pauseMsMax + 1)))
  }
  return values
}

for (const [what, tailBytesMax, isOnDisk] of [['keeps much in memory', 64 * KIB * KIB, true], ['soon forgets', 700 * KIB, true], ['keeps all in memory alone', undefined, false]] as const) {
  test(`a broker that ${what}: producers and readers beside each other, and every reader gets what was sent`, async context => {
    const { below, seedText } = seededRandom()
    context.diagnostic(seedText)
    const directory = mkdtempSync(join(tmpdir(), 'millrace-requests-'))
    const kafka = await broker({ ...isOnDisk ? { data: directory, durability: 'os' } : {}, ...tailBytesMax === undefined ? {} : { tailBytesMax } })
    try {
      const admin = await WireClient.connect(realEnv, kafka.port)
      await admin.request(createTopics, 7, { topics: [{ name: 't', numPartitions: PARTITIONS, replicationFactor: 1 }], timeoutMs: 1000 })
      const producing = Array.from({ length: PRODUCERS }, async (_, producer) => {
        const client = await WireClient.connect(realEnv, kafka.port)
        for (let index = 0; index < REQUESTS; index++) {
          // The batches of a request are alike, so that its frame is kept whole; or one is large and the others are copied.
          const length = below(4) === 0 ? below(300) : LENGTHS[below(LENGTHS.length)] ?? 0
          const partitionData = Array.from({ length: PARTITIONS }, (__, partition) => ({ index: partition, records: textBatch([textOf(producer, index, partition === 0 || index % 3 > 0 ? length : below(9 * KIB))]) }))
          const { responses } = await client.request(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData }] })
          assert.ok(responses[0]?.partitionResponses.every(({ errorCode }) => errorCode === 0))
        }
        client.close()
      })
      const reading = [0, 4, 15].map(async pauseMs => {
        const client = await WireClient.connect(realEnv, kafka.port)
        for (const [partition, values] of (await readAll(client, below, pauseMs)).entries()) checkValues(values, `${seedText}, pauses up to ${pauseMs} ms, partition ${partition}`)
        client.close()
      })
      await Promise.all([...producing, ...reading])
      for (const [partition, values] of (await readAll(admin, below, 0)).entries()) checkValues(values, `${seedText}, at the end, partition ${partition}`)
      admin.close()
    } finally {
      await kafka.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })
}

test('what a group keeps of a request stays as it was sent, whatever comes behind it', async () => {
  await using kafka = await broker()
  const [member, producer] = [await WireClient.connect(realEnv, kafka.port), await WireClient.connect(realEnv, kafka.port)]
  await producer.request(createTopics, 7, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1 }], timeoutMs: 1000 })
  const joined = member.request(joinGroup, 3, { groupId: 'g', sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000, memberId: '', protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(40 * KIB, 'm') }] })
  await kafka.advance(5000)
  const { memberId, generationId, members } = await joined
  assert.ok(members[0]?.metadata.equals(Buffer.alloc(40 * KIB, 'm')))
  const assignment = Buffer.alloc(40 * KIB, 'a')
  const sync = async (assignments: { memberId: string, assignment: Buffer }[]): Promise<Buffer> => (await member.request(syncGroup, 3, { groupId: 'g', generationId, memberId, assignments })).assignment
  assert.ok((await sync([{ memberId, assignment }])).equals(assignment))
  for (let round = 0; round < 10; round++) {
    // About as large, so that it would be lent the same memory.
    await producer.request(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData: [{ index: 0, records: textBatch(['x'.repeat(40 * KIB - 64 + 8 * round)]) }] }] })
    assert.ok((await sync([])).equals(assignment), `round ${round}`)
  }
  member.close()
  producer.close()
})
