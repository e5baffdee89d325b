/**
 * How fast declared JSON is read and written, beside JSON.parse and JSON.stringify.
 *
 *   node dist/bench/micro/serde.js [rounds]
 *
 * Shop events of about 130 bytes with seven fields, 20,000 different ones, read in place from one buffer as out of a record batch. Every
 * way is run in turn, round after round; printed are the median and the range over the rounds of CPU time per event (garbage collection
 * on other threads included, waiting for a busy machine not), and the ratio to the baseline of its group. It does not measure what the garbage made here costs a heap full of other things, nor cold code.
 */
import { ByteWriter, f64, int64, json, record, text, type Serde } from 'millrace'

const EVENTS = 20_000
const rounds = Number(process.argv[2] ?? 7)

const Whole = record({ type: text, shopper: text, item: text, price: f64, at: int64, session: text, quantity: int64 })
const Three = record({ type: text, item: text, at: int64 })
const One = record({ item: text })
type Event = ReturnType<typeof Whole.deserialize>

const { buffer, ends } = documents()
const events = values(Whole)
const anyJson = json<Event>()
const into = new ByteWriter(1 << 20)

const groups: Readonly<Record<string, Readonly<Record<string, () => number>>>> = {
  'read, baseline JSON.parse of the whole': {
    'JSON.parse(buffer.toString())': () => read(anyJson),
    'record of 7 fields (all)': () => read(Whole),
    'record of 3 fields': () => read(Three),
    'record of 1 field': () => read(One),
    'pick of 3 fields': () => read(picked),
  },
  'write, baseline JSON.stringify into the same buffer': {
    'JSON.stringify, utf8': () => write(anyJson),
    'record of 7 fields': () => write(Whole),
  },
}
const picked = Whole.pick(['type', 'item', 'at'])

console.log(`node ${process.version}, ${EVENTS} events of ${Math.round(buffer.length / EVENTS)} bytes, ${rounds} rounds`)
for (const [group, ways] of Object.entries(groups)) {
  const times = new Map(Object.keys(ways).map(name => [name, [] as number[]]))
  for (let round = -2; round < rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const start = process.cpuUsage()
      const sum = way()
      const { user, system } = process.cpuUsage(start)
      const ns = (user + system) * 1e3 / EVENTS
      if (!(sum > 0)) throw new Error(`${name} did nothing`)
      // The first two rounds warm up.
      if (round >= 0) times.get(name)?.push(ns)
    }
  }
  console.log(`\n${group}`)
  const baseline = median(times.values().next().value ?? [])
  for (const [name, each] of times) {
    const mid = median(each)
    console.log(`  ${name.padEnd(32)} ${mid.toFixed(0).padStart(6)} ns  (${Math.min(...each).toFixed(0)}-${Math.max(...each).toFixed(0)})  ${(1e3 / mid).toFixed(2).padStart(6)} M/s  ${(baseline / mid).toFixed(1).padStart(5)} x`)
  }
}

function read(serde: Serde<object>): number {
  let sum = 0
  let start = 0
  for (const end of ends) {
    const value = serde.deserialize(buffer, start, end)
    if ('item' in value) sum++
    start = end
  }
  return sum
}

function write(serde: Serde<Event>): number {
  let sum = 0
  for (const event of events) {
    into.reset()
    serde.write(event, into)
    sum += into.length
  }
  return sum
}

function values(serde: Serde<Event>): Event[] {
  return ends.map((end, index) => serde.deserialize(buffer, ends[index - 1] ?? 0, end))
}

/** Seeded by position, so that every run reads the same bytes. */
function documents(): { readonly buffer: Buffer; readonly ends: readonly number[] } {
  const parts: Buffer[] = []
  const ends: number[] = []
  let size = 0
  for (let index = 0; index < EVENTS; index++) {
    const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0
    const part = Buffer.from(JSON.stringify({
      type: ['view', 'view', 'view', 'cart', 'purchase'][mixed % 5],
      shopper: `u-${mixed % 50_000}`,
      item: `i-${(mixed >>> 8) % 2_000}`,
      price: (mixed % 10_000) / 100,
      at: 1_700_000_000_000 + index * 37,
      session: `s-${(mixed >>> 4) % 20_000}`,
      quantity: 1 + mixed % 3,
    }))
    parts.push(part)
    size += part.length
    ends.push(size)
  }
  return { buffer: Buffer.concat(parts), ends }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
