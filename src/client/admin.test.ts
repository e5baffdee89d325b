import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kafkaCodeOf } from '../wire/error-codes.ts'
import { Admin } from './admin.ts'
import type { Cluster } from './cluster.ts'

/** A cluster whose controller gives these answers to CreateTopics, one after the other; time passes in its pauses. */
function answering(answers: readonly { readonly errorCode: number, readonly errorMessage: string | null }[]): { readonly admin: Admin, readonly asked: () => number } {
  let [asked, nowMs] = [0, 0]
  const cluster = {
    env: { clock: { monotonic: () => nowMs } },
    request: () => Promise.resolve({ topics: [{ name: 'orders', ...answers[Math.min(asked++, answers.length - 1)] }] }),
    pause: () => { nowMs += 1000; return Promise.resolve() },
    refresh: () => Promise.resolve(),
  }
  // No more of a cluster than createTopics asks for.
  return { admin: new Admin(cluster as unknown as Cluster), asked: () => asked }
}

const fenced = { errorCode: 38, errorMessage: 'Unable to replicate the partition 1 time(s): All brokers are currently fenced.' }

test('a topic is made once the brokers are fenced no more', async () => {
  const { admin, asked } = answering([fenced, fenced, { errorCode: 0, errorMessage: null }])
  await admin.createTopics([{ name: 'orders' }], { existing: 'ok' })
  assert.equal(asked(), 3)
})

test('… brokers that stay fenced are said after 30 seconds, and a factor that is wrong is said at once', async () => {
  const stays = answering([fenced])
  await assert.rejects(stays.admin.createTopics([{ name: 'orders' }], { existing: 'ok' }), (error: unknown) => kafkaCodeOf(error) === 38 && /fenced/.test(String(error)))
  assert.equal(stays.asked(), 31)
  const wrong = answering([{ errorCode: 38, errorMessage: 'Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.' }])
  await assert.rejects(wrong.admin.createTopics([{ name: 'orders' }], { existing: 'ok' }), (error: unknown) => kafkaCodeOf(error) === 38)
  assert.equal(wrong.asked(), 1)
})
