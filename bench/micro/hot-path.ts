/**
 * What a record costs from fetched batch to batch to be sent, without sockets, broker and commits: walk, decode, operators, state, encode, checksum.
 *
 *   node --expose-gc dist/bench/micro/hot-path.js [rounds]
 *
 * The jobs of bench/jobs, on events of that seed, in batches of 256 KiB; every way in turn, round after round. Printed is CPU time per record (garbage collection on
 * other threads included, waiting for a busy machine not), median and range. Of the counts it runs the half before the repartition topic: what is behind it gets a
 * hundredth of the records. It does not measure what reading and writing sockets costs, nor cold code.
 */
import { app, f64, int64, record, text, topic } from 'millrace'
import type { TaskTools } from 'millrace'
import type { FetchedBatches } from '../../src/client/fetched-batches.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { compileSubTopology } from '../../src/runtime/operators/compile.ts'
import { takesLateKeys } from '../../src/runtime/operators/late-keys.ts'
import { NO_ROWS, type Output } from '../../src/runtime/operators/operator.ts'
import { Shard } from '../../src/runtime/shard.ts'
import { PartitionQueue } from '../../src/runtime/source.ts'
import { MemoryStores } from '../../src/runtime/state/memory-store.ts'
import { ShardState } from '../../src/runtime/state/shard-state.ts'
import { build } from '../../src/topology/build.ts'
import { BatchBuilder } from '../../src/wire/batch-builder.ts'
import { partitionOfSlice } from '../../src/wire/partitioner.ts'
import { events as made } from '../jobs/events.ts'

const RECORDS = 200_000
const BATCH_BYTES = 256 * 1024
const PARTITIONS = 4
/** As many slices as a commit of 100 ms has, roughly. */
const COMMIT_RECORDS = 50_000
const rounds = Number(process.argv[2] ?? 7)

const ShopEvent = record({ type: text, shopper: text, item: text, price: f64, at: int64 })
const input = topic('in', { key: text, value: ShopEvent, time: 'at' })
const out = topic('out', { key: text, value: record({ item: text, price: f64, at: int64 }) })
const counts = topic('counts', { key: text, value: record({ item: text, from: int64, count: int64 }) })
const window = { tumbling: '1 minute', grace: '10 minutes', emit: 'final' } as const

const jobs: Readonly<Record<string, (tools: TaskTools) => void>> = {
  'a, closures': ({ read }) => { read(input).filter(event => event.type !== 'view').map(({ item, price, at }) => ({ item, price, at })).write(out, { key: row => row.item }) },
  'a, said steps': ({ read }) => { read(input, { fields: ['type', 'item', 'price', 'at'] }).where({ type: { not: 'view' } }).select('item', 'price', 'at').write(out, { key: 'item' }) },
  'b, a record for each': ({ read }) => { read(input, { fields: ['item'] }).keyBy(event => event.item).window({ ...window, emit: 'updates' }).count().map((count, { key, window: { start } }) => ({ item: key, from: start, count })).write(counts, { key: row => row.item }) },
  'b, combined, closures': ({ read }) => { read(input, { fields: ['item'] }).keyBy(event => event.item).window(window).count().map((count, { key, window: { start } }) => ({ item: key, from: start, count })).write(counts, { key: row => row.item }) },
  'b, combined, said steps': ({ read }) => { read(input, { fields: ['item'] }).keyBy('item').window(window).count().map((count, { key, window: { start } }) => ({ item: key, from: start, count })).write(counts, { key: row => row.item }) },
}

/** Batches to be sent, built and thrown away. */
class Batches implements Output {
  readonly #open: BatchBuilder[] = []
  records = 0
  bytes = 0

  send(): void {
    throw new Error('not used')
  }

  append(_topic: string, time: number, keyBuffer: Buffer, keyStart: number, keyEnd: number, valueBuffer: Buffer, valueStart: number, valueEnd: number): void {
    const partition = partitionOfSlice(keyBuffer, keyStart, keyEnd, PARTITIONS)
    const open = this.#open[partition] ??= new BatchBuilder({ bytesMax: BATCH_BYTES, bytesExpected: BATCH_BYTES })
    this.records++
    if (open.appendSlices(time, keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd)) return
    this.#close(partition, open)
    this.append(_topic, time, keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd)
  }

