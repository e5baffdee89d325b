import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from '../base/json-parse.ts'
import { ByteWriter } from './byte-writer.ts'
import { json } from './json.ts'
import { decodeReference, encodeReference } from './json-reference.ts'
import { compileScanner, GAVE_UP } from './json-scanner.ts'
import { bool, f64, int32, int64 } from './number.ts'
import { list, optional, record } from './record.ts'
import type { FieldSerde, Serde } from './serde.ts'
import { text } from './text.ts'

const decode = <T>(serde: Serde<T>, document: string): T => {
  // Surrounded by bytes that must not matter.
  const bytes = Buffer.from(`x"${document}"}]1`, 'utf8')
  return serde.deserialize(bytes, 2, 2 + Buffer.byteLength(document))
}

const Event = record({ type: text, item: text, price: optional(f64), at: int64 })

test('a record reads its declared fields and gives a plain object with all of them', () => {
  const value = decode(Event, '{"type":"view","other":{"a":[1,2,{"b":"}"}]},"item":"i-1","at":1700000000000}')
  assert.deepEqual(value, { type: 'view', item: 'i-1', price: undefined, at: 1_700_000_000_000 })
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.deepEqual(Object.keys(value), ['type', 'item', 'price', 'at'])
  assert.equal(JSON.stringify({ ...value }), '{"type":"view","item":"i-1","at":1700000000000}')
})

test('of a repeated field the last counts, also where an earlier one has a wrong type', () => {
  assert.equal(decode(Event, '{"type":"a","item":"x","at":1,"type":"b"}').type, 'b')
  assert.equal(decode(Event, '{"type":5,"item":"x","at":1,"type":"b"}').type, 'b')
  assert.throws(() => decode(Event, '{"type":"b","item":"x","at":1,"type":5}'), { code: 'SERDE_FAILED', message: 'field type: expected text, found number 5' })
  assert.equal(decode(Event, '{"type":"b","item":"x","at":1,"price":2,"price":null}').price, undefined)
})

test('escapes count in names and values, also in names in disguise', () => {
  assert.equal(decode(Event, '{"t\\u0079pe":"a","item":"x\\n\\ud83d\\ude00\\/","at":1}').item, 'x\n😀/')
  const odd = record({ 'a"b': int32, '\n': int32, '': int32, 'c\\': int32 })
  assert.deepEqual(decode(odd, '{"a\\"b":1,"\\n":2,"":3,"c\\\\":4}'), { 'a"b': 1, '\n': 2, '': 3, 'c\\': 4 })
  assert.throws(() => decode(odd, '{"a"b":1,"\\n":2,"":3,"c\\\\":4}'), /not JSON/)
})

test('names and values beyond ASCII are read', () => {
  const shop = record({ 商品: text, 价格: f64 })
  assert.deepEqual(decode(shop, '{"商品":"乌龙茶","价格":12.5,"备注":"好"}'), { 商品: '乌龙茶', 价格: 12.5 })
})

test('__proto__ is a field like any other, declared or not', () => {
  const serde = record({ ['__proto__']: text, a: int32 })
  const value = decode(serde, '{"__proto__":"p","a":1}')
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.deepEqual(Object.entries(value), [['__proto__', 'p'], ['a', 1]])
  assert.deepEqual(decode(record({ a: int32 }), '{"__proto__":{"a":2},"a":1}'), { a: 1 })
  assert.throws(() => decode(record({ toString: text }), '{}'), /field toString: missing/)
})

