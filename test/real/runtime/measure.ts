/**
 * Measures one stateless task, exactly-once, on a Kafka: catching up (records per second) and caught up (milliseconds from event to committed output).
 * It says nothing of other engines, and on a busy machine not much of this one: run it on a quiet one, more than once.
 *
 *   node dist/test/real/runtime/measure.js --bootstrap localhost:19092 [--records 1000000] [--rate 1000] [--seconds 10] [--threads 0]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { app, f64, int64, record, text, topic } from 'millrace'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { FetchedCursor } from '../../../src/client/fetched-batches.ts'
import { Fetcher } from '../../../src/client/fetcher.ts'
import { Producer } from '../../../src/client/producer.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { run } from '../../../src/runtime/app.ts'

const PARTITIONS = 4
const prefix = process.env['MEASURE_PREFIX'] ?? `measure${process.pid}`
process.env['MEASURE_PREFIX'] = prefix // Worker threads load this module again.
const Event = record({ type: text, shopper: text, item: text, price: f64, at: int64 })
const events = topic(`${prefix}.events`, { key: text, value: Event, partitions: PARTITIONS })
const bought = topic(`${prefix}.bought`, { key: text, value: record({ item: text, price: f64, at: int64 }), partitions: PARTITIONS })

const described = app(prefix).task('bought', ({ read }) => read(events)
  .filter(event => event.type !== 'view')
  .map(event => ({ item: event.item, price: event.price * 100, at: event.at }))
  .write(bought, { key: value => value.item }))

export default described

const eventBytes = (index: number): Buffer => Buffer.from(JSON.stringify({ type: index % 2 === 0 ? 'purchase' : 'view', shopper: `shopper-${index % 9973}`, item: `item-${index % 997}`, price: (index % 500) / 10, at: Date.now() }))

async function main(): Promise<void> {
  const { values } = parseArgs({ options: {
    bootstrap: { type: 'string', default: 'localhost:19092' }, records: { type: 'string', default: '1000000' }, rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' }, threads: { type: 'string', default: '0' },
  } })
  const count = Number(values.records)
  const data = mkdtempSync(join(tmpdir(), 'millrace-measure-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: values.bootstrap, clientId: 'measure' })
  const admin = new Admin(cluster)
  await admin.createTopics([{ name: events.name, partitions: PARTITIONS }])
  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  const send = (index: number): void => producer.send(events.name, index % PARTITIONS, Date.now(), Buffer.from(`shopper-${index % 9973}`), eventBytes(index))
  for (let index = 0; index < count; index++) {
    if (producer.full) await producer.drained()
    send(index)
  }
  await producer.flush()
  await producer.close()
  const running = await run(described, { bootstrap: values.bootstrap, dataDirectory: data, metrics: false, threads: Number(values.threads), entry: import.meta.url })
  try {
    await catchUp(running, count)
    await caughtUp(cluster, running, Number(values.rate), Number(values.seconds))
  } finally {
    await running.close()
    await admin.deleteTopics((await admin.listTopics()).filter(name => name.startsWith(`${prefix}.`)))
    await cluster.close()
    rmSync(data, { recursive: true, force: true })
  }
}

async function catchUp(running: Awaited<ReturnType<typeof run>>, count: number): Promise<void> {
  const samples: { at: number; in: number }[] = []
  const cpuBefore = process.cpuUsage()
  for (;;) {
    const [task] = (await running.status()).tasks
    samples.push({ at: performance.now(), in: task?.in ?? 0 })
    if ((task?.in ?? 0) >= count) break
    await realEnv.clock.sleep(50)
  }
  const cpu = process.cpuUsage(cpuBefore)
  const [first, last] = [samples.find(sample => sample.in > 0) ?? samples[0], samples.at(-1)]
  const perSecond = Math.round(((last?.in ?? 0) - (first?.in ?? 0)) / Math.max(1, (last?.at ?? 0) - (first?.at ?? 0)) * 1000)
  const [task] = (await running.status()).tasks
  console.log(JSON.stringify({ catchingUp: { records: count, perSecond, cpuMicrosPerRecord: Math.round((cpu.user + cpu.system) / count * 100) / 100, commits: task?.commits, commitMsP50: task?.commitMsP50, commitMsP99: task?.commitMsP99 } }))
}

async function caughtUp(cluster: Cluster, running: Awaited<ReturnType<typeof run>>, rate: number, seconds: number): Promise<void> {
  const hops: number[] = []
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', onData: () => receive() })
  const cursor = new FetchedCursor()
  const receive = (): void => {
    for (let batches = fetcher.poll(); batches !== undefined; batches = fetcher.poll()) {
      cursor.open(batches)
      while (cursor.next()) hops.push(Date.now() - (JSON.parse(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd)) as { at: number }).at) // Written by the task above.
      batches.release()
    }
  }
  await realEnv.clock.sleep(2_000) // What was caught up with is committed by now.
  for (let partition = 0; partition < PARTITIONS; partition++) fetcher.assign(bought.name, partition, 'latest')
  await realEnv.clock.sleep(1_000)
  const producer = new Producer(cluster)
  await producer.init()
  const startedAt = Date.now()
  let sent = 0
  while (Date.now() - startedAt < seconds * 1_000) {
    for (const due = Math.floor((Date.now() - startedAt) / 1_000 * rate); sent < due; sent++) producer.send(events.name, sent % PARTITIONS, Date.now(), Buffer.from(`s${sent % 97}`), eventBytes(sent * 2))
    await realEnv.clock.sleep(5)
  }
  await producer.close()
  await realEnv.clock.sleep(1_000)
  await fetcher.close()
  hops.sort((a, b) => a - b)
  const at = (share: number): number | undefined => hops[Math.floor(hops.length * share)]
  const [task] = (await running.status()).tasks
  console.log(JSON.stringify({ caughtUp: { eventsPerSecond: rate, seen: hops.length, sent, eventToCommittedOutputMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99) }, commitMsP50: task?.commitMsP50, commitMsP99: task?.commitMsP99 } }))
}

if (process.argv[1]?.endsWith('measure.js') === true) await main()
