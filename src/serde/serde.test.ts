import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from './byte-writer.ts'
import { bytes } from './bytes.ts'
import { json } from './json.ts'
import { bool, f64, int32, int64 } from './number.ts'
import { optional, record } from './record.ts'
import type { Serde } from './serde.ts'
import { schema, type StandardSchema } from './standard-schema.ts'
import { text } from './text.ts'
import { sessionWindowed, timeWindowed } from './window-key.ts'
import { Windowed } from './windowed.ts'

function roundTrip<T>(serde: Serde<T>, value: T, hex?: string): void {
  const alone = serde.serialize(value)
  if (hex !== undefined) assert.equal(alone.toString('hex'), hex)
  const into = new ByteWriter(1)
  into.bytes(Buffer.from('before'))
  serde.write(value, into)
  assert.deepEqual(into.toBuffer(), Buffer.concat([Buffer.from('before'), alone]))
  assert.deepEqual(serde.deserialize(into.buffer, 6, into.length), value)
}

test('numbers have the layout of Kafka\'s serializers', () => {
  roundTrip(int32, -2, 'fffffffe')
  roundTrip(int64, 1, '0000000000000001')
  roundTrip(int64, -1, 'ffffffffffffffff')
  roundTrip(int64, Number.MAX_SAFE_INTEGER, '001fffffffffffff')
  roundTrip(int64, Number.MIN_SAFE_INTEGER, 'ffe0000000000001')
  roundTrip(int64, -4_294_967_296, 'ffffffff00000000')
  roundTrip(f64, 1.5, '3ff8000000000000')
  roundTrip(f64, -0, '8000000000000000')
  roundTrip(bool, true, '01')
  roundTrip(bool, false, '00')
})

test('numbers out of range and bytes of a wrong length are refused, never rounded', () => {
  assert.throws(() => int32.serialize(2 ** 31), { code: 'SERDE_FAILED', message: '2147483648 is not an int32' })
  assert.throws(() => int64.serialize(2 ** 53), { code: 'SERDE_FAILED' })
  assert.throws(() => int64.deserialize(Buffer.from('0020000000000000', 'hex'), 0, 8), /int64 9007199254740992 is beyond/)
  assert.throws(() => int64.deserialize(Buffer.alloc(8), 0, 4), { message: 'int64 takes 8 bytes, here are 4' })
  assert.throws(() => bool.deserialize(Buffer.from([2]), 0, 1), /byte 2 is not a boolean/)
})

test('text is UTF-8, and what is not is refused, not replaced', () => {
  roundTrip(text, '')
  roundTrip(text, 'a key')
  roundTrip(text, '乌龙茶 😀 \ufffd')
  roundTrip(text, 'x'.repeat(10_000))
  assert.throws(() => text.deserialize(Buffer.from([0x61, 0xff]), 0, 2), { code: 'SERDE_FAILED', message: 'not UTF-8' })
  assert.throws(() => text.serialize('a\ud800'), /lone surrogate/)
  const untyped: Serde<unknown> = text
  assert.throws(() => untyped.serialize(5), /expected text, found number/)
  assert.throws(() => untyped.write(undefined, new ByteWriter()), /expected text, found undefined/)
})

test('interned strings are never mixed up', () => {
  for (let index = 0; index < 50_000; index++) {
    const value = `key-${index * 7919}`
    const bytesOf = Buffer.from(value)
    assert.equal(text.deserialize(bytesOf, 0, bytesOf.length), value)
  }
})

test('bytes come out as a buffer of their own', () => {
  const batch = Buffer.from('abcdef')
  const value = bytes.deserialize(batch, 1, 3)
  batch.fill(0)
  assert.equal(value.toString(), 'bc')
})

test('json takes anything JSON holds and refuses what it does not', () => {
  roundTrip(json<unknown>(), { a: [1, null, '😀'] })
  assert.throws(() => json<unknown>().serialize(undefined), { code: 'SERDE_FAILED', message: 'undefined cannot be written as JSON' })
  assert.throws(() => json<unknown>().serialize(1n), /BigInt/)
  assert.throws(() => json<unknown>().deserialize(Buffer.from('{'), 0, 1), /not JSON/)
})

test('optional stands for null outside, and inside a record for absence', () => {
  assert.equal(optional(text).optional, true)
  assert.equal(optional(text).kind, 'text')
  roundTrip(optional(text), 'a')
  assert.throws(() => optional(text).serialize(undefined), /null in Kafka/)
  assert.equal(record({ a: optional(text) }).serialize({}).toString(), '{}')
})

test('window keys have the layout of TimeWindowedSerializer and SessionWindowedSerializer', () => {
  roundTrip(timeWindowed(text, 60_000), new Windowed('k', { start: 120_000, end: 180_000 }), '6b000000000001d4c0')
  roundTrip(sessionWindowed(text), new Windowed('k', { start: 1, end: 2 }), '6b00000000000000020000000000000001')
  assert.throws(() => sessionWindowed(text).deserialize(Buffer.alloc(10), 0, 10), /ends with 16 bytes of window, here are 10/)
})

/** What zod and others give, by hand: a positive number under `n`. */
const positive: StandardSchema<{ readonly n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'by-hand',
    validate: value => {
      const n: unknown = typeof value === 'object' && value !== null && 'n' in value ? value.n : undefined
      return typeof n === 'number' && n > 0 ? { value: { n } } : { issues: [{ message: 'must be positive', path: ['n'] }] }
    },
  },
}

test('a Standard Schema validates what is read, alone and inside a record', () => {
  roundTrip(schema(positive), { n: 1 })
  const bad = Buffer.from('{"n":-1}')
  assert.throws(() => schema(positive).deserialize(bad, 0, bad.length), { code: 'SERDE_FAILED', message: 'field n: must be positive' })
  const order = record({ id: text, amount: schema(positive) })
  roundTrip(order, { id: 'a', amount: { n: 2 } })
  const inside = Buffer.from('{"id":"a","amount":{"n":0}}')
  assert.throws(() => order.deserialize(inside, 0, inside.length), /field amount: .*must be positive/)
})

test('a Standard Schema that answers later is refused', () => {
  const later: StandardSchema<number> = { '~standard': { version: 1, vendor: 'by-hand', validate: async () => ({ value: 1 }) } }
  assert.throws(() => schema(later).deserialize(Buffer.from('1'), 0, 1), /validates asynchronously/)
})
