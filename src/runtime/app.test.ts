import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, text, topic } from 'millrace'
import { simEnv } from '../testing/sim/sim.ts'
import { run } from './app.ts'

const copies = app('copies').task('copy', ({ read }) => read(topic('a', { key: text, value: text })).write(topic('b', { key: text, value: text })))

test('threads that cannot be are refused before anything is connected to, and say what is missing', async () => {
  const { env } = simEnv({ seed: 1 })
  const options = { env, bootstrap: '127.0.0.1:9092', dataDirectory: '/data' }
  await assert.rejects(run(copies, { ...options, threads: 1 }), { code: 'USAGE', message: /threads ≥ 1 needs `entry`/ })
  await assert.rejects(run(copies, { ...options, threads: -1 }), { code: 'USAGE', message: /threads is -1/ })
  await assert.rejects(run(copies, { ...options, threads: 1.5 }), { code: 'USAGE', message: /threads is 1.5/ })
  assert.equal(env.disk.exists('/data'), false)
})
