/**
 * A Flink job between two tasks of ours: clicks are cleaned here, counted per shopper by Flink SQL, and watched here again.
 *
 *   millrace engines install flink
 *   millrace start dist/examples/linked/flink.js
 */
import { fileURLToPath } from 'node:url'
import { app, int64, record, text, topic } from 'millrace'
import { flink } from 'millrace/engines'

const Click = record({ id: text, seq: int64 })
const Counted = record({ id: text, seq: int64, count: int64 })
const Checked = record({ id: text, seq: int64, count: int64, ours: int64 })

export const clicks = topic('linked.clicks', { key: text, value: Click, partitions: 4 })
export const clean = topic('linked.clean', { key: text, value: Click, partitions: 4 })
export const counted = topic('linked.counted', { key: text, value: Counted, partitions: 4 })
export const checked = topic('linked.checked', { key: text, value: Checked, partitions: 4 })

// From dist/examples/linked, where this runs, to the source.
const sql = fileURLToPath(new URL('../../../examples/linked/count-clicks.sql', import.meta.url))
// Without it a kill doubles what was written since the last checkpoint: for those who want to see the ledger turn red.
const guard = process.env['LINKED_GUARANTEE'] !== 'atLeastOnce'

export default app('linked')
  .task('clean', ({ read }) => read(clicks).filter(click => click.id !== '').write(clean))
  .task('count', { on: flink({ sql, parallelism: 2 }), reads: [clean], writes: [counted], guarantee: guard ? 'exactlyOnce' : 'atLeastOnce' })
  .task('check', ({ read }) => read(counted).process('ours', {
    state: int64,
    emits: Checked,
    onRecord(click, { state, emit }) {
      const ours = (state.get() ?? 0) + 1
      state.set(ours)
      emit({ ...click, ours })
    },
  }).write(checked))
