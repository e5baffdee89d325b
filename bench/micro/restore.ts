/**
 * How fast a store is restored from its changelog into LMDB, and how long the thread is held up meanwhile (a member that runs inline sends its
 * heartbeats between turns).
 *
 *   node dist/bench/micro/restore.js [keys, default 300,000] [bytes per value, default 60]
 *
 * One partition on an embedded broker (a process of its own), every key once, uncompressed; client, restore and LMDB are in this process.
 * CPU time is this process's, LMDB's writer included, and of turns this thread's (Linux). Printed beside it: fetching and walking the same records, which is the ceiling. It does not
 * measure a broker's disk: the log is in the page cache.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { app, int64, text, topic } from 'millrace'
import { silentLogger } from '../../src/base/logger.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { FetchedCursor } from '../../src/client/fetched-batches.ts'
import { Fetcher } from '../../src/client/fetcher.ts'
import { Producer } from '../../src/client/producer.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { restoreShard } from '../../src/runtime/restore.ts'
import { lmdbStores } from '../../src/runtime/state/lmdb-store.ts'
import { ShardState } from '../../src/runtime/state/shard-state.ts'
import { build } from '../../src/topology/build.ts'
import { startBroker } from '../../test/support/broker.ts'

const keys = Number(process.argv[2] ?? 300_000)
const valueBytes = Number(process.argv[3] ?? 60)
const ROUNDS = 5

const plan = build(app('bench').task('count', ({ read }) => { read(topic('in', { key: text, value: int64 })).count('totals') }))
const [task] = plan.tasks
if (task?.kind !== 'native') throw new Error('no task')
const { stores } = task
const changelog = stores[0]?.changelog.name ?? ''

/** CPU time of this thread, milliseconds: what a loaded machine does to the clock does not show. */
function threadMs(): number {
  return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ', 1)[0]) / 1e6
}

interface Cost { readonly ms: number; readonly cpuMs: number; readonly threadMs: number; readonly turnsMs: readonly number[] }

/** What `work` cost, and the thread's CPU time of the longest turns of the event loop. */
async function measured(work: () => Promise<unknown>): Promise<Cost> {
  const turnsMs: number[] = []
  let last = threadMs()
  const watch = setInterval(() => {
    const now = threadMs()
    turnsMs.push(now - last)
    last = now
  }, 1)
  const cpuBefore = process.cpuUsage()
  const threadBefore = last
  const from = performance.now()
  await work()
  const { user, system } = process.cpuUsage(cpuBefore)
  clearInterval(watch)
  return { ms: performance.now() - from, cpuMs: (user + system) / 1e3, threadMs: threadMs() - threadBefore, turnsMs: turnsMs.sort((a, b) => b - a).slice(0, 5) }
}

function print(what: string, cost: Cost): void {
  const perRecord = (ms: number): string => (ms * 1e3 / keys).toFixed(2)
  console.log(`  ${what.padEnd(18)} ${cost.ms.toFixed(0).padStart(6)} ms, CPU ${perRecord(cost.cpuMs)} µs a record (this thread ${perRecord(cost.threadMs)}), longest turns ${cost.turnsMs.map(turn => turn.toFixed(1)).join(' ')} ms`)
}

async function fill(cluster: Cluster): Promise<void> {
  await new Admin(cluster).createTopics([{ name: changelog, partitions: 1 }])
  const producer = new Producer(cluster, { lingerMs: 5 })
  await producer.init()
  const value = Buffer.alloc(valueBytes, 1)
  for (let index = 0; index < keys; index++) {
    if (producer.full) await producer.drained()
    producer.send(changelog, 0, Date.now(), Buffer.from(`key-${String((index * 7_368_787) % keys).padStart(10, '0')}`), value)
  }
  await producer.flush()
  await producer.close()
}

async function walk(cluster: Cluster): Promise<number> {
  let wake: () => void = () => {}
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', bytesInFlightMax: 16 << 20, onData: () => wake() })
  const cursor = new FetchedCursor()
  let records = 0
  fetcher.assign(changelog, 0, 0)
  while (records < keys) {
    const batches = fetcher.poll()
    if (batches === undefined) await new Promise<void>(resolve => { wake = resolve })
    else {
      cursor.open(batches)
      while (cursor.next()) records++
      batches.release()
    }
  }
  await fetcher.close()
  return records
}

async function restore(cluster: Cluster, directory: string): Promise<number> {
  const provider = lmdbStores(realEnv.disk, 'bench')
  const open = async (): Promise<ShardState> => new ShardState(await provider.open(directory), { clock: realEnv.clock, stores: ['totals'] })
  const { state, records } = await restoreShard({
    env: realEnv, cluster, admin: new Admin(cluster), logger: silentLogger, bootId: 'bench', partition: 0, stores, state: await open(),
    reopenEmpty: open, onProgress: () => undefined, cancelled: () => false,
  })
  const entries = state.store.entryCount()
  if (records !== keys || entries !== keys) throw new Error(`${records} records and ${entries} entries of ${keys}`)
  await state.close()
  return records
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const broker = await startBroker({ durability: 'os' })
const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'bench' })
try {
  await fill(cluster)
  console.log(`node ${process.version}, ${keys} records of ${14 + valueBytes} bytes`)
  for (let round = 0; round < ROUNDS; round++) {
    print('fetch and walk', await measured(() => walk(cluster)))
    print('restore into LMDB', await measured(() => restore(cluster, join(directory, `store-${round}`))))
  }
} finally {
  await cluster.close()
  await broker.remove()
  rmSync(directory, { recursive: true, force: true })
}
