import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { metadata } from '../wire/apis/03-metadata.ts'
import type { ResponseOf } from '../wire/schema.ts'
import { ZERO_UUID } from '../wire/uuid.ts'
import { backoffMs } from './backoff.ts'
import { MetadataCache, parseBootstrap } from './metadata.ts'

type Answer = ResponseOf<typeof metadata>
const ID_A = 'AAAAAAAAAAAAAAAAAAAAAg'
const ID_B = 'AAAAAAAAAAAAAAAAAAAAAw'

function answer(topicId: string, partitions: readonly (readonly [leader: number, epoch: number])[], errorCode = 0): Answer {
  return {
    throttleTimeMs: 0, clusterId: 'c', controllerId: 1, clusterAuthorizedOperations: 0, errorCode: 0,
    brokers: [1, 2].map(nodeId => ({ nodeId, host: `h${nodeId}`, port: 9092, rack: null })),
    topics: [{
      errorCode, name: 't', topicId, isInternal: false, topicAuthorizedOperations: 0,
      partitions: partitions.map(([leaderId, leaderEpoch], partitionIndex) => ({ errorCode: 0, partitionIndex, leaderId, leaderEpoch, replicaNodes: [1, 2], isrNodes: [1], offlineReplicas: [] })),
    }],
  }
}

const leaders = (cache: MetadataCache): (readonly [number, number])[] => (cache.topic('t')?.partitions ?? []).map(each => [each.leader, each.leaderEpoch] as const)

test('a leader is not replaced by one of an older epoch, unless the topic is another one', () => {
  const cache = new MetadataCache(parseBootstrap('b:1'))
  cache.apply(answer(ID_A, [[1, 5], [1, 5]]))
  cache.apply(answer(ID_A, [[2, 4], [2, 6]]))
  assert.deepEqual(leaders(cache), [[1, 5], [2, 6]])
  cache.apply(answer(ID_B, [[2, 0], [2, 0]]))
  assert.deepEqual(leaders(cache), [[2, 0], [2, 0]])
  assert.equal(cache.nameOf(ID_A), undefined)
  assert.equal(cache.nameOf(ID_B), 't')
})

test('a leader that an error named counts when it is newer and known', () => {
  const cache = new MetadataCache(parseBootstrap('b:1'))
  cache.apply(answer(ID_A, [[1, 5]]))
  cache.applyLeader('t', 0, 2, 5)
  cache.applyLeader('t', 0, 9, 8)
  cache.applyLeader('absent', 0, 2, 8)
  assert.deepEqual(leaders(cache), [[1, 5]])
  cache.applyLeader('t', 0, 2, 6)
  assert.deepEqual(leaders(cache), [[2, 6]])
})

test('a topic that is gone is forgotten, and why is remembered', () => {
  const cache = new MetadataCache(parseBootstrap('b:1'))
  cache.apply(answer(ID_A, [[1, 0]]))
  cache.apply(answer(ZERO_UUID, [], 3))
  assert.equal(cache.topic('t'), undefined)
  assert.equal(cache.errorOf('t'), 3)
  cache.apply(answer(ID_A, [[1, 0]]))
  assert.equal(cache.errorOf('t'), 0)
})

test('bootstrap addresses', () => {
  assert.deepEqual(parseBootstrap('a:1, [::1]:9092,'), [{ id: -1, host: 'a', port: 1 }, { id: -2, host: '::1', port: 9092 }])
  for (const bad of ['', 'a', 'a:', 'a:0', 'a:70000', ':9092', 'a:b']) assert.throws(() => parseBootstrap(bad), { code: 'CONFIG_INVALID' }, bad)
})

test('backoff doubles up to its limit, less up to a half', () => {
  const at = (attempt: number, share: number): number => backoffMs(attempt, { minMs: 50, maxMs: 1_000 }, { next: () => share, bytes: count => Buffer.alloc(count) })
  assert.deepEqual([0, 1, 2, 10, 500].map(attempt => at(attempt, 0)), [25, 50, 100, 500, 500])
  assert.deepEqual([0, 4].map(attempt => Math.round(at(attempt, 0.999_999))), [50, 800])
})
