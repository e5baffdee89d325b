/**
 * The same requests to Apache Kafka 4.1 and to the embedded broker; answers are compared field by field.
 *
 * Left out of the comparison (see `normalized`): ids and addresses that must differ, times, throttling, wording of messages.
 * Every other difference is listed in `ALLOWED`, with its reason.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { realEnv } from '../../../src/env/real/env.ts'
import { produce } from '../../../src/wire/apis/00-produce.ts'
import { fetch } from '../../../src/wire/apis/01-fetch.ts'
import { listOffsets } from '../../../src/wire/apis/02-list-offsets.ts'
import { metadata } from '../../../src/wire/apis/03-metadata.ts'
import { offsetCommit } from '../../../src/wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../../../src/wire/apis/09-offset-fetch.ts'
import { findCoordinator } from '../../../src/wire/apis/10-find-coordinator.ts'
import { joinGroup } from '../../../src/wire/apis/11-join-group.ts'
import { heartbeat } from '../../../src/wire/apis/12-heartbeat.ts'
import { leaveGroup } from '../../../src/wire/apis/13-leave-group.ts'
import { syncGroup } from '../../../src/wire/apis/14-sync-group.ts'
import { describeGroups } from '../../../src/wire/apis/15-describe-groups.ts'
import { listGroups } from '../../../src/wire/apis/16-list-groups.ts'
import { createTopics } from '../../../src/wire/apis/19-create-topics.ts'
import { deleteTopics } from '../../../src/wire/apis/20-delete-topics.ts'
import { deleteRecords } from '../../../src/wire/apis/21-delete-records.ts'
import { initProducerId } from '../../../src/wire/apis/22-init-producer-id.ts'
import { offsetForLeaderEpoch } from '../../../src/wire/apis/23-offset-for-leader-epoch.ts'
import { addPartitionsToTxn } from '../../../src/wire/apis/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../../../src/wire/apis/25-add-offsets-to-txn.ts'
import { endTxn } from '../../../src/wire/apis/26-end-txn.ts'
import { txnOffsetCommit } from '../../../src/wire/apis/28-txn-offset-commit.ts'
import { describeConfigs } from '../../../src/wire/apis/32-describe-configs.ts'
import { createPartitions } from '../../../src/wire/apis/37-create-partitions.ts'
import { deleteGroups } from '../../../src/wire/apis/42-delete-groups.ts'
import { incrementalAlterConfigs } from '../../../src/wire/apis/44-incremental-alter-configs.ts'
import { offsetDelete } from '../../../src/wire/apis/47-offset-delete.ts'
import { describeCluster } from '../../../src/wire/apis/60-describe-cluster.ts'
import { describeTransactions } from '../../../src/wire/apis/65-describe-transactions.ts'
import { listTransactions } from '../../../src/wire/apis/66-list-transactions.ts'
import { consumerGroupDescribe } from '../../../src/wire/apis/69-consumer-group-describe.ts'
import { describeTopicPartitions } from '../../../src/wire/apis/75-describe-topic-partitions.ts'
import { errorName } from '../../../src/wire/error-codes.ts'
import type { Api, RequestInput } from '../../../src/wire/schema.ts'
import { ZERO_UUID } from '../../../src/wire/uuid.ts'
import { startBroker } from '../../support/broker.ts'
import type { BrokerProcess } from '../../support/broker.ts'
import { startKafka } from '../../support/kafka.ts'
import type { Kafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { textBatch, WireClient } from '../../support/wire-client.ts'

need('kafka')

let kafka: Kafka
let broker: BrokerProcess
before(async () => { [kafka, broker] = await Promise.all([startKafka(), startBroker()]) })
after(async () => { await Promise.all([kafka.stop(), broker.remove()]) })

/** Differences that stay, by the field and its place, with the reason. */
const ALLOWED: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/configs\.min\.insync\.replicas\.configSource$/, 'Kafka 4.1 sets it for the whole cluster when it is formatted; here it is the default'],
  [/topics\.__consumer_offsets\.partitions\.0$/, 'the topic has one partition here'],
]

type Vars = Record<string, unknown>
interface Step {
  readonly name: string
  readonly send: (client: WireClient, vars: Vars) => Promise<unknown>
}

