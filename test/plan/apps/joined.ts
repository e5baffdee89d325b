/** Two topics from outside that meet by key: right if both are partitioned alike. */
import { app, text, topic } from 'millrace'

const left = topic('cli.left', { key: text, value: text, partitions: 4 })
const right = topic('cli.right', { key: text, value: text, partitions: 4 })
const both = topic('cli.both', { key: text, value: text, partitions: 4 })

export default app('cli').task('join', ({ read, table }) => read(left).join(table(right), (one, other) => `${one} ${other}`).write(both))
