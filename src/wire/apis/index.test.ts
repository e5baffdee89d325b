import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import type { SeededRandom } from '../../../test/support/seeded-random.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../consumer-protocol.ts'
import { decodeRequest, decodeRequestHeader, decodeResponse, decodeResponseHeader, encodeRequest, encodeResponse } from '../frames.ts'
import type { FieldShape, Shape } from '../schema-compiler.ts'
import { bytesMin } from '../schema-compiler.ts'
import { APIS } from './index.ts'

test('every API comes back from its bytes, in every version and both directions', () => {
  const random = seededRandom()
  let count = 0
  for (const [key, api] of APIS) {
    assert.equal(key, api.key)
    for (let version = api.versionMin; version <= api.versionMax; version++) {
      const flexible = api.isFlexible(version)
      for (let round = 0; round < 8; round++) {
        const what = `${api.name} v${version}, ${random.seedText}`
        const request = randomValue(api.request.shape, version, flexible, random)
        const frame = withoutSize(encodeRequest(api, version, { correlationId: round, clientId: round === 0 ? null : 'test' }, request))
        const header = decodeRequestHeader(frame)
        assert.deepEqual(decodeRequest(api, version, header.reader), request, what)
        assert.equal(header.reader.remaining, 0, what)
        const response = randomValue(api.response.shape, version, flexible, random)
        const answer = withoutSize(encodeResponse(api, version, round, response))
        assert.deepEqual(decodeResponse(api, version, decodeResponseHeader(answer).reader), response, what)
        count++
      }
    }
  }
  assert.ok(count > 1_000)
})

test('fields with a default may be left out and come back as their default', () => {
  for (const api of APIS.values()) {
    for (let version = api.versionMin; version <= api.versionMax; version++) {
      for (const codec of [api.request, api.response]) {
        const bare = bareValue(codec.shape)
        const isRequest = codec === api.request
        const frame = withoutSize(isRequest ? encodeRequest(api, version, { correlationId: 0, clientId: null }, bare) : encodeResponse(api, version, 0, bare))
        const value = isRequest ? decodeRequest(api, version, decodeRequestHeader(frame).reader) : decodeResponse(api, version, decodeResponseHeader(frame).reader)
        assert.ok(typeof value === 'object' && value !== null && codec.shape.kind === 'struct')
        assert.deepEqual(Object.keys(value), codec.shape.fields.map(field => field.name))
        assert.ok(!Object.values(value).includes(undefined), `${api.name} v${version}`)
      }
    }
  }
})

test('no element of an array is without bytes, or a count could not be checked', () => {
  for (const api of APIS.values()) {
    for (let version = api.versionMin; version <= api.versionMax; version++) {
      for (const codec of [api.request, api.response]) {
        for (const element of elementsOf(codec.shape)) assert.ok(bytesMin(element, version, api.isFlexible(version)) > 0, `${codec.name} v${version}`)
      }
    }
  }
})

test('subscriptions and assignments of classic consumers, all versions', () => {
  const subscription = { topics: ['a', 'b'], userData: Buffer.from('u'), ownedPartitions: [{ topic: 'a', partitions: [0, 2] }], generationId: 5, rackId: 'r1' }
  assert.deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription)
  assert.deepEqual(decodeSubscription(encodeSubscription(subscription, 1)), { ...subscription, generationId: -1, rackId: null })
  assert.deepEqual(decodeSubscription(encodeSubscription(subscription, 0)), { ...subscription, ownedPartitions: [], generationId: -1, rackId: null })
  const newer = Buffer.concat([encodeSubscription(subscription, 3), Buffer.from('more')])
  newer.writeInt16BE(9, 0)
  assert.deepEqual(decodeSubscription(newer), subscription)
  const assignment = { assignedPartitions: [{ topic: 'a', partitions: [1] }], userData: null }
  for (const version of [0, 1, 2, 3]) assert.deepEqual(decodeAssignment(encodeAssignment(assignment, version)), assignment)
  assert.deepEqual(decodeAssignment(Buffer.alloc(0)), { assignedPartitions: [], userData: null })
  assert.throws(() => decodeSubscription(Buffer.from('00000000ffff', 'hex')), { code: 'FRAME_MALFORMED' })
})