/** A request that may use what earlier answers have put into `vars`, and put more there. */
function step<A extends Api>(name: string, api: A, version: number, body: RequestInput<A> | ((vars: Vars) => RequestInput<A>), keep?: (answer: never, vars: Vars) => void, retryOn: readonly string[] = []): Step {
  return {
    name: `${name} (${api.name} v${version})`,
    async send(client, vars) {
      for (let attempt = 0; ; attempt++) {
        const answer = await client.request(api, version, bodyOf(body, vars))
        // Coordinators that are loading, and followers of an end still being written: asked again, as clients do.
        if (attempt < 50 && retryOn.some(error => JSON.stringify(named(answer)).includes(`"${error}"`))) {
          await new Promise(resolve => setTimeout(resolve, 100))
          continue
        }
        keep?.(answer as never, vars)
        return answer
      }
    },
  }
}

function bodyOf<T>(body: T | ((vars: Vars) => T), vars: Vars): T {
  // A request is never a function.
  return typeof body === 'function' ? (body as (vars: Vars) => T)(vars) : body
}

const IGNORED = new Set(['throttleTimeMs', 'errorMessage', 'clusterId', 'brokers', 'host', 'port', 'nodeId', 'controllerId', 'leaderId', 'replicaNodes', 'isrNodes', 'leader', 'memberId', 'topicId', 'leaderEpoch',
  'producerId', 'logAppendTimeMs', 'timestamp', 'coordinatorId', 'transactionStartTimeMs', 'documentation', 'lastTimestamp', 'coordinatorEpoch', 'eligibleLeaderReplicas', 'lastKnownElr', 'batchIndexErrorMessage', 'nodeEndpoints', 'currentLeader'])

function named(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(named)
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, key.toLowerCase().endsWith('errorcode') && typeof field === 'number' ? errorName(field) : named(field)]))
}

function normalized(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalized)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => !IGNORED.has(key)).map(([key, field]) => [key, key === 'records' ? String(field).length : normalized(field)]))
}

/** Arrays of named or numbered things are compared by name, since Kafka gives them in no order. */
function keyed(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const keys = value.map((item: unknown) => item !== null && typeof item === 'object' ? ['name', 'topic', 'groupId', 'partitionIndex', 'partition', 'index', 'transactionalId'].flatMap(key => key in item ? [String(Reflect.get(item, key))] : []).join('/') : '')
  return new Set(keys).size === keys.length && !keys.includes('') ? Object.fromEntries(keys.map((key, index) => [key, value[index] as unknown])) : value
}

function leafDifferences(theirs: unknown, ours: unknown, path: string): { path: string; theirs: string; ours: string }[] {
  const [a, b] = [keyed(theirs), keyed(ours)]
  const bothObjects = a !== null && b !== null && typeof a === 'object' && typeof b === 'object' && Array.isArray(a) === Array.isArray(b)
  if (!bothObjects) return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ path, theirs: JSON.stringify(a), ours: JSON.stringify(b) }]
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].flatMap(key => leafDifferences(Reflect.get(a, key), Reflect.get(b, key), `${path}.${key}`))
}

async function compare(steps: readonly Step[]): Promise<void> {
  const differences: string[] = []
  const run = async (port: number): Promise<unknown[]> => {
    const client = await WireClient.connect(realEnv, port, 'conformance')
    const vars: Vars = {}
    const answers: unknown[] = []
    for (const { name, send } of steps) {
      answers.push(normalized(named(await send(client, vars).catch((error: Error) => {
        throw new Error(`${name} to port ${port}: ${error.message}`)
      }))))
    }
    client.close()
    return answers
  }
  const [theirs, ours] = await Promise.all([run(kafka.brokers[0]?.port ?? 0), run(broker.port)])
  for (const [index, { name }] of steps.entries()) {
    for (const difference of leafDifferences(theirs[index], ours[index], '')) {
      if (!ALLOWED.some(([pattern]) => pattern.test(difference.path))) differences.push(`${name}${difference.path}: Kafka ${difference.theirs}, ours ${difference.ours}`)
    }
  }
  assert.deepEqual(differences, [])
}

