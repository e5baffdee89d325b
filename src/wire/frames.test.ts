import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetch } from './apis/01-fetch.ts'
import { metadata } from './apis/03-metadata.ts'
import { apiVersions } from './apis/18-api-versions.ts'
import { decodeRequest, decodeRequestHeader, decodeResponse, decodeResponseHeader, encodeRequest, encodeResponse } from './frames.ts'
import { ZERO_UUID } from './uuid.ts'

test('a request is read back, with defaults for what its version lacks', () => {
  const body = { topics: [{ name: 'orders' }, { name: 'größe' }], allowAutoTopicCreation: false }
  for (const version of [0, 4, 9, 13]) {
    const frame = frameOf(encodeRequest(metadata, version, { correlationId: 7, clientId: 'shop' }, body))
    const header = decodeRequestHeader(frame)
    assert.deepEqual([header.apiKey, header.apiVersion, header.correlationId, header.clientId], [3, version, 7, 'shop'])
    assert.deepEqual(decodeRequest(metadata, version, header.reader), {
      topics: body.topics.map(({ name }) => ({ topicId: ZERO_UUID, name })),
      allowAutoTopicCreation: version < 4, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false,
    })
    assert.equal(header.reader.remaining, 0)
  }
})

test('records travel by reference out and as a slice in', () => {
  const records = Buffer.alloc(5_000, 7)
  const chunks = encodeResponse(fetch, 17, 1, {
    responses: [{ topicId: 'Sg4pPkLVQm6jVFTTxh2hVw', partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 5, records }] }],
  })
  assert.ok(chunks.some(chunk => chunk === records))
  const frame = frameOf(chunks)
  const { correlationId, reader } = decodeResponseHeader(frame)
  assert.equal(correlationId, 1)
  const partition = decodeResponse(fetch, 17, reader).responses[0]?.partitions[0]
  assert.equal(partition?.records?.buffer, frame.buffer)
  assert.deepEqual(partition?.records, records)
  assert.equal(partition?.divergingEpoch, null)
})

test('the header of an ApiVersions response is never flexible', () => {
  const frame = frameOf(encodeResponse(apiVersions, 3, 9, { errorCode: 35, apiKeys: [] }))
  assert.equal(frame.toString('hex'), '00000009' + '0023' + '01' + '00000000' + '00')
})

test('unknown tagged fields are skipped, those that overrun are refused', () => {
  const tail = (hex: string): Buffer => Buffer.from('00120003' + '00000001' + '0001' + '61' + '00' + '02' + '61' + '02' + '62' + hex, 'hex')
  const read = (frame: Buffer): unknown => decodeRequest(apiVersions, 3, decodeRequestHeader(frame).reader)
  assert.deepEqual(read(tail('01' + '05' + '02' + 'ffff')), { clientSoftwareName: 'a', clientSoftwareVersion: 'b' })
  assert.throws(() => read(tail('01' + '05' + '03' + 'ffff')), { code: 'FRAME_MALFORMED' })
  assert.throws(() => read(tail('ffffffff0f')), { code: 'FRAME_MALFORMED' })
})

test('a count beyond the bytes left is refused before memory is taken', () => {
  const frame = Buffer.from('00030001' + '00000001' + 'ffff' + '7fffffff', 'hex')
  assert.throws(() => decodeRequest(metadata, 1, decodeRequestHeader(frame).reader), { code: 'FRAME_MALFORMED' })
})

function frameOf(chunks: readonly Buffer[]): Buffer {
  const all = Buffer.concat(chunks)
  assert.equal(all.readInt32BE(0), all.length - 4)
  return all.subarray(4)
}