function withoutSize(chunks: readonly Buffer[]): Buffer {
  return Buffer.concat(chunks).subarray(4)
}

function isIn(field: FieldShape, version: number): boolean {
  return version >= field.from && version <= field.to
}

/** A value as decoding would give it: fields that the version lacks have their defaults. */
function randomValue(shape: Shape, version: number, flexible: boolean, random: SeededRandom): unknown {
  if (shape.kind === 'array') {
    if (shape.nullable && random.below(4) === 0) return null
    return Array.from({ length: random.below(4) }, () => randomValue(shape.element, version, flexible, random))
  }
  if (shape.kind === 'struct') {
    if (shape.nullable && random.below(3) === 0) return null
    return Object.fromEntries(shape.fields.map(field => [field.name, randomField(field, version, flexible, random)]))
  }
  switch (shape.name) {
    case 'int8': return random.below(256) - 128
    case 'int16': return random.below(65_536) - 32_768
    case 'uint16': return random.below(65_536)
    case 'int32': return random.below(2 ** 32) - 2 ** 31
    case 'int64': return random.below(3) === 0 ? -1 : random.below(2 ** 53)
    case 'float64': return random.below(1_000) / 7
    case 'bool': return random.below(2) === 0
    case 'uuid': return random.bytes(16).toString('base64url')
    case 'nullableString': return random.below(4) === 0 ? null : randomText(random)
    case 'string': return randomText(random)
    case 'nullableBytes': return random.below(4) === 0 ? null : random.bytes(random.below(1_200))
    case 'bytes': return random.bytes(random.below(40))
  }
}

function randomField(field: FieldShape, version: number, flexible: boolean, random: SeededRandom): unknown {
  if (!isIn(field, version)) return defaultOf(field)
  if (field.tag !== undefined && random.below(2) === 0) return defaultOf(field)
  const value = randomValue(field.shape, version, flexible, random)
  return value === null && version < field.nullableFrom ? (field.shape.kind === 'array' ? [] : '') : value
}

function defaultOf(field: FieldShape): unknown {
  if (field.default !== undefined) return field.default
  const { shape } = field
  if (shape.kind === 'array') return shape.nullable ? null : []
  if (shape.kind === 'struct') return null
  return { string: '', bool: false, uuid: 'A'.repeat(22), nullableString: null, nullableBytes: null, bytes: Buffer.alloc(0) }[shape.name as string] ?? (['nullableString', 'nullableBytes'].includes(shape.name) ? null : 0)
}

/** Only what must be given. */
function bareValue(shape: Shape): unknown {
  if (shape.kind === 'array') return []
  if (shape.kind === 'struct') return Object.fromEntries(shape.fields.filter(field => !field.optional).map(field => [field.name, bareValue(field.shape)]))
  switch (shape.name) {
    case 'bool': return false
    case 'string': return ''
    case 'uuid': return 'A'.repeat(22)
    case 'bytes': return Buffer.alloc(0)
    case 'nullableString':
    case 'nullableBytes': return null
    default: return 0
  }
}

function elementsOf(shape: Shape): Shape[] {
  if (shape.kind === 'array') return [shape.element, ...elementsOf(shape.element)]
  return shape.kind === 'struct' ? shape.fields.flatMap(field => elementsOf(field.shape)) : []
}

function randomText(random: SeededRandom): string {
  const alphabet = 'abcxyz0189._-äß€漢😀'
  const characters = [...alphabet]
  return Array.from({ length: random.below(random.below(20) === 0 ? 300 : 12) }, () => characters[random.below(characters.length)]).join('')
}