const num = (vars: Vars, name: string): number => Number(vars[name])
const text = (vars: Vars, name: string): string => String(vars[name])
const topic = (name: string, partitions = 1, configs: { name: string; value: string | null }[] = []): RequestInput<typeof createTopics> => ({ topics: [{ name, numPartitions: partitions, replicationFactor: 1, configs }], timeoutMs: 10_000 })
const onePartition = { partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000 }] }

test('topics and configs: what is made, refused, altered, deleted', () => compare([
  step('make', createTopics, 7, topic('c1', 2, [{ name: 'retention.ms', value: '1000' }])),
  step('make again', createTopics, 7, topic('c1', 2)),
  step('bad name', createTopics, 7, topic('no/slash')),
  step('dot', createTopics, 7, topic('..')),
  step('collides', createTopics, 7, { topics: [{ name: 'co.l', numPartitions: 1, replicationFactor: 1 }] }),
  step('collides 2', createTopics, 7, topic('co_l')),
  step('no partitions', createTopics, 7, topic('c2', 0)),
  step('replicas', createTopics, 7, { topics: [{ name: 'c3', numPartitions: 1, replicationFactor: 3 }] }),
  step('replicas 0', createTopics, 7, { topics: [{ name: 'c3', numPartitions: 1, replicationFactor: 0 }] }),
  step('defaults', createTopics, 5, { topics: [{ name: 'c4', numPartitions: -1, replicationFactor: -1 }] }, (answer: { topics: { configs: unknown }[] }) => { for (const each of answer.topics) each.configs = null }),
  step('unknown config', createTopics, 7, topic('c5', 1, [{ name: 'no.such', value: '1' }])),
  step('bad value', createTopics, 7, topic('c5', 1, [{ name: 'retention.ms', value: 'soon' }])),
  step('bad policy', createTopics, 7, topic('c5', 1, [{ name: 'cleanup.policy', value: 'burn' }])),
  step('validate only', createTopics, 7, { ...topic('c6', 3), validateOnly: true }),
  step('twice in one request', createTopics, 7, { topics: [{ name: 'c7', numPartitions: 1, replicationFactor: 1 }, { name: 'c7', numPartitions: 1, replicationFactor: 1 }] }),
  step('grow', createPartitions, 3, { topics: [{ name: 'c1', count: 4 }], timeoutMs: 5000 }),
  step('shrink', createPartitions, 3, { topics: [{ name: 'c1', count: 1 }], timeoutMs: 5000 }),
  step('same', createPartitions, 3, { topics: [{ name: 'c1', count: 4 }], timeoutMs: 5000 }),
  step('grow nothing', createPartitions, 3, { topics: [{ name: 'nope', count: 4 }], timeoutMs: 5000 }),
  step('describe', describeConfigs, 4, { resources: [{ resourceType: 2, resourceName: 'c1', configurationKeys: ['retention.ms', 'cleanup.policy', 'max.message.bytes'] }], includeSynonyms: true }),
  step('describe missing', describeConfigs, 4, { resources: [{ resourceType: 2, resourceName: 'nope', configurationKeys: null }] }),
  step('set', incrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: 'c1', configs: [{ name: 'segment.ms', configOperation: 0, value: '60000' }, { name: 'retention.ms', configOperation: 1, value: null }] }] }),
  step('append', incrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: 'c1', configs: [{ name: 'cleanup.policy', configOperation: 2, value: 'compact' }] }] }),
  step('append to a number', incrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: 'c1', configs: [{ name: 'segment.ms', configOperation: 2, value: '1' }] }] }),
  step('set unknown', incrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: 'c1', configs: [{ name: 'no.such', configOperation: 0, value: '1' }] }] }),
  step('set on nothing', incrementalAlterConfigs, 1, { resources: [{ resourceType: 2, resourceName: 'nope', configs: [{ name: 'segment.ms', configOperation: 0, value: '1' }] }] }),
  step('described after', describeConfigs, 4, { resources: [{ resourceType: 2, resourceName: 'c1', configurationKeys: ['cleanup.policy', 'segment.ms', 'retention.ms'] }], includeSynonyms: false }),
  step('metadata', metadata, 9, { topics: [{ name: 'c1', topicId: ZERO_UUID }], includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true, allowAutoTopicCreation: false }),
  step('metadata of nothing', metadata, 9, { topics: [{ name: 'nope', topicId: ZERO_UUID }], allowAutoTopicCreation: false }),
  step('metadata of a bad name', metadata, 9, { topics: [{ name: 'no/slash', topicId: ZERO_UUID }], allowAutoTopicCreation: true }),
  step('metadata by unknown id', metadata, 12, { topics: [{ name: null, topicId: 'AbCdEfGhIjKlMnOpQrStUg' }] }),
  step('cluster', describeCluster, 1, { includeClusterAuthorizedOperations: true }),
  step('topic partitions', describeTopicPartitions, 0, { topics: [{ name: 'c1' }, { name: 'nope' }], responsePartitionLimit: 3 }),
  step('delete', deleteTopics, 6, { topics: [{ name: 'c4' }, { name: 'nope' }, { topicId: 'AbCdEfGhIjKlMnOpQrStUg' }], timeoutMs: 5000 }),
]))