test('a wrong field is named with its path', () => {
  const order = record({ id: text, lines: list(record({ sku: text, count: int32, price: f64 })) })
  const failing = (document: string): string => {
    try {
      decode(order, document)
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'SERDE_FAILED')
      return error.message
    }
    return 'accepted'
  }
  assert.equal(failing('{"id":"1","lines":[{"sku":"a","count":1,"price":1},{"sku":"b","count":"2","price":1}]}'), 'field lines[1].count: expected a whole number of 32 bits, found text "2"')
  assert.equal(failing('{"id":"1","lines":[{"sku":"a","count":1}]}'), 'field lines[0].price: missing')
  assert.equal(failing('{"id":"1"}'), 'field lines: missing')
  assert.equal(failing('{"id":"1","lines":{}}'), 'field lines: expected a list, found an object')
  assert.equal(failing('[]'), 'expected an object, found a list')
  assert.match(failing('{"id":"1","lines":[]}x'), /^not JSON/)
  assert.match(failing('{"id":"1","lines":[],}'), /^not JSON/)
  assert.match(failing(''), /^not JSON/)
  assert.match(failing('\ufeff{"id":"1","lines":[]}'), /^not JSON/)
})

test('numbers keep their range and their sign', () => {
  const n = record({ i: optional(int32), l: optional(int64), f: optional(f64) })
  assert.ok(Object.is(decode(n, '{"i":-0}').i, -0))
  assert.equal(decode(n, '{"i":1e3}').i, 1000)
  assert.equal(decode(n, '{"l":9007199254740991}').l, Number.MAX_SAFE_INTEGER)
  assert.equal(decode(n, '{"f":0.1}').f, 0.1)
  assert.equal(decode(n, '{"f":123456789012345678901234567890}').f, 123456789012345678901234567890)
  for (const [document, problem] of [['{"i":2147483648}', /field i/], ['{"i":1.5}', /field i/], ['{"l":9007199254740992}', /field l/], ['{"f":1e999}', /field f/], ['{"f":01}', /not JSON/], ['{"f":.5}', /not JSON/], ['{"f":1.}', /not JSON/], ['{"f":+1}', /not JSON/], ['{"f":-}', /not JSON/]] as const) {
    assert.throws(() => decode(n, document), problem, document)
  }
})

test('pick reads the wanted fields only, and a time on the side', () => {
  const picked = Event.pick(['item'], 'at')
  assert.deepEqual(decode(picked, '{"type":"view","item":"i-1","at":17}'), { item: 'i-1' })
  assert.equal(picked.sideNumber(), 17)
  assert.equal(decode(picked, '{"item":"\\u0069-1","it\\u0065m":"i-2","at":18}').item, 'i-2')
  assert.equal(picked.sideNumber(), 18)
  const both = Event.pick(['at', 'price'], 'at')
  assert.deepEqual(decode(both, '{"type":"view","item":"i-1","at":19}'), { price: undefined, at: 19 })
  assert.equal(both.sideNumber(), 19)
  const maybe = Event.pick(['item'], 'price')
  decode(maybe, '{"item":"i"}')
  assert.ok(Number.isNaN(maybe.sideNumber()))
  assert.throws(() => decode(picked, '{"item":"i-1"}'), /field at: missing/)
  assert.deepEqual(decode(Event.pick(['type']), '{"type":"view"}'), { type: 'view' })
})

test('what is written is what JSON.stringify writes of the declared fields', () => {
  const written = Event.serialize({ type: 'a"\u0001\n😀', item: '乌龙茶', at: 12 }).toString()
  assert.equal(written, JSON.stringify({ type: 'a"\u0001\n😀', item: '乌龙茶', at: 12 }))
  const wide = { type: 'a', item: 'b', price: 1.5, at: -3, extra: 'not declared' }
  assert.equal(Event.serialize(wide).toString(), '{"type":"a","item":"b","price":1.5,"at":-3}')
  // A caller without types may hand in anything: it is refused with the field's name, never written wrong.
  const untyped: Serde<unknown> = Event
  assert.throws(() => untyped.serialize({ type: 'a', item: 'b', at: 1.5 }), /field at: expected a whole number/)
  assert.throws(() => untyped.serialize({ type: 'a', item: 'b', at: 1, price: Number.NaN }), /field price/)
  assert.throws(() => untyped.serialize({ type: 'a', at: 1 }), /field item: missing/)
  assert.throws(() => untyped.serialize(undefined), /expected an object|missing/)
})

