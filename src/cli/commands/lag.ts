/**
 * `millrace lag`: how far every group is behind, in records and in seconds, when it will have caught up and why it lags; and every task whose engine commits
 * no offsets, by its own word.
 *
 * Latency needs looks: with `--watch` it is that of the looks so far, with `--status` what the running app has measured of each of its tasks.
 *
 * Where something lags it looks twice, a second apart: rates need two looks. What processes of ours have told of themselves in the last minutes counts too.
 */
import type { Admin } from '../../client/admin.ts'
import type { Cluster } from '../../client/cluster.ts'
import { type StormFigures, stormText } from '../../engines/storm/metrics.ts'
import { collectLag, type PartitionLag } from '../../http/lag.ts'
import { Latencies, type Latency, latencyText } from '../../http/latency.ts'
import { metricsTail } from '../../http/metrics-tail.ts'
import { type CatchUp, LagWatch } from '../../planner/catch-up.ts'
import { catchUpText, causeText } from '../../planner/catch-up-text.ts'
import { holdersOf } from '../../planner/collect.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand } from '../command.ts'
import { withCluster } from '../cluster.ts'
import { counted, groupDigits } from '../render.ts'
import { STATUS_OPTION, StatusClient } from '../status-client.ts'
import { existingGroup, LAG_HEAD, lagRow } from './group.ts'

const BETWEEN_LOOKS_MS = 1_000
/** Of the metrics, at looks after the first: some seconds of several processes. */
const RECENT_RECORDS = 100

/** Of a task whose engine keeps its positions to itself. */
interface ToldLag {
  readonly group: string
  readonly task: string
  readonly engine: string
  readonly records: number
  readonly catchUp: CatchUp
}

/** Of a task of the app with that status page. */
interface ToldTask {
  readonly group: string
  readonly task: string
  readonly engine: string
  readonly latency: Latency | null
  readonly storm: StormFigures | null
}

interface GroupCatchUp extends CatchUp {
  readonly group: string
  readonly records: number
  /** `null` where nothing went through while somebody looked. */
  readonly latency: Latency | null
}

export const lag = defineCommand({
  path: ['lag'],
  summary: 'how far groups are behind, when they will have caught up, and why they lag',
  positionals: [{ name: 'GROUP', describe: 'this group only', optional: true }],
  options: {
    ...CLUSTER_OPTIONS,
    watch: { type: 'boolean', short: 'w', describe: 'again every second, until Ctrl-C' },
    status: { ...STATUS_OPTION, describe: 'also latencies, and tasks whose engine commits no offsets, as the running app with this status page knows them' },
  },
  examples: ['millrace lag', 'millrace lag recommender.cooc --json', 'millrace lag --status http://localhost:9600'],
  run: call => withCluster(call, async (cluster, admin) => {
    const watch = new LagWatch()
    const latencies = new Latencies()
    let isFirst = true
    do {
      const only = call.positional('GROUP')
      const { told, tasks } = await toldBy(call, only)
      if (only !== undefined && told.length === 0) await existingGroup(admin, only)
      const groups = only === undefined ? (await admin.listGroups()).map(group => group.groupId).sort() : [only]
      const rows = await look(cluster, admin, groups, { lag: watch, latencies }, { isWatching: call.flag('watch'), isFirst })
      isFirst = false
      const latencyOf = (group: string): Latency | null => tasks.find(task => task.group === group)?.latency ?? latencies.of(group, cluster.env.clock.monotonic())
      const catchUps = [...await catchUpOf(admin, watch, rows), ...told.map(({ group, records, catchUp }) => ({ group, records, ...catchUp }))].map(each => ({ ...each, latency: latencyOf(each.group) }))
      const total = rows.reduce((sum, row) => sum + row.records, 0) + told.reduce((sum, row) => sum + row.records, 0)
      const seconds = rows.reduce<number | null>((most, row) => row.seconds === null || most === null ? null : Math.max(most, row.seconds), told.some(row => row.records > 0) ? null : 0)
      call.output.document({ records: total, seconds, partitions: rows, groups: catchUps, ...call.text('status') === undefined ? {} : { told, tasks } })
      call.output.table(LAG_HEAD, [...rows.map(lagRow), ...told.map(row => [row.group, `(told by ${row.engine})`, '-', '-', '-', row.records, 'n/a'])], { right: [2, 3, 4, 5, 6] })
      call.output.line(rows.length + told.length === 0 ? 'No group has committed an offset.' : `LAG ${counted(total, 'record')} ≈ ${seconds === null ? 'n/a' : `${seconds.toFixed(1)} s`}`)
      showCatchUps(call, catchUps)
      showLatencies(call, catchUps, tasks)
      if (call.flag('watch')) await cluster.env.clock.sleep(BETWEEN_LOOKS_MS)
    } while (call.flag('watch') && !call.signal.aborted)
    return 0
  }),
})

