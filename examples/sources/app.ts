/**
 * Two ways in: orders over HTTP, answered when they are durable, and lines of files that another system leaves in a folder, each exactly once. Both are processes of
 * the graph, started and watched like any task; a task of ours reads what they write.
 *
 *   npx millrace start dist/examples/sources/app.js
 *   curl -H 'Content-Type: application/json' -d '{"key":"ann","value":{"id":"o1","total":12}}' http://localhost:9700/
 */
import { fileURLToPath } from 'node:url'
import { app } from 'millrace'
import { process } from 'millrace/engines'
import { orders, totals } from './topics.ts'

const directory = fileURLToPath(new URL('.', import.meta.url))

export default app('counter')
  .task('http', { on: process({ command: 'node', args: ['over-http.js'], directory }), writes: [orders], guarantee: 'atLeastOnce', duplicates: 'tolerated' })
  .task('files', { on: process({ command: 'node', args: ['from-files.js'], directory }), writes: [orders], guarantee: 'exactlyOnce' })
  .task('totals', ({ read }) =>
    read(orders)
      .distinct({ by: order => order.id, within: '1 day' })
      .aggregate('total', { zero: () => 0, add: (sum, order) => sum + order.total })
      .write(totals))
