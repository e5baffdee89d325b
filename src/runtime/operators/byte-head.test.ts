import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { app, bool, f64, int32, int64, optional, record, text, topic } from 'millrace'
import type { TaskTools } from 'millrace'
import { messageOf } from '../../base/errors.ts'
import { InProcess, thrown } from '../../../test/support/in-process.ts'
import { seededRandom } from '../../../test/support/seeded-random.ts'

const Event = record({ type: text, item: text, price: f64, n: int64, at: int64, seen: bool, coupon: optional(text), rank: optional(int32) })
const events = topic('events', { key: optional(text), value: Event, time: 'at' })
const Row = record({ item: text, price: f64, coupon: optional(text), n: f64 })
const rows = topic('rows', { key: text, value: Row })
const same = topic('same', { key: optional(text), value: Event })
const flags = topic('flags', { key: text, value: record({ seen: bool, rank: optional(int64) }) })
const counts = topic('counts', { key: text, value: int64 })

/** The same task, said and programmed. */
const declared = ({ read }: TaskTools): void => {
  const all = read(events)
  all.where({ type: { not: 'view' }, price: { atLeast: 1, below: 400 } }).select('item', 'price', 'coupon', 'n').write(rows, { key: 'item' })
}
const programmed = ({ read }: TaskTools): void => {
  read(events).filter(e => e.type !== 'view' && e.price >= 1 && e.price < 400).map(({ item, price, coupon, n }) => coupon === undefined ? { item, price, n } : { item, price, coupon, n }).write(rows, { key: row => row.item })
}
const pairs: readonly (readonly [string, (tools: TaskTools) => void, (tools: TaskTools) => void])[] = [
  ['select and write', declared, programmed],
  ['where on an absent field, pass on as it came', ({ read }) => { read(events).where({ coupon: { not: 'x"y' }, seen: true }).write(same) }, ({ read }) => { read(events).filter(e => e.coupon !== 'x"y' && e.seen).write(same) }],
  ['a key by name, a list of values', ({ read }) => { read(events).where({ type: { in: ['view', 'ké', 'cart'] }, rank: { atMost: 3 } }).select('seen', 'rank', 'item').keyBy('item').map(({ seen, rank }) => rank === undefined ? { seen } : { seen, rank }).write(flags) },
    ({ read }) => { read(events).filter(e => ['view', 'ké', 'cart'].includes(e.type) && e.rank !== undefined && e.rank <= 3).keyBy(e => e.item).map(({ seen, rank }) => rank === undefined ? { seen } : { seen, rank }).write(flags) }],
  ['objects for closures behind', ({ read }) => { read(events).where({ n: { above: -5 } }).map(e => e.n).write(counts, { key: (_n, { topic: name, time }) => `${name}${time}` }) },
    ({ read }) => { read(events).filter(e => e.n > -5).map(e => e.n).write(counts, { key: (_n, { topic: name, time }) => `${name}${time}` }) }],
  ['counted by a field', ({ read }) => { read(events).where({ seen: true }).keyBy('item').window({ tumbling: '10 ms', grace: '1 second', emit: 'final' }).count().write(counts, { key: (count, { key, window }) => `${key}${window.start}${count}` }) },
    ({ read }) => { read(events).filter(e => e.seen).keyBy(e => e.item).window({ tumbling: '10 ms', grace: '1 second', emit: 'final' }).count().write(counts, { key: (count, { key, window }) => `${key}${window.start}${count}` }) }],
]

const RECORDS = 2_000
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

