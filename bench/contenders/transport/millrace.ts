/**
 * Millrace's client: produces or reads records and prints what the last 70 % of them took, as ../npm/transport.mjs does.
 *
 *   node millrace.js produce|consume BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS
 *
 * It reads each record's key and value in place, as its task loop does: the others hand out an object for each.
 */
import { Cluster, type FetchedBatches, FetchedCursor, Fetcher, Producer, realEnv } from 'millrace/client'

const [mode, bootstrap = '', topic = '', ...numbers] = process.argv.slice(2)
const [records = 0, bytes = 0, partitions = 1] = numbers.map(Number)
const SLICE = 2_000
const KEY = Buffer.from('key')
let seen = 0
let from: { readonly seen: number, readonly ms: number, readonly cpu: NodeJS.CpuUsage } | undefined

function count(more: number): void {
  seen += more
  if (from === undefined && seen >= records * 0.3) from = { seen, ms: performance.now(), cpu: process.cpuUsage() }
  if (seen < records || from === undefined) return
  const cpu = process.cpuUsage(from.cpu)
  console.log(JSON.stringify({ records: seen - from.seen, seconds: (performance.now() - from.ms) / 1_000, cpuSeconds: (cpu.user + cpu.system) / 1e6 }))
}

const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'transport' })
await cluster.partitions(topic)
if (mode === 'produce') {
  const producer = new Producer(cluster, { lingerMs: 5, onAck: (_topic, _partition, _offset, acked) => count(acked) })
  await producer.init()
  const value = Buffer.alloc(bytes, 'x')
  for (let sent = 0; sent < records;) {
    for (const end = Math.min(records, sent + SLICE); sent < end; sent++) producer.send(topic, sent % partitions, Date.now(), KEY, value)
    await (producer.full ? producer.drained() : new Promise(resolve => setImmediate(resolve)))
  }
  await producer.flush()
  await producer.close()
} else {
  let wake = (): void => {}
  const fetcher = new Fetcher(cluster, { isolation: 'read_uncommitted', onData: () => wake() })
  for (let partition = 0; partition < partitions; partition++) fetcher.assign(topic, partition, 'earliest')
  const cursor = new FetchedCursor()
  while (seen < records) {
    const fetched = fetcher.poll()
    if (fetched === undefined) {
      await new Promise<void>(resolve => { wake = resolve })
      continue
    }
    count(walk(cursor, fetched))
    fetched.release()
    await new Promise(resolve => setImmediate(resolve))
  }
  await fetcher.close()
}
await cluster.close()

function walk(over: FetchedCursor, fetched: FetchedBatches): number {
  let [found, size] = [0, 0]
  const walking = over.open(fetched)
  while (walking.next()) {
    size += walking.record.valueEnd - walking.record.valueStart
    found++
  }
  if (size !== found * bytes) throw new Error(`${found} records have ${size} bytes of values`)
  return found
}