/** A second look where something lags and there was no look before. */
async function look(cluster: Cluster, admin: Admin, groups: readonly string[], { lag: watch, latencies }: { readonly lag: LagWatch, readonly latencies: Latencies }, { isWatching, isFirst }: { readonly isWatching: boolean, readonly isFirst: boolean }): Promise<PartitionLag[]> {
  const once = async (): Promise<PartitionLag[]> => {
    const lookedAt = cluster.env.clock.monotonic()
    const rows = await collectLag(cluster, admin, groups, { now: Date.now })
    latencies.takeEnds(lookedAt, rows.map(({ topic, partition, end }) => ({ topic, partition, offset: end })))
    for (const { group, topic, partition, committed, seconds } of rows) if (committed !== null) latencies.takePosition(group, lookedAt, { topic, partition, offset: committed, waitedMs: seconds === null ? null : seconds * 1000 })
    watch.takeLag(Date.now(), rows)
    return rows
  }
  let rows = await once()
  if (!isWatching && rows.some(row => row.records > 0 || row.held > 0)) {
    await cluster.env.clock.sleep(BETWEEN_LOOKS_MS)
    rows = await once()
  }
  for (const snapshot of rows.length === 0 ? [] : await metricsTail(cluster, admin, isFirst ? undefined : RECENT_RECORDS)) watch.takeProcess(snapshot, snapshot.at)
  const held = rows.filter(row => row.held > 0).map(({ topic, partition }) => `${topic}/${partition}`)
  watch.takeHolders(held.length === 0 ? new Map() : await holdersOf(admin, held, Date.now()))
  return rows
}

async function catchUpOf(admin: Admin, watch: LagWatch, rows: readonly PartitionLag[]): Promise<Omit<GroupCatchUp, 'latency'>[]> {
  const groups = [...new Set(rows.map(row => row.group))]
  const members = new Map((await admin.describeGroups(groups)).map(group => [group.groupId, group.members.length]))
  return groups.map(group => ({
    group, records: rows.reduce((sum, row) => row.group === group ? sum + row.records : sum, 0),
    // A group of ours is `<app>.<task>`. One without a member may belong to an engine that only commits.
    ...watch.catchUp({ task: group.slice(group.indexOf('.') + 1), group, ...members.get(group) === 0 ? { state: 'absent' } : {} }, Date.now()),
  }))
}

function showCatchUps(call: Call, catchUps: readonly GroupCatchUp[]): void {
  const lagging = catchUps.filter(each => each.verdict !== 'caughtUp' || each.cause !== null)
  if (lagging.length === 0) return
  const rate = (value: number | null): string => value === null ? 'n/a' : groupDigits(Math.round(value))
  call.output.line()
  call.output.table(['GROUP', 'LAG', 'ARRIVE/S', 'DRAIN/S', 'CAUGHT UP IN', 'CAUSE'], lagging.map(each => [
    each.group, groupDigits(each.records), rate(each.arrivalPerSecond), `${each.drainFrom === 'backlog' || each.drainFrom === null ? '' : '≈ '}${rate(each.drainPerSecond)}`, catchUpText(each), causeText(each.cause),
  ]), { right: [1, 2, 3] })
}

function showLatencies(call: Call, groups: readonly GroupCatchUp[], tasks: readonly ToldTask[]): void {
  const known = groups.filter(each => each.latency !== null)
  if (known.length > 0) {
    call.output.line()
    call.output.table(['GROUP', 'LATENCY P50 · P99'], known.map(each => [each.group, latencyText(each.latency)]))
  }
  for (const { task, storm } of tasks) if (storm !== null) call.output.line(`${task}, by Storm's own metrics: ${stormText(storm)}`)
}

/** What the app with the status page says of its tasks: lag of those whose engine keeps it to itself, and of all what was measured over many looks. */
async function toldBy(call: Call, only: string | undefined): Promise<{ readonly told: readonly ToldLag[], readonly tasks: readonly ToldTask[] }> {
  const url = call.text('status')
  if (url === undefined) return { told: [], tasks: [] }
  const { status } = await new StatusClient(url, call.signal).live()
  const committing = new Set(status.lag.map(row => row.group))
  const wanted = status.tasks.filter(({ group }) => only === undefined || group === only)
  return {
    told: wanted.flatMap(({ task, engine, group, job, catchUp }) => job === null || job.lagRecords === null || committing.has(group) ? [] : [{ group, task, engine, records: job.lagRecords, catchUp }]),
    tasks: wanted.map(({ task, engine, group, latency, job }) => ({ task, engine, group, latency, storm: job?.storm ?? null })),
  }
}
