/**
 * Feeds numbered records to `sink-app` while it is killed at points of its progress: in the middle of a delivery, between delivery and commit, at each step of the
 * commit. Returns when everything is committed. What must be in the target is computed here from the numbers alone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { partitionOf } from '../../src/wire/partitioner.ts'
import { startBroker } from './broker.ts'
import { ROOT } from './need.ts'
import { startProcess } from './processes.ts'
import { numbers } from './sink-app.ts'

export interface SinkKillsOptions {
  readonly kind: 'files' | 'http' | 'postgres'
  readonly target: string
  /** Failpoints, one per kill: `in-deliver:3`. */
  readonly kills: readonly string[]
  readonly guard?: 'off' | undefined
  /** Between kill number `index` and the start after it. */
  readonly disturb?: ((index: number) => Promise<void>) | undefined
}

const GROUPS = 7
const PER_KILL = 150
const SETTLE_MS_MAX = 120_000

export interface Expected {
  readonly fed: number
  /** Each once. */
  readonly rows: readonly string[]
  /** `<group> <count>`, each once. */
  readonly counts: readonly string[]
}

/** At every step of a commit, delivery included. */
export const EVERY_POINT = ['in-deliver:2', 'after-deliver:2', 'in-deliver:7', 'after-flush:3', 'after-deliver:5', 'before-end-txn:2', 'after-end-txn:2']
/** Between delivery and commit, of both tasks. */
export const UNGUARDED = ['after-deliver:1', 'after-deliver:2', 'after-deliver:3']

export async function killSinks(options: SinkKillsOptions): Promise<Expected> {
  const broker = await startBroker({ partitions: 4, durability: 'os' })
  const folder = mkdtempSync(join(tmpdir(), 'millrace-sinks-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'feeder' })
  const admin = new Admin(cluster)
  const start = (failpoint?: string): ReturnType<typeof startProcess> => startProcess(process.execPath, ['--enable-source-maps', join(ROOT, 'dist', 'test', 'support', 'sink-app.js')], {
    env: { SINK_BOOTSTRAP: broker.bootstrap, SINK_DATA: folder, SINK_KIND: options.kind, SINK_TARGET: options.target, SINK_GUARD: options.guard ?? 'on', ...failpoint === undefined ? {} : { MILLRACE_FAILPOINT: failpoint } },
  })
  try {
    await admin.createTopics([{ name: numbers.name, partitions: 4 }])
    const producer = new Producer(cluster)
    await producer.init()
    let fed = 0
    const feed = async (count: number): Promise<void> => {
      for (const until = fed + count; fed < until; fed++) {
        const key = `k${fed % 50}`
        producer.send(numbers.name, partitionOf(Buffer.from(key), 4), Date.now(), numbers.key.serialize(key), numbers.value.serialize({ id: fed, group: `g${fed % GROUPS}` }))
      }
      await producer.flush()
    }
    for (const [index, failpoint] of options.kills.entries()) {
      await feed(PER_KILL)
      const app = start(failpoint)
      let over = false
      void app.exited.then(() => { over = true })
      // More and more until the point is reached: a kill is a matter of progress, not of time.
      for (const since = Date.now(); !over && Date.now() - since < SETTLE_MS_MAX;) {
        await feed(5)
        await new Promise(resolve => setTimeout(resolve, 100))
      }
      const ran = over ? await app.exited : await app.kill('SIGKILL')
      if (!over || ran.signal !== 'SIGKILL') throw new Error(`${failpoint} was not reached: ${ran.signal ?? ran.exitCode}\n${ran.stdout}\n${ran.stderr}`)
      await options.disturb?.(index)
    }
    const app = start()
    await app.waitFor(/running/)
    await committed(admin, app)
    await app.kill('SIGTERM')
    await producer.close()
    return expected(fed)
  } finally {
    await cluster.close()
    await broker.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Every input of every sub-topology is committed to its end. */
async function committed(admin: Admin, app: ReturnType<typeof startProcess>): Promise<void> {
  let ended = false
  void app.exited.then(() => { ended = true })
  for (const since = Date.now(); ;) {
    let left = 0
    const behind: string[] = []
    for (const [group, topics] of [['sinks.rows', [numbers.name]], ['sinks.counts', [numbers.name, 'sinks.counts.per-group.repartition', 'sinks.counts.out.repartition']]] as const) {
      const partitions = topics.flatMap(topic => [0, 1, 2, 3].map(partition => ({ topic, partition })))
      // In this order: what a commit wrote for the next sub-topology is in the ends that are asked for after it.
      const at = await admin.groupOffsets(group, partitions, { requireStable: true })
      const ends = await admin.listOffsets(partitions, 'latest', { isolation: 'read_committed' })
      for (const end of ends) {
        const committed = Math.max(0, at.find(each => each.topic === end.topic && each.partition === end.partition)?.offset ?? 0)
        left += end.offset - committed
        if (committed !== end.offset) behind.push(`${group} stands at ${committed} of ${end.offset} in ${end.topic}-${end.partition}`)
      }
    }
    if (left === 0) return
    if (ended || Date.now() - since > SETTLE_MS_MAX) throw new Error(`${left} records are not committed${ended ? ', and the app has ended' : ''}: ${behind.join(', ')}\n${app.stdout()}\n${app.stderr()}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function expected(fed: number): Expected {
  const ids = Array.from({ length: fed }, (_, id) => id)
  const seen = new Map<string, number>()
  return {
    fed,
    rows: ids.flatMap(id => id % 5 === 0 ? [] : id % 5 === 1 ? [`${id}a`, `${id}b`] : [String(id)]).sort(),
    counts: ids.map(id => {
      const group = `g${id % GROUPS}`
      const n = (seen.get(group) ?? 0) + 1
      seen.set(group, n)
      return `${group} ${n}`
    }).sort(),
  }
}

/** How often something comes more than once, in all. */
export function doubled(list: readonly string[]): number {
  return list.length - new Set(list).size
}
