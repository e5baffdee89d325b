/** `examples/foreign`, and a task of ours beside the Python worker that reads the same clicks: what a slow worker does to its neighbours. */
import foreign, { clicks } from '../../../examples/foreign/app.ts'
import { f64, int64, record, text, topic, type App } from 'millrace'

export const twins = topic('fraud.twins', { key: text, value: record({ id: text, seq: int64, price: f64, at: int64 }), partitions: 4 })

const uneven: App = foreign.task('twin', ({ read }) => read(clicks).write(twins))
export default uneven
