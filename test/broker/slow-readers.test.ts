/** Memory of reads is used again once an answer has left: a reader who takes long must find in its answer what was read for it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { broker } from '../../src/broker/fixture.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { seededRandom } from '../../src/testing/sim/random.ts'
import { produce } from '../../src/wire/apis/00-produce.ts'
import { fetch } from '../../src/wire/apis/01-fetch.ts'
import { createTopics } from '../../src/wire/apis/19-create-topics.ts'
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { decodeResponse, decodeResponseHeader, encodeRequest } from '../../src/wire/frames.ts'
import { WireClient } from '../support/wire-client.ts'

const PARTITIONS = 4
const MIB = 1024 * 1024
const BATCHES = 8
const FETCH_VERSION = 12

const asked = (offset: number): Parameters<typeof fetch.request.encode>[2] => ({
  maxWaitMs: 0, minBytes: 1, maxBytes: 64 * MIB, isolationLevel: 0,
  topics: [{ topic: 't', partitions: Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, fetchOffset: offset, partitionMaxBytes: 4 * MIB })) }],
})

/** Asks, reads nothing for `pauseMs`, and gives the records of each partition. */
async function slowly(port: number, offset: number, pauseMs: number): Promise<(Buffer | null)[]> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.pause()
  for (const chunk of encodeRequest(fetch, FETCH_VERSION, { correlationId: 1, clientId: 'slow' }, asked(offset))) socket.write(chunk)
  await sleep(pauseMs)
  const parts: Buffer[] = []
  let [bytes, size] = [0, Infinity]
  for await (const part of socket) {
    const chunk = part as Buffer // No encoding is set.
    if (bytes === 0) size = 4 + chunk.readInt32BE(0)
    parts.push(chunk)
    bytes += chunk.length
    if (bytes >= size) break
  }
  const { reader } = decodeResponseHeader(Buffer.concat(parts).subarray(4))
  return decodeResponse(fetch, FETCH_VERSION, reader).responses.flatMap(topic => topic.partitions.map(({ records }) => records))
}

for (const [what, tailBytesMax] of [['from its segments', 0], ['from memory', 64 * MIB]] as const) {
  test(`a broker that reads ${what}: slow readers beside fast ones get what they asked for`, async context => {
    const seed = Date.now() % 2 ** 31
    context.diagnostic(`seed ${seed}`)
    const random = seededRandom(seed)
    const directory = mkdtempSync(join(tmpdir(), 'millrace-readers-'))
    const kafka = await broker({ data: directory, durability: 'os', tailBytesMax })
    try {
      const client = await WireClient.connect(realEnv, kafka.port)
      await client.request(createTopics, 7, { topics: [{ name: 't', numPartitions: PARTITIONS, replicationFactor: 1 }], timeoutMs: 1000 })
      const written: Buffer[][] = Array.from({ length: PARTITIONS }, () => [])
      for (let index = 0; index < BATCHES; index++) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const builder = new BatchBuilder({ codec: 'none' })
          builder.append(0, null, Buffer.alloc(MIB - 200, random.between(0, 255)))
          const records = builder.build()
          await client.request(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData: [{ index: partition, records }] }] })
          records.writeInt32BE(index, 4)
          written[partition]?.push(records.subarray(21))
        }
      }
      const check = (offset: number, answers: readonly (Buffer | null)[]): void => {
        assert.equal(answers.length, PARTITIONS)
        for (const [partition, records] of answers.entries()) {
          for (let at = 0, index = offset; at < (records?.length ?? 0); index++) {
            const end = at + 12 + (records?.readInt32BE(at + 8) ?? 0)
            assert.equal(records?.readInt32BE(at + 4), index)
            assert.ok(records?.subarray(at + 21, end).equals(written[partition]?.[index] ?? Buffer.alloc(0)), `batch ${index} of partition ${partition}, asked from ${offset} on`)
            at = end
          }
          assert.ok((records?.length ?? 0) >= 2 * MIB, 'there is much in an answer')
        }
      }
      // Paused ones fill their sockets; the others' reads go through the same memory meanwhile.
      await Promise.all(Array.from({ length: 24 }, async (_, index) => {
        const offset = index % (BATCHES - 3)
        check(offset, await slowly(kafka.port, offset, index % 3 === 0 ? 400 : random.between(0, 200)))
      }))
      client.close()
    } finally {
      await kafka.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })
}