test('records: produce, fetch and offsets, with every refusal', () => compare([
  step('make', createTopics, 7, topic('r1')),
  step('make compacted', createTopics, 7, topic('r2', 1, [{ name: 'cleanup.policy', value: 'compact' }])),
  step('make small', createTopics, 7, topic('r3', 1, [{ name: 'max.message.bytes', value: '200' }])),
  ...[3, 5, 7, 8, 9, 11, 12].map(version => step('send', produce, version, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'r1', partitionData: [{ index: 0, records: textBatch(['a', 'b'], undefined, Date.now()) }] }] }, undefined, ['UNKNOWN_TOPIC_OR_PARTITION'])),
  step('no partition', produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'r1', partitionData: [{ index: 7, records: textBatch(['a']) }] }] }),
  step('bad acks', produce, 9, { acks: 2, timeoutMs: 5000, topicData: [{ name: 'r1', partitionData: [{ index: 0, records: textBatch(['a']) }] }] }),
  step('no key on compacted', produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'r2', partitionData: [{ index: 0, records: textBatch(['a'], undefined, Date.now()) }] }] }, undefined, ['UNKNOWN_TOPIC_OR_PARTITION']),
  step('too large', produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'r3', partitionData: [{ index: 0, records: textBatch(['a'.repeat(300)], undefined, Date.now()) }] }] }, undefined, ['UNKNOWN_TOPIC_OR_PARTITION']),
  step('broken crc', produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'r1', partitionData: [{ index: 0, records: broken() }] }] }),
  step('future', produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'r1', partitionData: [{ index: 0, records: textBatch(['a'], undefined, Date.now() + 7_200_000) }] }] }),
  ...[4, 7, 11].map(version => step('fetch', fetch, version, { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 'r1', ...onePartition }] })),
  step('out of range', fetch, 11, { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 'r1', partitions: [{ partition: 0, fetchOffset: 999, partitionMaxBytes: 1000 }] }] }),
  step('unknown partition', fetch, 11, { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 'r1', partitions: [{ partition: 5, fetchOffset: 0, partitionMaxBytes: 1000 }] }] }),
  step('tiny fetch', fetch, 11, { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 'r1', partitions: [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1 }] }] }),
  step('future epoch', fetch, 11, { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 'r1', partitions: [{ partition: 0, currentLeaderEpoch: 99, fetchOffset: 0, partitionMaxBytes: 1000 }] }] }),
  step('unknown session', fetch, 11, { maxWaitMs: 100, minBytes: 1, sessionId: 12_345, sessionEpoch: 3, topics: [] }),
  ...[1, 2, 4, 6, 7, 8, 9].flatMap(version => [-1, -2].map(timestamp => step(`offset ${timestamp}`, listOffsets, version, { topics: [{ name: 'r1', partitions: [{ partitionIndex: 0, timestamp }] }] }))),
  step('max timestamp', listOffsets, 7, { topics: [{ name: 'r1', partitions: [{ partitionIndex: 0, timestamp: -3 }] }] }, (answer: { topics: { partitions: { offset: number }[] }[] }) => { for (const each of answer.topics) for (const partition of each.partitions) partition.offset = Math.sign(partition.offset) }),
  step('after the end', listOffsets, 7, { topics: [{ name: 'r1', partitions: [{ partitionIndex: 0, timestamp: Date.now() + 10_000_000 }] }] }),
  step('of nothing', listOffsets, 7, { topics: [{ name: 'nope', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }),
  step('delete records', deleteRecords, 2, { topics: [{ name: 'r1', partitions: [{ partitionIndex: 0, offset: 3 }] }], timeoutMs: 5000 }),
  step('delete too many', deleteRecords, 2, { topics: [{ name: 'r1', partitions: [{ partitionIndex: 0, offset: 9999 }] }], timeoutMs: 5000 }),
  step('below the start', fetch, 11, { maxWaitMs: 100, minBytes: 1, topics: [{ topic: 'r1', ...onePartition }] }),
  step('epochs', offsetForLeaderEpoch, 4, { topics: [{ topic: 'r1', partitions: [{ partition: 0, leaderEpoch: 0 }, { partition: 9, leaderEpoch: 0 }] }] }),
  step('future epoch asked', offsetForLeaderEpoch, 4, { topics: [{ topic: 'r1', partitions: [{ partition: 0, leaderEpoch: 55 }] }] }),
]))