/** JSON as other programs write it, and as it should not be. */
function document(random: { next(): number }): Buffer {
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random.next() * of.length)] ?? (of[0] as T) // Never empty.
  const word = (): string => pick('"view"', '"cart"', '"k\\u00e9"', '"ké"', '"x\\"y"', '"\\/"', '"a\\nb"', '"价格"', '""', '"item-0042"', '"\\ud83d\\ude00"', '"a-text-that-is-longer-than-what-is-interned"')
  const number = (): string => pick('0', '-0', '1', '12.5', '399.99', '1.50', '5.0', '1e2', '1E-7', '0.000001', '0.0000001', '-3', '400', '123456789012345678', '9007199254740993', '1e999', '0.1', '100.25')
  const whole = (): string => pick('0', '1', '-7', '42', '3', '3.0', '2.5', '1e1', '9007199254740993', '2147483648', '-2147483648')
  const space = (): string => random.next() < 0.1 ? pick(' ', '\n', '\t', '  ') : ''
  const fields = [['type', word()], ['item', word()], ['price', number()], ['n', whole()], ['at', pick('1', '5', '17', '-1', '40', '3.0', '2.5')], ['seen', pick('true', 'false', 'true', '"true"', 'null')]]
  if (random.next() < 0.5) fields.push(['coupon', pick(word(), 'null', '7')])
  if (random.next() < 0.5) fields.push(['rank', pick(whole(), 'null')])
  if (random.next() < 0.3) fields.push(['more', pick('{"a":[1,{"b":"}"}]}', '[]', '"\\u12"', 'tru', '1')])
  if (random.next() < 0.1) fields.push([pick('item', 'price', 'ite\\u006d', 'type'), pick(word(), number())])
  if (random.next() < 0.05) fields.splice(Math.floor(random.next() * fields.length), 1)
  if (random.next() < 0.3) fields.sort(() => random.next() - 0.5)
  let text = `${space()}{${fields.map(([name, value]) => `${space()}"${name}"${space()}:${space()}${value}${space()}`).join(',')}}${space()}`
  if (random.next() < 0.05) text = text.slice(0, Math.floor(random.next() * text.length))
  if (random.next() < 0.03) text += pick('x', '}', ' 1')
  const bytes = Buffer.from(text)
  if (random.next() < 0.03) bytes[Math.floor(random.next() * bytes.length)] = pick(0xff, 0x00, 0x80, 0x22, 0x5c)
  return bytes
}

/** What became of a record: rows, or the error. */
function outcome(process: InProcess, value: Buffer, key: Buffer | null, time: number): unknown {
  let error = ''
  const from = process.output.length
  try {
    process.pipe({ topic: 'events', key, value, time, headers: [] })
  } catch (problem) {
    error = messageOf(problem)
  }
  return [error, process.output.slice(from).map(row => [row.topic, row.key?.toString('latin1'), row.value?.toString('latin1'), row.time])]
}

for (const [name, said, programmedToo] of pairs) {
  test(`${name}: said and programmed mean the same`, async () => {
    const whole = seededRandom(seed)
    const random = { next: () => whole.below(1_000_000) / 1_000_000 }
    const [one, other] = await Promise.all([InProcess.start(app('a').task('t', said)), InProcess.start(app('a').task('t', programmedToo))])
    let errors = 0
    for (let index = 0; index < RECORDS; index++) {
      const value = document(random)
      const key = random.next() < 0.1 ? null : Buffer.from(`k${index % 7}`)
      const expected = outcome(other, value, key, index)
      deepEqual(outcome(one, value, key, index), expected, `seed ${seed}: ${value.toString()}`)
      if (Array.isArray(expected) && expected[0] !== '') errors++
    }
    ok(one.readInBytes > RECORDS / 8, `${one.readInBytes} were run over their bytes`)
    ok(errors > RECORDS / 40 && errors < RECORDS * 0.9, `${errors} were refused`)
    await one.close()
    await other.close()
  })
}

test('a comparison that is none is refused where it is written', () => {
  match(thrown(() => app('a').task('t', ({ read }) => {
    // @ts-expect-error there is no such comparison
    read(events).where({ price: { under: 3 } })
  })), /where: 'price' is compared with \{"under":3\}/)
  // @ts-expect-error no such field
  equal(typeof app('a').task('t', ({ read }) => { read(events).where({ prise: 3 }).write(same) }), 'object')
})
