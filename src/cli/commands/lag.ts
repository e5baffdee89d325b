/** `millrace lag`: how far every group is behind, in records and in seconds; and every task whose engine commits no offsets, by its own word. */
import { collectLag } from '../../http/lag.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand } from '../command.ts'
import { withCluster } from '../cluster.ts'
import { counted } from '../render.ts'
import { STATUS_OPTION, StatusClient } from '../status-client.ts'
import { existingGroup, LAG_HEAD, lagRow } from './group.ts'

/** Of a task whose engine keeps its positions to itself. */
interface ToldLag {
  readonly group: string
  readonly task: string
  readonly engine: string
  readonly records: number
}

export const lag = defineCommand({
  path: ['lag'],
  summary: 'how far groups are behind, in records and in seconds',
  positionals: [{ name: 'GROUP', describe: 'this group only', optional: true }],
  options: {
    ...CLUSTER_OPTIONS,
    watch: { type: 'boolean', short: 'w', describe: 'again every second, until Ctrl-C' },
    status: { ...STATUS_OPTION, describe: 'also tasks whose engine commits no offsets, as the running app with this status page knows them' },
  },
  examples: ['millrace lag', 'millrace lag recommender.cooc --json', 'millrace lag --status http://localhost:9600'],
  run: call => withCluster(call, async (cluster, admin) => {
    do {
      const only = call.positional('GROUP')
      const told = (await toldLag(call)).filter(row => only === undefined || row.group === only)
      if (only !== undefined && told.length === 0) await existingGroup(admin, only)
      const groups = only === undefined ? (await admin.listGroups()).map(group => group.groupId).sort() : [only]
      const rows = await collectLag(cluster, admin, groups, { now: Date.now })
      const total = rows.reduce((sum, row) => sum + row.records, 0) + told.reduce((sum, row) => sum + row.records, 0)
      const seconds = rows.reduce<number | null>((most, row) => row.seconds === null || most === null ? null : Math.max(most, row.seconds), told.some(row => row.records > 0) ? null : 0)
      call.output.document({ records: total, seconds, partitions: rows, ...call.text('status') === undefined ? {} : { told } })
      call.output.table(LAG_HEAD, [...rows.map(lagRow), ...told.map(row => [row.group, `(told by ${row.engine})`, '-', '-', '-', row.records, 'n/a'])], { right: [2, 3, 4, 5, 6] })
      call.output.line(rows.length + told.length === 0 ? 'No group has committed an offset.' : `LAG ${counted(total, 'record')} ≈ ${seconds === null ? 'n/a' : `${seconds.toFixed(1)} s`}`)
      if (call.flag('watch')) await cluster.env.clock.sleep(1000)
    } while (call.flag('watch') && !call.signal.aborted)
    return 0
  }),
})

async function toldLag(call: Call): Promise<ToldLag[]> {
  const url = call.text('status')
  if (url === undefined) return []
  const { status } = await new StatusClient(url, call.signal).live()
  const committing = new Set(status.lag.map(row => row.group))
  return status.tasks.flatMap(({ task, engine, group, job }) => job === null || job.lagRecords === null || committing.has(group) ? [] : [{ group, task, engine, records: job.lagRecords }])
}