function broken(): Buffer {
  const batch = textBatch(['a'], undefined, Date.now())
  batch[30] = (batch[30] ?? 0) ^ 0xff
  return batch
}

const LOADING = ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS']
const PROTOCOLS = [{ name: 'range', metadata: Buffer.from('000300000001000267310000000000000000ffffffffffff', 'hex') }]
const member = (memberId: string, more = {}): RequestInput<typeof joinGroup> => ({ groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId, protocolType: 'consumer', protocols: PROTOCOLS, ...more })
const keepMember = (name: string) => (answer: { memberId: string; leader: string; members: { memberId: string }[] }, vars: Vars): void => { vars[name] = answer.memberId }

test('groups: the classic protocol, answer by answer', () => compare([
  step('make', createTopics, 7, topic('g1', 2)),
  step('find', findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] }, undefined, LOADING),
  step('find nonsense', findCoordinator, 4, { keyType: 9, coordinatorKeys: ['g'] }),
  step('join without a group', joinGroup, 9, member('', { groupId: '' }), undefined, LOADING),
  step('join as a stranger', joinGroup, 9, member('stranger'), undefined, LOADING),
  step('short session', joinGroup, 9, member('', { sessionTimeoutMs: 10 })),
  step('first join', joinGroup, 9, member(''), keepMember('m1'), LOADING),
  step('second join', joinGroup, 9, vars => member(text(vars, 'm1')), keepMember('m1')),
  step('heartbeat early', heartbeat, 4, vars => ({ groupId: 'g', generationId: 1, memberId: text(vars, 'm1') })),
  step('commit too early', offsetCommit, 9, vars => ({ groupId: 'g', generationIdOrMemberEpoch: 1, memberId: text(vars, 'm1'), topics: [{ name: 'g1', partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'm' }] }] })),
  step('sync wrong generation', syncGroup, 5, vars => ({ groupId: 'g', generationId: 9, memberId: text(vars, 'm1'), protocolType: 'consumer', protocolName: 'range', assignments: [] })),
  step('sync wrong protocol', syncGroup, 5, vars => ({ groupId: 'g', generationId: 1, memberId: text(vars, 'm1'), protocolType: 'consumer', protocolName: 'sticky', assignments: [] })),
  step('sync', syncGroup, 5, vars => ({ groupId: 'g', generationId: 1, memberId: text(vars, 'm1'), protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId: text(vars, 'm1'), assignment: Buffer.from('mine') }] })),
  step('sync again', syncGroup, 3, vars => ({ groupId: 'g', generationId: 1, memberId: text(vars, 'm1'), assignments: [] })),
  step('heartbeat', heartbeat, 4, vars => ({ groupId: 'g', generationId: 1, memberId: text(vars, 'm1') })),
  step('heartbeat old', heartbeat, 4, vars => ({ groupId: 'g', generationId: 0, memberId: text(vars, 'm1') })),
  step('heartbeat stranger', heartbeat, 4, { groupId: 'g', generationId: 1, memberId: 'stranger' }),
  step('heartbeat nowhere', heartbeat, 4, { groupId: 'nogroup', generationId: 1, memberId: 'stranger' }),
  step('heartbeat static stranger', heartbeat, 4, vars => ({ groupId: 'g', generationId: 1, memberId: text(vars, 'm1'), groupInstanceId: 'i1' })),
  step('commit', offsetCommit, 9, vars => ({ groupId: 'g', generationIdOrMemberEpoch: 1, memberId: text(vars, 'm1'), topics: [{ name: 'g1', partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'm' }] }] })),
  step('commit old generation', offsetCommit, 8, vars => ({ groupId: 'g', generationIdOrMemberEpoch: 0, memberId: text(vars, 'm1'), topics: [{ name: 'g1', partitions: [{ partitionIndex: 0, committedOffset: 6, committedMetadata: 'm' }] }] })),
  step('commit as nobody', offsetCommit, 8, { groupId: 'g', topics: [{ name: 'g1', partitions: [{ partitionIndex: 0, committedOffset: 6, committedMetadata: 'm' }] }] }),
  step('commit to nowhere', offsetCommit, 8, vars => ({ groupId: 'g', generationIdOrMemberEpoch: 1, memberId: text(vars, 'm1'), topics: [{ name: 'nope', partitions: [{ partitionIndex: 0, committedOffset: 6, committedMetadata: 'm' }] }] })),
  step('commit much', offsetCommit, 8, vars => ({ groupId: 'g', generationIdOrMemberEpoch: 1, memberId: text(vars, 'm1'), topics: [{ name: 'g1', partitions: [{ partitionIndex: 1, committedOffset: 6, committedMetadata: 'm'.repeat(5000) }] }] })),
  step('commit without a member, unknown generation', offsetCommit, 8, { groupId: 'nogroup', generationIdOrMemberEpoch: 3, memberId: 'x', topics: [{ name: 'g1', partitions: [{ partitionIndex: 0, committedOffset: 6, committedMetadata: null }] }] }),
  step('simple commit', offsetCommit, 8, { groupId: 'simple', topics: [{ name: 'g1', partitions: [{ partitionIndex: 1, committedOffset: 6, committedMetadata: null }] }] }),
  ...[1, 5, 7].map(version => step('fetch offsets', offsetFetch, version, { groupId: 'g', topics: [{ name: 'g1', partitionIndexes: [0, 1] }] })),
  step('fetch all', offsetFetch, 9, { groups: [{ groupId: 'g', topics: null }, { groupId: 'simple', topics: null }, { groupId: 'nogroup', topics: null }] }),
  step('fetch missing topic', offsetFetch, 8, { groups: [{ groupId: 'g', topics: [{ name: 'nope', partitionIndexes: [0] }] }], requireStable: true }),
  step('describe', describeGroups, 5, { groups: ['g', 'simple', 'nogroup'], includeAuthorizedOperations: true }, (answer: { groups: { members: { clientHost: string }[] }[] }) => { for (const each of answer.groups) each.members = each.members.map(() => ({ clientHost: '' })) }),
  step('describe v6', describeGroups, 6, { groups: ['nogroup'] }),
  step('describe as consumer group', consumerGroupDescribe, 0, { groupIds: ['g', 'nogroup'] }),
  step('list', listGroups, 5, { statesFilter: ['stable'], typesFilter: [] }),
  step('delete a live one', deleteGroups, 2, { groupsNames: ['g', 'nogroup', 'simple'] }),
  step('delete without a name', deleteGroups, 2, { groupsNames: [''] }),
  step('delete its offsets', offsetDelete, 0, { groupId: 'g', topics: [{ name: 'g1', partitions: [{ partitionIndex: 0 }] }] }),
  step('delete offsets of nobody', offsetDelete, 0, { groupId: 'nogroup', topics: [{ name: 'g1', partitions: [{ partitionIndex: 0 }] }] }),
  step('leave', leaveGroup, 5, vars => ({ groupId: 'g', members: [{ memberId: text(vars, 'm1') }, { memberId: 'stranger' }, { memberId: '', groupInstanceId: 'i9' }] })),
  step('leave again v2', leaveGroup, 2, vars => ({ groupId: 'g', memberId: text(vars, 'm1') })),
  step('leave nowhere', leaveGroup, 5, { groupId: 'nogroup', members: [{ memberId: 'x' }] }),
  step('static join', joinGroup, 9, member('', { groupId: 's', groupInstanceId: 'i1' }), keepMember('s1')),
  step('static sync', syncGroup, 5, vars => ({ groupId: 's', generationId: 1, memberId: text(vars, 's1'), groupInstanceId: 'i1', protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId: text(vars, 's1'), assignment: Buffer.from('mine') }] })),
  step('static returns', joinGroup, 9, member('', { groupId: 's', groupInstanceId: 'i1' }), keepMember('s2')),
  step('old id is fenced', heartbeat, 4, vars => ({ groupId: 's', generationId: 1, memberId: text(vars, 's1'), groupInstanceId: 'i1' })),
  step('old id joins', joinGroup, 9, vars => member(text(vars, 's1'), { groupId: 's', groupInstanceId: 'i1' })),
  step('old id commits', offsetCommit, 8, vars => ({ groupId: 's', generationIdOrMemberEpoch: 1, memberId: text(vars, 's1'), groupInstanceId: 'i1', topics: [{ name: 'g1', partitions: [{ partitionIndex: 1, committedOffset: 6, committedMetadata: null }] }] })),
  step('static syncs again', syncGroup, 5, vars => ({ groupId: 's', generationId: 1, memberId: text(vars, 's2'), groupInstanceId: 'i1', protocolType: 'consumer', protocolName: 'range', assignments: [] })),
  step('other protocol type', joinGroup, 9, member('', { groupId: 's', groupInstanceId: 'i2', protocolType: 'connect' })),
  step('removed by the admin', leaveGroup, 5, { groupId: 's', members: [{ memberId: '', groupInstanceId: 'i1' }] }),
]))

