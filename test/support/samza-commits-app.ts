/** `examples/linked/samza.ts` with further settings of Samza's, from `SAMZA_CONFIG` (JSON): to commit often, and to write its changelog late. */
import { fileURLToPath } from 'node:url'
import { app } from 'millrace'
import { samza } from 'millrace/engines'
import { clean, clicks, counted, raw } from '../../examples/linked/samza.ts'

// From dist/test/support, where this runs, to the source.
const source = fileURLToPath(new URL('../../../examples/linked/CountClicksSamza.java', import.meta.url))
// Given by the test.
const config = JSON.parse(process.env['SAMZA_CONFIG'] ?? '{}') as Readonly<Record<string, string>>

export default app('linked')
  .task('clean', ({ read }) => read(clicks).filter(click => click.id !== '').write(clean))
  .task('count', { on: samza({ source, config }), reads: [clean], writes: [raw], duplicates: { removedBy: 'once' } })
  .task('once', ({ read }) => read(raw).distinct({ by: click => click.id, within: '1 hour' }).write(counted))
