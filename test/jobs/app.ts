/** Two tasks on another engine (a process that copies records) and one of ours between topics: what `millrace job` can do to one is not to touch the others. */
import { fileURLToPath } from 'node:url'
import { app, text, type Topic, topic } from 'millrace'
import { process } from 'millrace/engines'

const worker = fileURLToPath(new URL('./worker.js', import.meta.url))
const named = (name: string): Topic<string, string> => topic(name, { key: text, value: text, partitions: 4 })
const [lines, copies, echoes, out] = [named('jobs.lines'), named('jobs.copies'), named('jobs.echoes'), named('jobs.out')]

export default app('jobs')
  .task('copy', { on: process({ command: 'node', args: [worker] }), reads: [lines], writes: [copies], group: 'copiers', duplicates: 'tolerated' })
  .task('echo', { on: process({ command: 'node', args: [worker] }), reads: [lines], writes: [echoes], duplicates: 'tolerated' })
  .task('pass', ({ read }) => read(copies).write(out))