const keepProducer = (answer: { producerId: number; producerEpoch: number }, vars: Vars): void => {
  if (answer.producerId >= 0) vars['pid'] = answer.producerId
  if (answer.producerEpoch >= 0) vars['epoch'] = answer.producerEpoch
}
const producer = (vars: Vars, bump = 0): { producerId: number; producerEpoch: number } => ({ producerId: num(vars, 'pid'), producerEpoch: num(vars, 'epoch') + bump })
const sendIn = (name: string, version: number, sequence: number, transactional = true, bump = 0): Step => step(name, produce, version, vars => ({
  transactionalId: transactional ? 'tx' : null, acks: -1, timeoutMs: 5000,
  topicData: [{ name: 'x1', partitionData: [{ index: 0, records: textBatch(['v'], { ...producer(vars, bump), baseSequence: sequence, transactional }, Date.now()) }] }],
}), undefined, ['CONCURRENT_TRANSACTIONS', 'NOT_ENOUGH_REPLICAS', 'UNKNOWN_TOPIC_OR_PARTITION'])
const end = (name: string, version: number, committed: boolean, bump = 0): Step => step(name, endTxn, version, vars => ({ transactionalId: 'tx', ...producer(vars, bump), committed }), version >= 5 && bump === 0 ? keepProducer : undefined, ['CONCURRENT_TRANSACTIONS'])
const init = (name: string, more = {}): Step => step(name, initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 30_000, ...more }, keepProducer, [...LOADING, 'CONCURRENT_TRANSACTIONS'])

