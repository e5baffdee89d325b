/**
 * Three tasks in two languages, linked by topics: this TypeScript cleans clicks, a Python process scores them, this TypeScript keeps
 * what each shopper's clicks add up to. Each hop is exactly once: kill any of the three, at any time, and every click counts once.
 *
 *   npx millrace start dist/examples/foreign/app.js --processes 2        (Python needs: pip install confluent-kafka)
 *
 * The same worker in Go, with franz-go, is in examples/foreign/go: build it, and name it with SCORE_WORKER.
 */
import { env } from 'node:process'
import { fileURLToPath } from 'node:url'
import { app, f64, int64, optional, record, text, topic } from 'millrace'
import { process } from 'millrace/engines'

const Event = record({ id: text, seq: int64, type: text, price: f64, at: int64 })
const Click = record({ id: text, seq: int64, price: f64, at: int64 })
// `nth`: the how-manieth click of its shopper. The worker in Go keeps no state and does not tell it.
const Score = record({ id: text, seq: int64, score: f64, nth: optional(int64) })
const Risk = record({ id: text, seq: int64, clicks: int64, nth: int64, score: f64, highest: f64 })

export const events = topic('fraud.events', { key: text, value: Event, partitions: 4 })
export const clicks = topic('fraud.clicks', { key: text, value: Click, partitions: 4 })
export const scores = topic('fraud.scores', { key: text, value: Score, partitions: 4 })
export const risks = topic('fraud.risks', { key: text, value: Risk, partitions: 4 })

// Not `process.env`: the name is taken here by the engine.
const worker = env['SCORE_WORKER']
const program = worker === undefined ? { command: 'python3', args: ['worker.py'], directory: fileURLToPath(new URL('.', import.meta.url)) } : { command: worker }

export default app('fraud')
  .task('clean', ({ read }) =>
    read(events)
      .filter(event => event.type === 'click')
      .map(({ id, seq, price, at }) => ({ id, seq, price, at }))
      .write(clicks))
  .task('score', {
    on: process(program),
    reads: [clicks], writes: [scores], guarantee: 'exactlyOnce', transactionTimeoutMs: 10_000,
  })
  .task('watch', ({ read }) =>
    read(scores)
      .aggregate('risk', {
        zero: () => ({ id: '', seq: -1, clicks: 0, nth: 0, score: 0, highest: 0 }),
        add: (risk, { id, seq, score, nth }) => ({ id, seq, clicks: risk.clicks + 1, nth: nth ?? 0, score, highest: Math.max(risk.highest, score) }),
      })
      .write(risks))
