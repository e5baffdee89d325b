import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicDescription } from '../client/admin.ts'
import { replicationOf } from './replication.ts'

const topic = (name: string, ...partitions: readonly { readonly leader: number, readonly replicas: readonly number[], readonly inSync: readonly number[] }[]): TopicDescription =>
  ({ name, topicId: name, internal: false, partitions: partitions.map((each, partition) => ({ partition, leaderEpoch: 1, ...each })) })

test('partitions without all of their replicas in sync are counted, and those that nobody leads', () => {
  const topics = [
    topic('a', { leader: 1, replicas: [1, 2, 3], inSync: [1, 2, 3] }, { leader: 2, replicas: [1, 2, 3], inSync: [2, 3] }),
    topic('b', { leader: -1, replicas: [1, 2, 3], inSync: [1] }),
    topic('c', { leader: 1, replicas: [1], inSync: [1] }),
  ]
  assert.deepEqual(replicationOf(topics, 2), { brokers: 2, partitions: 4, underReplicated: 2, offline: 1 })
})

test('where nothing has a second replica there is nothing to tell', () => {
  assert.equal(replicationOf([], 1), null)
  assert.equal(replicationOf([topic('a', { leader: 1, replicas: [1], inSync: [1] })], 1), null)
})