// ---------------------------------------------------------------- random documents against JSON.parse

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

function randomOf(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const names = ['a', 'ab', 'abc', 'b', 'at', '__proto__', 'length', '商品', 'é', 'a"b', '\\', '1', '', 'constructor', 'x y']
const strings = ['', 'a', 'view', 'x'.repeat(24), 'y'.repeat(25), 'z'.repeat(300), '乌龙茶', '😀', '"', '\\', '\n\t', '\u0000', '\ud800', '\u2028', '\ufffd', 'é"é']

class Documents {
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)]
    assert.ok(item !== undefined)
    return item
  }

  chance(p: number): boolean {
    return this.#random() < p
  }

  serde(depth: number): FieldSerde<unknown> {
    const simple: FieldSerde<unknown>[] = [text, int32, int64, f64, bool, json<unknown>()]
    const kind = depth > 2 ? 0 : Math.floor(this.#random() * 4)
    if (kind === 1) return optional(this.serde(depth + 1))
    if (kind === 2) return list(this.serde(depth + 1))
    return kind === 3 ? this.record(depth + 1) : this.pick(simple)
  }

  record(depth: number): FieldSerde<unknown> {
    const fields: Record<string, FieldSerde<unknown>> = Object.create(null)
    for (let left = Math.floor(this.#random() * 5); left > 0; left--) fields[this.pick(names)] = this.serde(depth)
    return record(fields)
  }

  space(): string {
    return this.chance(0.9) ? '' : this.pick([' ', '\n', '\t\r ', '  '])
  }

  string(value: string): string {
    return this.chance(0.8) ? JSON.stringify(value) : `"${[...value].flatMap(character => Array.from(character.split(''), unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)).join('')}"`
  }

  /** A document that mostly fits `shape`. */
  fitting(shape: FieldSerde<unknown>['shape'], depth = 0): string {
    const around = (inner: string): string => this.space() + inner + this.space()
    if (depth > 6 || this.chance(0.03)) return around(this.any(depth))
    switch (shape.kind) {
      case 'text': return around(this.string(this.pick(strings)))
      case 'bool': return around(this.pick(['true', 'false']))
      case 'int32': return around(this.pick(['0', '-0', '7', '-2147483648', '2147483647', '12', '1e2', '100E-1']))
      case 'int64': return around(this.pick(['0', '1700000000000', '-9007199254740991', '9007199254740991', '5']))
      case 'f64': return around(this.pick(['0.1', '-1.5', '3.14159265358979', '1e-7', '123456789.123456789', '0.30000000000000004', '5e-324', '42', '1.7976931348623157e308']))
      case 'any': case 'checked': return this.any(depth)
      case 'optional': return this.chance(0.3) ? around('null') : this.fitting(shape.of, depth)
      case 'list': return around(`[${Array.from({ length: Math.floor(this.#random() * 4) }, () => this.fitting(shape.of, depth + 1)).join(',') || this.space()}]`)
      case 'record': {
        const entries = shape.fields.filter(field => this.chance(field.shape.kind === 'optional' ? 0.6 : 0.98)).map(field => ({ name: field.name, value: this.fitting(field.shape, depth + 1) }))
        while (this.chance(0.3)) entries.push({ name: this.pick(names), value: this.any(depth + 1) })
        if (this.chance(0.2)) entries.sort(() => this.#random() - 0.5)
        return around(`{${entries.map(({ name, value }) => `${this.space()}${this.string(name)}${this.space()}:${value}`).join(',') || this.space()}}`)
      }
    }
  }

  any(depth: number): string {
    const kind = depth > 6 ? 0 : Math.floor(this.#random() * 6)
    if (kind === 1) return `[${Array.from({ length: Math.floor(this.#random() * 3) }, () => this.any(depth + 1)).join(',')}]`
    if (kind === 2) return `{${Array.from({ length: Math.floor(this.#random() * 3) }, () => `${this.string(this.pick(names))}:${this.any(depth + 1)}`).join(',')}}`
    if (kind === 3) return this.string(this.pick(strings))
    return this.pick(['null', 'true', 'false', '1', '-2.5', '1e400', '01', 'nul', '"', '-', '1.', '"\\x"', '"\\u12g4"', '"a\u0001"'])
  }

  /** A document with some byte wrong. */
  damaged(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes)
    if (copy.length === 0) return copy
    const at = Math.floor(this.#random() * copy.length)
    switch (Math.floor(this.#random() * 4)) {
      case 0: copy[at] = Math.floor(this.#random() * 256); return copy
      case 1: return copy.subarray(0, at)
      case 2: return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1)])
      default: return Buffer.concat([copy.subarray(0, at), Buffer.from(this.pick(['"', '\\', '}', ',', ' ', '\u0000', '\xff'])), copy.subarray(at)])
    }
  }
}

interface Outcome {
  readonly value?: unknown
  readonly error?: string
}

function outcome(read: () => unknown): Outcome {
  try {
    return { value: read() }
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'SERDE_FAILED', String(error))
    return { error: error.message }
  }
}

test(`random documents mean what JSON.parse makes of them (SEED=${seed})`, () => {
  const documents = new Documents(randomOf(seed))
  let scanned = 0
  let accepted = 0
  for (let round = 0; round < 400; round++) {
    const serde = documents.record(0)
    const scanner = compileScanner(serde.shape)
    for (let turn = 0; turn < 25; turn++) {
      const whole = Buffer.from(documents.fitting(serde.shape), 'utf8')
      const bytes = documents.chance(0.3) ? documents.damaged(whole) : whole
      const framed = Buffer.concat([Buffer.from('{"'), bytes, Buffer.from(documents.pick(['', '}', '"', ' ', ',"a":1}', ']']))])
      const end = 2 + bytes.length
      const expected = outcome(() => decodeReference(serde.shape, framed.toString('utf8', 2, end)))
      const actual = outcome(() => serde.deserialize(framed, 2, end))
      const shown = `SEED=${seed} round ${round}.${turn} ${JSON.stringify(serde.shape)} ${bytes.toString()}`
      assert.deepEqual(actual, expected, shown)
      if (scanner !== undefined && scanner(framed, 2, end) !== GAVE_UP) scanned++
      if (expected.error !== undefined) continue
      accepted++
      // And back: what is written is what the reference writes, and means the same again.
      assert.equal(serde.serialize(expected.value).toString(), encodeReference(serde.shape, expected.value), shown)
      const tight = new ByteWriter(1 + turn)
      tight.bytes(Buffer.from('before'))
      serde.write(expected.value, tight)
      assert.equal(tight.toBuffer().toString(), `before${encodeReference(serde.shape, expected.value)}`, shown)
      assert.deepEqual(parseJson(serde.serialize(expected.value).toString()), parseJson(JSON.stringify(expected.value)), shown)
    }
  }
  assert.ok(accepted > 2000, `only ${accepted} documents were valid`)
  assert.ok(scanned > accepted / 2, `only ${scanned} of ${accepted} were read by the scanner itself`)
})

test('numbers with a fraction are written as JSON.stringify writes them', () => {
  const one = record({ n: f64 })
  const random = randomOf(seed)
  for (let index = 0; index < 20_000; index++) {
    const scale = 10 ** Math.floor(random() * 18)
    const n = (random() - 0.5) * scale
    const values = [n, Math.round(n * 100) / 100, Math.round(n * 10) / 10, Math.round(n) / 100, n / 1e9]
    for (const value of values) assert.equal(one.serialize({ n: value }).toString(), JSON.stringify({ n: value }), `seed ${seed}`)
  }
})
