/** `millrace lag`: how far every group is behind, in records and in seconds. */
import { collectLag } from '../../http/lag.ts'
import { CLUSTER_OPTIONS, defineCommand } from '../command.ts'
import { withCluster } from '../cluster.ts'
import { counted } from '../render.ts'
import { existingGroup, LAG_HEAD, lagRow } from './group.ts'

export const lag = defineCommand({
  path: ['lag'],
  summary: 'how far groups are behind, in records and in seconds',
  positionals: [{ name: 'GROUP', describe: 'this group only', optional: true }],
  options: { ...CLUSTER_OPTIONS, watch: { type: 'boolean', short: 'w', describe: 'again every second, until Ctrl-C' } },
  examples: ['millrace lag', 'millrace lag recommender.cooc --json'],
  run: call => withCluster(call, async (cluster, admin) => {
    do {
      const only = call.positional('GROUP')
      if (only !== undefined) await existingGroup(admin, only)
      const groups = only === undefined ? (await admin.listGroups()).map(group => group.groupId).sort() : [only]
      const rows = await collectLag(cluster, admin, groups, { now: Date.now })
      const total = rows.reduce((sum, row) => sum + row.records, 0)
      const seconds = rows.reduce<number | null>((most, row) => row.seconds === null || most === null ? null : Math.max(most, row.seconds), 0)
      call.output.document({ records: total, seconds, partitions: rows })
      call.output.table(LAG_HEAD, rows.map(lagRow), { right: [2, 3, 4, 5, 6] })
      call.output.line(rows.length === 0 ? 'No group has committed an offset.' : `LAG ${counted(total, 'record')} ≈ ${seconds === null ? 'n/a' : `${seconds.toFixed(1)} s`}`)
      if (call.flag('watch')) await cluster.env.clock.sleep(1000)
    } while (call.flag('watch') && !call.signal.aborted)
    return 0
  }),
})