test('idempotent producers: sequences, duplicates, epochs', () => compare([
  step('make', createTopics, 7, topic('x1')),
  step('init', initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 }, keepProducer, LOADING),
  sendIn('first', 9, 0, false), sendIn('second', 9, 1, false), sendIn('second again', 9, 1, false), sendIn('gap', 9, 5, false), sendIn('first again', 9, 0, false),
  sendIn('new epoch, old sequence', 9, 2, false, 1), sendIn('new epoch', 9, 0, false, 1), sendIn('old epoch', 9, 2, false),
]))

test('transactions: versions 1 and 2, answer by answer', () => compare([
  step('make', createTopics, 7, topic('x1')),
  step('find', findCoordinator, 4, { keyType: 1, coordinatorKeys: ['tx'] }, undefined, LOADING),
  step('long timeout', initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 10_000_000 }),
  step('no timeout', initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 0 }),
  step('empty id', initProducerId, 4, { transactionalId: '', transactionTimeoutMs: 1000 }),
  init('init'),
  sendIn('v1: not added', 9, 0),
  step('v1: add unknown', addPartitionsToTxn, 3, vars => ({ v3AndBelowTransactionalId: 'tx', v3AndBelowProducerId: num(vars, 'pid'), v3AndBelowProducerEpoch: num(vars, 'epoch'), v3AndBelowTopics: [{ name: 'x1', partitions: [0] }, { name: 'nope', partitions: [0] }] })),
  step('v1: add', addPartitionsToTxn, 3, vars => ({ v3AndBelowTransactionalId: 'tx', v3AndBelowProducerId: num(vars, 'pid'), v3AndBelowProducerEpoch: num(vars, 'epoch'), v3AndBelowTopics: [{ name: 'x1', partitions: [0] }] })),
  sendIn('v1: send', 9, 0),
  step('v1: fetch committed', fetch, 11, { maxWaitMs: 0, minBytes: 0, isolationLevel: 1, topics: [{ topic: 'x1', ...onePartition }] }),
  step('v1: latest committed', listOffsets, 7, { isolationLevel: 1, topics: [{ name: 'x1', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }),
  step('v1: offsets not added', txnOffsetCommit, 3, vars => ({ transactionalId: 'tx', groupId: 'txg', ...producer(vars), topics: [{ name: 'x1', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }] })),
  step('v1: add offsets', addOffsetsToTxn, 3, vars => ({ transactionalId: 'tx', groupId: 'txg', ...producer(vars) })),
  step('v1: offsets', txnOffsetCommit, 3, vars => ({ transactionalId: 'tx', groupId: 'txg', ...producer(vars), topics: [{ name: 'x1', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }] }), undefined, LOADING),
  step('v1: offsets, unknown member', txnOffsetCommit, 3, vars => ({ transactionalId: 'tx', groupId: 'txg', ...producer(vars), memberId: 'x', generationId: 4, topics: [{ name: 'x1', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }] })),
  step('v1: pending, not stable', offsetFetch, 8, { groups: [{ groupId: 'txg', topics: [{ name: 'x1', partitionIndexes: [0] }] }], requireStable: true }),
  step('v1: pending, any', offsetFetch, 8, { groups: [{ groupId: 'txg', topics: [{ name: 'x1', partitionIndexes: [0] }] }] }),
  step('describe', describeTransactions, 0, { transactionalIds: ['tx', 'nobody'] }),
  step('list', listTransactions, 0, { stateFilters: ['Ongoing', 'Nonsense'], producerIdFilters: [] }),
  end('v1: wrong epoch', 3, true, 5),
  step('v1: unknown id', endTxn, 3, { transactionalId: 'nobody', producerId: 1, producerEpoch: 0, committed: true }),
  end('v1: commit', 3, true), end('v1: commit again', 3, true), end('v1: abort after', 3, false),
  step('stable', offsetFetch, 8, { groups: [{ groupId: 'txg', topics: [{ name: 'x1', partitionIndexes: [0] }] }], requireStable: true }, undefined, ['UNSTABLE_OFFSET_COMMIT']),
  sendIn('v2: send', 12, 1), sendIn('v2: send again', 12, 1), sendIn('v2: next', 12, 2),
  step('v2: offsets', txnOffsetCommit, 5, vars => ({ transactionalId: 'tx', groupId: 'txg', ...producer(vars), topics: [{ name: 'x1', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: null }] }] })),
  end('v2: abort', 5, false), end('v2: abort, retried', 5, false, -1), end('v2: commit instead', 5, true, -1), end('v2: old epoch', 5, true, -2),
  sendIn('v2: under the old epoch', 12, 3, true, -1),
  sendIn('v2: new epoch', 12, 0), end('v2: commit', 5, true), end('v2: commit of nothing', 5, true), end('v2: abort of nothing', 5, false),
  step('fetch committed', fetch, 11, { maxWaitMs: 500, minBytes: 1, isolationLevel: 1, topics: [{ topic: 'x1', ...onePartition }] }, (answer: { responses: { partitions: { abortedTransactions: { producerId: number }[] | null }[] }[] }) => { for (const each of answer.responses) for (const partition of each.partitions) for (const aborted of partition.abortedTransactions ?? []) aborted.producerId = 0 }),
  sendIn('left open', 12, 0),
  init('fences it'),
  step('describe after', describeTransactions, 0, { transactionalIds: ['tx'] }),
  init('keeps what it has', {}),
  step('fenced by a stranger', initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 30_000, producerId: 987_654, producerEpoch: 3 }),
  step('half of an id', initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 30_000, producerId: 987_654, producerEpoch: -1 }),
]))
