/**
 * How fast the client produces, fetches and walks, against a real broker, each beside its ceiling.
 *
 *   node dist/bench/micro/client.js [--bootstrap localhost:9092] [--records 2000000] [--bytes 100] [--rounds 5] [--partitions 4] [--codec none]
 *
 * A topic is filled and read again, round after round; printed are the median and the range over the rounds, as records/s and as
 * CPU µs of this process per record (all its threads). The broker shares the machine and is not counted in the CPU figure.
 * - accumulate: `send` into batches that never leave (the producer is not initialized): what produce would cost without a network.
 * - produce: `send`, checksum, socket, acknowledgement; idempotent with acks=all, and acks=1 without idempotence.
 * - fetch: batches arrive and their checksums are verified, no record is looked at: the ceiling of the next.
 * - fetch and walk: every record visited in place; and with every value made a string.
 * - walk: the same records in memory, walked by the cursor: what remains without a network.
 * It does not measure latency, nor many partitions, nor a broker on another machine.
 */
import { Admin, Cluster, FetchedCursor, Fetcher, Producer, realEnv, type FetchedBatches, type ProducerOptions } from 'millrace/client'

const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1] ?? otherwise
}
const bootstrap = option('bootstrap', 'localhost:9092')
const records = Number(option('records', '2000000'))
const bytes = Number(option('bytes', '100'))
const rounds = Number(option('rounds', '5'))
const partitions = Number(option('partitions', '4'))
const codec = option('codec', 'none') as NonNullable<ProducerOptions['codec']> // Checked by the producer.

interface Sample { readonly rate: number, readonly cpuMicros: number }
const samples = new Map<string, Sample[]>()
const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'bench' })
const admin = new Admin(cluster)
const value = Buffer.alloc(bytes, '{"type":"view","item":"4711","price":12.5}')
const keys = Array.from({ length: 1_000 }, (_, index) => Buffer.from(`shopper-${index}`))
const walker = new FetchedCursor()
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

console.log(`node ${process.version}, ${records} records of ${bytes} B + key, ${partitions} partitions, codec ${codec}, ${bootstrap}`)
try {
  for (let round = -1; round < rounds; round++) {
    const topic = `bench-client-${process.pid}-${round + 1}`
    await admin.createTopics([{ name: topic, partitions, configs: { 'retention.ms': '-1' } }])
    await measure(round, 'accumulate (ceiling of produce)', () => accumulate(topic))
    await measure(round, 'produce, acks=1', () => produce(topic, { acks: 1 }))
    await measure(round, 'produce, idempotent, acks=all', () => produce(topic, {}))
    await measure(round, 'fetch (ceiling of walk)', () => fetch(topic, undefined))
    await measure(round, 'fetch and walk', () => fetch(topic, walk))
    await measure(round, 'fetch, walk, values as strings', () => fetch(topic, walkStrings))
    const kept = await keep(topic)
    await measure(round, 'walk in memory', () => Promise.resolve(kept.reduce((sum, each) => sum + walk(each), 0)))
    await admin.deleteTopics([topic])
  }
} finally {
  await cluster.close()
}
for (const [name, all] of samples) {
  const rates = all.map(each => each.rate).sort((a, b) => a - b)
  const cpu = all.map(each => each.cpuMicros).sort((a, b) => a - b)
  const spread = (rates.at(-1) ?? 0) / (rates[0] ?? 1) - 1
  console.log(`${name.padEnd(34)} ${thousands(rates[rates.length >> 1])} k/s (${thousands(rates[0])}-${thousands(rates.at(-1))}${spread > 0.15 ? ', noisy' : ''})  ${(cpu[cpu.length >> 1] ?? 0).toFixed(2)} µs CPU`)
}

function thousands(rate: number = 0): string {
  return Math.round(rate / 1_000).toString().padStart(5)
}

async function measure(round: number, name: string, work: () => Promise<number>): Promise<void> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const count = await work()
  const seconds = (performance.now() - start) / 1_000
  const used = process.cpuUsage(cpu)
  if (count < records) throw new Error(`${name}: ${count} of ${records} records`)
  // The first round warms up.
  if (round < 0) return
  const list = samples.get(name) ?? []
  list.push({ rate: count / seconds, cpuMicros: (used.user + used.system) / count })
  samples.set(name, list)
}

async function accumulate(topic: string): Promise<number> {
  let done = 0
  while (done < records) {
    // Dropped and made anew before it is full, since nothing leaves it.
    const producer = new Producer(cluster, { codec, bytesInFlightMax: 64 * 1024 * 1024 })
    for (; done < records && !producer.full; done++) producer.send(topic, done % partitions, 1_700_000_000_000, keys[done % 1_000] ?? null, value)
    await producer.close()
  }
  return done
}

async function produce(topic: string, options: ProducerOptions): Promise<number> {
  let acked = 0
  const producer = new Producer(cluster, { codec, ...options, onAck: (_topic, _partition, _offset, count) => { acked += count } })
  await producer.init()
  for (let done = 0; done < records;) {
    for (const end = Math.min(records, done + 2_000); done < end; done++) producer.send(topic, done % partitions, 1_700_000_000_000, keys[done % 1_000] ?? null, value)
    if (producer.full) await producer.drained()
    else await turn()
  }
  await producer.close()
  return acked
}

/** Reads `records` offsets, however they are spread; `visit` returns how many records it saw. */
async function fetch(topic: string, visit: ((fetched: FetchedBatches) => number) | undefined): Promise<number> {
  let wake = (): void => {}
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', onData: () => wake() })
  for (let partition = 0; partition < partitions; partition++) fetcher.assign(topic, partition, 'earliest')
  let count = 0
  while (count < records) {
    const fetched = fetcher.poll()
    if (fetched === undefined) {
      await new Promise<void>(resolve => { wake = resolve })
      continue
    }
    count += visit === undefined ? fetched.offsetNext - fetched.offsetWanted : visit(fetched)
    fetched.release()
    // As a consumer that shares its loop: the socket gets a turn after each part.
    await turn()
  }
  await fetcher.close()
  return count
}

async function keep(topic: string): Promise<FetchedBatches[]> {
  const kept: FetchedBatches[] = []
  await fetch(topic, fetched => {
    kept.push(fetched)
    return fetched.offsetNext - fetched.offsetWanted
  })
  return kept
}

function walk(fetched: FetchedBatches): number {
  const cursor = walker.open(fetched)
  let count = 0
  let sum = 0
  while (cursor.next()) {
    count++
    sum += cursor.record.valueEnd - cursor.record.valueStart
  }
  if (sum === 0) throw new Error('values are empty')
  return count
}

function walkStrings(fetched: FetchedBatches): number {
  const cursor = walker.open(fetched)
  let count = 0
  let sum = 0
  while (cursor.next()) {
    count++
    sum += cursor.record.buffer.toString('latin1', cursor.record.valueStart, cursor.record.valueEnd).length
  }
  if (sum === 0) throw new Error('values are empty')
  return count
}
