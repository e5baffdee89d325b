/** One task that keeps up with little to do, for `millrace advise`. */
import { app, int64, text, topic } from 'millrace'

const lines = topic('advise.lines', { key: text, value: text, partitions: 2 })
const counts = topic('advise.counts', { key: text, value: int64, partitions: 2 })

export default app('advised').task('count', ({ read }) => read(lines).count('lines').write(counts))
