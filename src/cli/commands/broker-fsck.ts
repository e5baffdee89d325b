/** `millrace broker fsck`: what the next start of the embedded broker would find in its data directory. */
import { resolve } from 'node:path'
import { exitCodeOf, MillraceError } from '../../base/errors.ts'
import { fsck } from '../../broker/fsck.ts'
import type { FsckFinding } from '../../broker/fsck.ts'
import { realEnv } from '../../env/real/env.ts'
import { defineCommand } from '../command.ts'
import { counted, formatBytes } from '../render.ts'

const MARKS: Readonly<Record<FsckFinding['kind'], string>> = { refused: 'REFUSED', heals: 'heals', note: 'note' }

export const brokerFsck = defineCommand({
  path: ['broker', 'fsck'],
  summary: 'checks a data directory, whole, and says what the next start would do; changes nothing',
  positionals: [],
  options: {
    data: { type: 'string', short: 'd', value: 'DIR', describe: 'the data directory of a broker that is not running', default: '.millrace/data/broker' },
  },
  examples: ['millrace broker fsck --data /var/lib/millrace', 'millrace broker fsck --json'],
  async run(call) {
    const directory = resolve(call.text('data') ?? '')
    let saidAt = performance.now()
    const report = await fsck(realEnv, directory, (done, of) => {
      if (performance.now() - saidAt < 1_000) return
      saidAt = performance.now()
      call.output.progress(`  ${done} of ${counted(of, 'partition')} checked`)
    })
    call.output.document(report)
    const { partitions, findings } = report
    const bytes = partitions.reduce((sum, partition) => sum + partition.bytes, 0)
    call.output.line(`${directory}: the last stop was ${report.clean ? 'clean' : 'not clean'}, ${counted(partitions.length, 'sound partition')}, ${formatBytes(bytes)}`)
    for (const { topic, partition, openTransactions } of partitions) {
      for (const { producerId, firstOffset } of openTransactions) call.output.line(`  note     ${topic}-${partition}: the transaction of producer ${producerId} is open since offset ${firstOffset}; records from there on wait for its end`)
    }
    for (const { kind, where, what } of findings) call.output.line(`  ${MARKS[kind].padEnd(8)} ${where}: ${what}`)
    const worst = findings.some(finding => finding.kind === 'refused') ? 'refused' : findings.some(finding => finding.kind === 'heals') ? 'heals' : 'sound'
    call.output.line({
      sound: 'Sound: every batch of every segment was read, and its checksum holds.',
      heals: 'The next start mends this by itself; nothing that was acknowledged is lost.',
      refused: 'Damaged: the next start refuses this directory, or a reader would meet the damage. Restore what is named from a copy; --accept-data-loss of broker start cuts it, and keeps the bytes beside it.',
    }[worst])
    return worst === 'refused' ? exitCodeOf(new MillraceError('LOG_CORRUPT', '')) : worst === 'heals' ? 1 : 0
  },
})
