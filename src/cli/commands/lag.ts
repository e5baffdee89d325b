/**
 * `millrace lag`: how far every group is behind, in records and in seconds, when it will have caught up and why it lags; and every task whose engine commits
 * no offsets, by its own word.
 *
 * Where something lags it looks twice, a second apart: rates need two looks. What processes of ours have told of themselves in the last minutes counts too.
 */
import type { Admin } from '../../client/admin.ts'
import type { Cluster } from '../../client/cluster.ts'
import { collectLag, type PartitionLag } from '../../http/lag.ts'
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

interface GroupCatchUp extends CatchUp {
  readonly group: string
  readonly records: number
}

export const lag = defineCommand({
  path: ['lag'],
  summary: 'how far groups are behind, when they will have caught up, and why they lag',
  positionals: [{ name: 'GROUP', describe: 'this group only', optional: true }],
  options: {
    ...CLUSTER_OPTIONS,
    watch: { type: 'boolean', short: 'w', describe: 'again every second, until Ctrl-C' },
    status: { ...STATUS_OPTION, describe: 'also tasks whose engine commits no offsets, as the running app with this status page knows them' },
  },
  examples: ['millrace lag', 'millrace lag recommender.cooc --json', 'millrace lag --status http://localhost:9600'],
  run: call => withCluster(call, async (cluster, admin) => {
    const watch = new LagWatch()
    let isFirst = true
    do {
      const only = call.positional('GROUP')
      const told = (await toldLag(call)).filter(row => only === undefined || row.group === only)
      if (only !== undefined && told.length === 0) await existingGroup(admin, only)
      const groups = only === undefined ? (await admin.listGroups()).map(group => group.groupId).sort() : [only]
      const rows = await look(cluster, admin, groups, watch, { isWatching: call.flag('watch'), isFirst })
      isFirst = false
      const catchUps = [...await catchUpOf(admin, watch, rows), ...told.map(({ group, records, catchUp }) => ({ group, records, ...catchUp }))]
      const total = rows.reduce((sum, row) => sum + row.records, 0) + told.reduce((sum, row) => sum + row.records, 0)
      const seconds = rows.reduce<number | null>((most, row) => row.seconds === null || most === null ? null : Math.max(most, row.seconds), told.some(row => row.records > 0) ? null : 0)
      call.output.document({ records: total, seconds, partitions: rows, groups: catchUps, ...call.text('status') === undefined ? {} : { told } })
      call.output.table(LAG_HEAD, [...rows.map(lagRow), ...told.map(row => [row.group, `(told by ${row.engine})`, '-', '-', '-', row.records, 'n/a'])], { right: [2, 3, 4, 5, 6] })
      call.output.line(rows.length + told.length === 0 ? 'No group has committed an offset.' : `LAG ${counted(total, 'record')} ≈ ${seconds === null ? 'n/a' : `${seconds.toFixed(1)} s`}`)
      showCatchUps(call, catchUps)
      if (call.flag('watch')) await cluster.env.clock.sleep(BETWEEN_LOOKS_MS)
    } while (call.flag('watch') && !call.signal.aborted)
    return 0
  }),
})

/** A second look where something lags and there was no look before. */
async function look(cluster: Cluster, admin: Admin, groups: readonly string[], watch: LagWatch, { isWatching, isFirst }: { readonly isWatching: boolean, readonly isFirst: boolean }): Promise<PartitionLag[]> {
  const once = async (): Promise<PartitionLag[]> => {
    const rows = await collectLag(cluster, admin, groups, { now: Date.now })
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

async function catchUpOf(admin: Admin, watch: LagWatch, rows: readonly PartitionLag[]): Promise<GroupCatchUp[]> {
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

async function toldLag(call: Call): Promise<ToldLag[]> {
  const url = call.text('status')
  if (url === undefined) return []
  const { status } = await new StatusClient(url, call.signal).live()
  const committing = new Set(status.lag.map(row => row.group))
  return status.tasks.flatMap(({ task, engine, group, job, catchUp }) => job === null || job.lagRecords === null || committing.has(group) ? [] : [{ group, task, engine, records: job.lagRecords, catchUp }])
}