  flush(): void {
    this.#open.forEach((open, partition) => this.#close(partition, open))
  }

  #close(partition: number, open: BatchBuilder): void {
    this.bytes += open.build({ producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true }).length
    delete this.#open[partition]
  }
}

function fetched(): FetchedBatches {
  const parts: Buffer[] = []
  let builder = new BatchBuilder({ bytesMax: BATCH_BYTES })
  let offset = 0
  const close = (): void => {
    parts.push(builder.build({ baseOffset: offset }))
    offset += builder.count
    builder = new BatchBuilder({ bytesMax: BATCH_BYTES })
  }
  for (const { type, shopper, item, price, at } of made({ records: RECORDS, keys: 2_500, seed: 1 })) {
    const [key, value] = [Buffer.from(shopper), Buffer.from(`{"type":"${type}","shopper":"${shopper}","item":"${item}","price":${price},"at":${at}}`)]
    if (builder.append(at, key, value)) continue
    close()
    builder.append(at, key, value)
  }
  close()
  return { topic: 'in', partition: 0, batches: Buffer.concat(parts), offsetWanted: 0, offsetNext: offset, highWatermark: offset, lastStableOffset: offset, logStartOffset: 0, aborted: [], release: () => {} }
}

async function shardOf(described: (tools: TaskTools) => void, output: Output): Promise<Shard> {
  const [plan] = build(app('a').task('t', described)).tasks
  const sub = plan?.kind === 'native' ? plan.subTopologies[0] : undefined
  const head = sub?.sources[0]
  if (sub === undefined || head?.kind !== 'source') throw new Error('no source')
  const state = new ShardState(await new MemoryStores().open('s'), { clock: realEnv.clock, stores: sub.stores.map(store => store.name) })
  const run = compileSubTopology(sub, { partition: 0, state, output, rows: NO_ROWS, counters: { dropped: () => {} }, now: () => 0, globalTable: () => { throw new Error('none') } }, [])
  const operator = run.sources.get(head.id)
  if (operator === undefined) throw new Error('no operator')
  const queue = new PartitionQueue({ topic: 'in', partition: 0, heads: [{ key: head.key, value: head.value, time: head.time, tombstones: false, operator, lateKey: takesLateKeys(sub, head), bytes: run.byteHeads.get(head.id) }] },
    { skipping: false, skips: () => false, onBadRecord: ({ error }) => { throw error }, onNegativeTime: () => {} })
  queue.reset(0, -1)
  return new Shard({ id: { subTopology: 0, partition: 0 }, run, state, queues: [queue] })
}

const all = fetched()
console.log(`node ${process.version}, ${RECORDS} events of ${Math.round(all.batches.length / RECORDS)} bytes with their keys, ${rounds} rounds`)
const times = new Map(Object.keys(jobs).map(name => [name, [] as number[]]))
const sent = new Map<string, number>()
for (let round = -2; round < rounds; round++) {
  for (const [name, described] of Object.entries(jobs)) {
    const output = new Batches()
    const shard = await shardOf(described, output)
    globalThis.gc?.()
    const start = process.cpuUsage()
    shard.push(all)
    let [taken, next] = [0, COMMIT_RECORDS]
    for (let count = shard.slice(1_000, Infinity, () => 0); count > 0; count = shard.slice(1_000, Infinity, () => 0)) {
      taken += count
      if (taken < next) continue
      next += COMMIT_RECORDS
      shard.flush()
      output.flush()
    }
    shard.flush()
    output.flush()
    const { user, system } = process.cpuUsage(start)
    if (taken !== RECORDS || output.records === 0) throw new Error(`${name} took ${taken} and sent ${output.records}`)
    sent.set(name, output.records)
    if (round >= 0) times.get(name)?.push((user + system) * 1e3 / RECORDS)
  }
}
for (const [name, each] of times) {
  each.sort((left, right) => left - right)
  const median = each[Math.floor(each.length / 2)] ?? Number.NaN
  console.log(`  ${name.padEnd(26)} ${median.toFixed(0).padStart(6)} ns  (${(each[0] ?? 0).toFixed(0)}-${(each.at(-1) ?? 0).toFixed(0)})  ${(1e3 / median).toFixed(2).padStart(6)} M/s   ${sent.get(name)} sent`)
}
