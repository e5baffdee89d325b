import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { WireReader } from './reader.ts'
import { isUuid, newUuid, ONE_UUID, uuidFromBytes, uuidToBytes, ZERO_UUID } from './uuid.ts'
import { WireWriter } from './writer.ts'

const INT64_EDGES = [0, 1, -1, 63, 64, -64, -65, 8_191, 8_192, 2 ** 27, 2 ** 28 - 1, 2 ** 28, -(2 ** 28), 2 ** 31, 2 ** 32, -(2 ** 32) - 1, 2 ** 35, 2 ** 49, 2 ** 52, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]
const INT32_EDGES = INT64_EDGES.filter(value => (value | 0) === value).concat([-(2 ** 31), 2 ** 31 - 1])

test('numbers come back from their bytes', () => {
  const writer = new WireWriter()
  for (const value of INT64_EDGES) {
    writer.int64(value)
    writer.varlong(value)
  }
  for (const value of INT32_EDGES) {
    writer.int32(value)
    writer.varint(value)
    writer.uvarint(value >>> 0)
    writer.uint32(value >>> 0)
  }
  const reader = new WireReader(writer.toBuffer())
  for (const value of INT64_EDGES) {
    assert.equal(reader.int64(), value)
    assert.equal(reader.varlong(), value)
  }
  for (const value of INT32_EDGES) {
    assert.equal(reader.int32(), value)
    assert.equal(reader.varint(), value)
    assert.equal(reader.uvarint(), value >>> 0)
    assert.equal(reader.uint32(), value >>> 0)
  }
  assert.equal(reader.remaining, 0)
})

test('varints have the bytes that Kafka documents', () => {
  const hex = (write: (writer: WireWriter) => void): string => {
    const writer = new WireWriter()
    write(writer)
    return writer.toBuffer().toString('hex')
  }
  assert.equal(hex(writer => writer.varint(-1)), '01')
  assert.equal(hex(writer => writer.varint(150)), 'ac02')
  assert.equal(hex(writer => writer.uvarint(300)), 'ac02')
  assert.equal(hex(writer => writer.uvarint(0xffff_ffff)), 'ffffffff0f')
  assert.equal(hex(writer => writer.varlong(-(2 ** 31) - 1)), '8180808010')
})

test('values that do not fit are assertions, not cut to size', () => {
  const writer = new WireWriter()
  for (const write of [
    () => writer.int8(128), () => writer.int16(-32_769), () => writer.uint16(-1), () => writer.int32(2 ** 31), () => writer.uint32(-1), () => writer.int64(2 ** 53),
    () => writer.int32(1.5), () => writer.int16(Number.NaN), () => writer.uuid('short'), () => writer.uuid('!!!!!!!!!!!!!!!!!!!!!!'), () => writer.string('x'.repeat(32_768)),
  ]) assert.throws(write, { name: 'AssertionError' })
})

test('an int64 beyond 2^53 is refused, not rounded', () => {
  for (const hex of ['7fffffffffffffff', '8000000000000000', '0020000000000000']) {
    assert.throws(() => new WireReader(Buffer.from(hex, 'hex')).int64(), { code: 'FRAME_MALFORMED' })
  }
  assert.throws(() => new WireReader(Buffer.from('feffffffffffffffff01', 'hex')).varlong(), { code: 'FRAME_MALFORMED' })
  assert.throws(() => new WireReader(Buffer.from('ffffffff1f', 'hex')).uvarint(), { code: 'FRAME_MALFORMED' })
})

test('random writes of all lengths come back, across the ends of chunks', () => {
  const random = seededRandom()
  for (let round = 0; round < 100; round++) {
    const writer = new WireWriter(64)
    const parts: Buffer[] = []
    for (let count = 0; count < 60; count++) {
      const bytes = random.bytes(random.below(random.below(8) === 0 ? 3_000 : 90))
      parts.push(bytes)
      if (random.below(2) === 0) writer.bytes(bytes)
      else {
        writer.int32(bytes.length)
        writer.raw(bytes)
      }
      writer.compactString(bytes.toString('hex'))
    }
    const chunks = writer.chunks()
    const whole = Buffer.concat(chunks)
    assert.equal(whole.length, writer.length, random.seedText)
    const reader = new WireReader(whole)
    for (const part of parts) {
      assert.deepEqual(reader.bytes(), part, random.seedText)
      assert.equal(reader.compactString(), part.toString('hex'))
    }
  }
})

test('null, empty and text, in both encodings', () => {
  const writer = new WireWriter()
  for (const text of ['', 'a', 'größer', '漢字😀']) {
    writer.string(text)
    writer.nullableString(text)
    writer.compactString(text)
    writer.compactNullableString(text)
  }
  writer.nullableString(null)
  writer.compactNullableString(null)
  writer.nullableBytes(null)
  writer.compactNullableBytes(null)
  const reader = new WireReader(writer.toBuffer())
  for (const text of ['', 'a', 'größer', '漢字😀']) {
    for (const read of [() => reader.string(), () => reader.nullableString(), () => reader.compactString(), () => reader.compactNullableString()]) assert.equal(read(), text)
  }
  assert.deepEqual([reader.nullableString(), reader.compactNullableString(), reader.nullableBytes(), reader.compactNullableBytes()], [null, null, null, null])
  for (const [hex, read] of [['ffff', 'string'], ['00', 'compactString'], ['ffffffff', 'bytes'], ['00', 'compactBytes'], ['fffe', 'nullableString']] as const) {
    assert.throws(() => new WireReader(Buffer.from(hex, 'hex'))[read](), { code: 'FRAME_MALFORMED' }, read)
  }
})

test('UUIDs are 22 characters of base64url', () => {
  const random = seededRandom()
  for (let round = 0; round < 200; round++) {
    const uuid = newUuid(count => random.bytes(count))
    assert.ok(isUuid(uuid) && !uuid.startsWith('-') && uuid !== ZERO_UUID && uuid !== ONE_UUID)
    assert.equal(uuidFromBytes(uuidToBytes(uuid)), uuid)
  }
  assert.equal(uuidToBytes(ONE_UUID).toString('hex'), '00000000000000000000000000000001')
  for (const text of ['', 'short', `${'A'.repeat(21)}B`, '../../../../etc/passwd']) assert.equal(isUuid(text), false, text)
})
