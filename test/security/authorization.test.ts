/** Access control over the wire: every served API, in every version, refuses who may not and serves who may. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Broker } from '../../src/broker/broker.ts'
import { SERVED } from '../../src/broker/handlers/index.ts'
import { OPERATIONS, PATTERNS, PERMISSIONS, RESOURCE_TYPES } from '../../src/broker/authorization/acl.ts'
import type { Operation, ResourceType } from '../../src/broker/authorization/acl.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { produce } from '../../src/wire/apis/00-produce.ts'
import { fetch } from '../../src/wire/apis/01-fetch.ts'
import { metadata } from '../../src/wire/apis/03-metadata.ts'
import { listGroups } from '../../src/wire/apis/16-list-groups.ts'
import { createAcls } from '../../src/wire/apis/30-create-acls.ts'
import { deleteAcls } from '../../src/wire/apis/31-delete-acls.ts'
import { joinGroup } from '../../src/wire/apis/11-join-group.ts'
import { errorCode, errorName } from '../../src/wire/error-codes.ts'
import type { Api } from '../../src/wire/schema.ts'
import { ZERO_UUID } from '../../src/wire/uuid.ts'
import { WireClient, textBatch, textValues } from '../support/wire-client.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-authorization-'))
const DENIALS = ['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'] as const
type Denial = typeof DENIALS[number]
const [TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID] = DENIALS
/** Of no topic. */
const ID = 'qbPB0gAAQACAAAAAAAAAAQ'
const name = 'orders'
const group = { groupId: 'readers', generationId: 1, memberId: 'm', groupInstanceId: null }
const transaction = { transactionalId: 'mill', producerId: 1, producerEpoch: 0 }
const config = { resourceType: 2, resourceName: name }

/** By API: a request of somebody who may do nothing, and what it is refused with. `open`: asks for nothing, or shows what may be seen. */
const REQUESTS: Readonly<Record<string, readonly [request: object, refused: Denial | 'open']>> = {
  Produce: [{ transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name, topicId: ID, partitionData: [{ index: 0, records: textBatch(['a']) }] }] }, TOPIC],
  Fetch: [{ maxWaitMs: 0, minBytes: 0, topics: [{ topic: name, topicId: ID, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }] }, TOPIC],
  ListOffsets: [{ replicaId: -1, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }, TOPIC],
  Metadata: [{ topics: [{ name }] }, TOPIC],
  OffsetCommit: [{ ...group, topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }] }, GROUP],
  OffsetFetch: [{ groupId: 'readers', topics: [{ name, partitionIndexes: [0] }], groups: [{ groupId: 'readers', topics: [{ name, partitionIndexes: [0] }] }] }, GROUP],
  FindCoordinator: [{ key: 'readers', keyType: 0, coordinatorKeys: ['readers'] }, GROUP],
  JoinGroup: [{ groupId: 'readers', sessionTimeoutMs: 6000, memberId: '', protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] }, GROUP],
  Heartbeat: [group, GROUP],
  LeaveGroup: [{ groupId: 'readers', memberId: 'm', members: [{ memberId: 'm', groupInstanceId: null }] }, GROUP],
  SyncGroup: [{ ...group, assignments: [] }, GROUP],
  DescribeGroups: [{ groups: ['readers'] }, GROUP],
  ListGroups: [{}, 'open'],
  SaslHandshake: [{ mechanism: 'PLAIN' }, 'open'],
  ApiVersions: [{ clientSoftwareName: 'test', clientSoftwareVersion: '1' }, 'open'],
  CreateTopics: [{ topics: [{ name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 1000, validateOnly: true }, TOPIC],
  DeleteTopics: [{ topics: [{ name, topicId: ZERO_UUID }], topicNames: [name], timeoutMs: 1000 }, TOPIC],
  DeleteRecords: [{ topics: [{ name, partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: 1000 }, TOPIC],
  InitProducerId: [{ transactionalId: 'mill', transactionTimeoutMs: 1000 }, TRANSACTIONAL_ID],
  OffsetForLeaderEpoch: [{ topics: [{ topic: name, partitions: [{ partition: 0, leaderEpoch: 0 }] }] }, TOPIC],
  AddPartitionsToTxn: [{
    transactions: [{ ...transaction, verifyOnly: false, topics: [{ name, partitions: [0] }] }],
    v3AndBelowTransactionalId: 'mill', v3AndBelowProducerId: 1, v3AndBelowProducerEpoch: 0, v3AndBelowTopics: [{ name, partitions: [0] }],
  }, TRANSACTIONAL_ID],
  AddOffsetsToTxn: [{ ...transaction, groupId: 'readers' }, TRANSACTIONAL_ID],
  EndTxn: [{ ...transaction, committed: true }, TRANSACTIONAL_ID],
  WriteTxnMarkers: [{ markers: [{ producerId: 1, producerEpoch: 0, transactionResult: true, topics: [{ name, partitionIndexes: [0] }], coordinatorEpoch: 0 }] }, CLUSTER],
  TxnOffsetCommit: [{ ...transaction, ...group, topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }] }, TRANSACTIONAL_ID],
  DescribeAcls: [{ resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }, CLUSTER],
  CreateAcls: [{ creations: [{ resourceType: 2, resourceName: 'x', resourcePatternType: 3, principal: 'User:none', host: '*', operation: 3, permissionType: 3 }] }, CLUSTER],
  DeleteAcls: [{ filters: [{ resourceTypeFilter: 2, resourceNameFilter: 'x', patternTypeFilter: 3, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }] }, CLUSTER],
  DescribeConfigs: [{ resources: [{ ...config, configurationKeys: null }] }, TOPIC],
  AlterConfigs: [{ resources: [{ ...config, configs: [] }], validateOnly: true }, TOPIC],
  DescribeLogDirs: [{ topics: null }, CLUSTER],
  SaslAuthenticate: [{ authBytes: Buffer.alloc(1) }, 'open'],
  CreatePartitions: [{ topics: [{ name, count: 5, assignments: null }], timeoutMs: 1000, validateOnly: true }, TOPIC],
  DeleteGroups: [{ groupsNames: ['readers'] }, GROUP],
  ElectLeaders: [{ electionType: 0, topicPartitions: null, timeoutMs: 1000 }, CLUSTER],
  IncrementalAlterConfigs: [{ resources: [{ ...config, configs: [] }], validateOnly: true }, TOPIC],
  AlterPartitionReassignments: [{ timeoutMs: 1000, topics: [] }, CLUSTER],
  ListPartitionReassignments: [{ timeoutMs: 1000, topics: null }, CLUSTER],
  OffsetDelete: [{ groupId: 'readers', topics: [] }, GROUP],
  DescribeUserScramCredentials: [{ users: null }, CLUSTER],
  AlterUserScramCredentials: [{ deletions: [{ name: 'none', mechanism: 1 }], upsertions: [] }, CLUSTER],
  DescribeQuorum: [{ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }, CLUSTER],
  DescribeCluster: [{ includeClusterAuthorizedOperations: true }, 'open'],
  DescribeProducers: [{ topics: [{ name, partitionIndexes: [0] }] }, TOPIC],
  DescribeTransactions: [{ transactionalIds: ['mill'] }, TRANSACTIONAL_ID],
  ListTransactions: [{}, 'open'],
  ConsumerGroupHeartbeat: [{ groupId: 'readers', memberId: ID, memberEpoch: 0, rebalanceTimeoutMs: 1000, subscribedTopicNames: [name], topicPartitions: [] }, GROUP],
  ConsumerGroupDescribe: [{ groupIds: ['readers'] }, GROUP],
  AlterReplicaLogDirs: [{ dirs: [{ path: '/nowhere', topics: [{ name, partitions: [0] }] }] }, CLUSTER],
  DescribeClientQuotas: [{ components: [], strict: false }, CLUSTER],
  AlterClientQuotas: [{ entries: [{ entity: [{ entityType: 'user', entityName: 'none' }], ops: [] }], validateOnly: true }, CLUSTER],
  UpdateFeatures: [{ featureUpdates: [], validateOnly: true }, CLUSTER],
  UnregisterBroker: [{ brokerId: 77 }, CLUSTER],
  ListConfigResources: [{ resourceTypes: [2] }, CLUSTER],
  DescribeTopicPartitions: [{ topics: [{ name }], responsePartitionLimit: 100, cursor: null }, TOPIC],
}

/** In earlier versions the answer has no place for the error, and shows nothing. */
const TOLD_FROM: Readonly<Record<string, number>> = { DescribeLogDirs: 3, ElectLeaders: 1 }

let closed: Broker
let open: Broker
let brokers = 0
let ordersId = ID

async function start(superUsers: string[]): Promise<Broker> {
  return Broker.start(realEnv, { directory: join(directory, `data-${brokers++}`), port: 0, durability: 'os', authorization: { superUsers }, autoCreateTopics: false })
}

before(async () => {
  closed = await start(['User:admin'])
  open = await start(['ANONYMOUS'])
})
after(async () => {
  await closed.close()
  await open.close()
  rmSync(directory, { recursive: true, force: true })
})

async function ask(broker: Broker, api: Api, version: number, body: object): Promise<unknown> {
  const client = await WireClient.connect(realEnv, broker.port)
  try {
    // Each request above is one of its API; the encoder asserts what is missing.
    return await client.request(api, version, body as Parameters<typeof client.request>[2])
  } finally {
    client.close()
  }
}

/** Every error code of an answer, wherever it stands. */
function codesOf(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(codesOf)
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => /^(partitionE|e)rrorCode$/.test(key) && typeof inner === 'number' ? [inner] : codesOf(inner))
}

for (const { api, versionMin, versionMax } of SERVED) {
  test(`${api.name}: who may not is refused, who may is served, in each version`, async () => {
    const [request, refused] = REQUESTS[api.name] ?? assert.fail(`${api.name} has no request here`)
    for (let version = versionMin; version <= versionMax; version++) {
      const denied = new Set(codesOf(await ask(closed, api, version, request)).filter(code => code !== 0).map(errorName))
      // Topics by id: one that is not there has no name that could be hidden.
      const byUnknownId = (api.name === 'Produce' || api.name === 'Fetch') && version >= 13
      if (byUnknownId) assert.deepEqual([...denied], ['UNKNOWN_TOPIC_ID'], `v${version}`)
      else if (refused === 'open' || version < (TOLD_FROM[api.name] ?? 0)) assert.deepEqual([...denied].filter(each => DENIALS.some(denial => denial === each)), [], `v${version}`)
      else assert.deepEqual([...denied], [refused], `v${version}`)
      const allowed = codesOf(await ask(open, api, version, request)).map(errorName)
      assert.deepEqual(allowed.filter(each => DENIALS.some(denial => denial === each)), [], `v${version}, by a super user`)
    }
  })
}

async function allow(client: WireClient, type: ResourceType, resourceName: string, operation: Operation, options: { readonly deny?: boolean, readonly prefixed?: boolean } = {}): Promise<void> {
  const { results } = await client.request(createAcls, 3, { creations: [{
    resourceType: RESOURCE_TYPES[type], resourceName, resourcePatternType: options.prefixed === true ? PATTERNS.PREFIXED : PATTERNS.LITERAL,
    principal: 'User:ANONYMOUS', host: '*', operation: OPERATIONS[operation], permissionType: options.deny === true ? PERMISSIONS.DENY : PERMISSIONS.ALLOW,
  }] })
  assert.deepEqual(results.map(result => result.errorCode), [0])
}

test('rights grow and shrink while clients are connected: names, records, groups, sessions', async () => {
  // Who may change access control, and make topics, and nothing else.
  const broker = await Broker.start(realEnv, { directory: join(directory, `data-${brokers++}`), port: 0, durability: 'os', authorization: { allowIfNone: true } })
  const client = await WireClient.connect(realEnv, broker.port)
  try {
    await allow(client, 'CLUSTER', 'kafka-cluster', 'ALTER')
    await client.request(metadata, 9, { topics: [{ name }, { name: 'hidden' }], allowAutoTopicCreation: true })
    await client.request(produce, 8, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index: 0, records: textBatch(['a', 'b']) }] }] })
    const all = await client.request(metadata, 12, { topics: null })
    assert.deepEqual(all.topics.map(topic => topic.name).filter(each => !each?.startsWith('__')).sort(), ['hidden', name])
    ordersId = all.topics.find(topic => topic.name === name)?.topicId ?? ''
    await allow(client, 'TOPIC', 'hid', 'ALL', { deny: true, prefixed: true })
    await allow(client, 'TOPIC', name, 'READ')
    const seen = await client.request(metadata, 12, { topics: null, includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: false })
    const orders = seen.topics.find(topic => topic.name === name)
    assert.deepEqual(seen.topics.map(topic => topic.name).filter(each => !each?.startsWith('__')), [name])
    assert.equal(orders?.topicAuthorizedOperations, (1 << OPERATIONS.READ) | (1 << OPERATIONS.DESCRIBE))
    const named = await client.request(metadata, 12, { topics: [{ name: 'hidden' }, { name: 'hidden-and-absent' }] })
    assert.deepEqual(named.topics.map(topic => [topic.errorCode, topic.topicId]), Array.from({ length: 2 }, () => [errorCode(TOPIC), ZERO_UUID]), 'what is there and what is not look alike')

    const topics = (names: readonly string[]): { topic: string, partitions: { partition: number, fetchOffset: number, partitionMaxBytes: number }[] }[] => names.map(topic => ({ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 }] }))
    const both = await client.request(fetch, 12, { maxWaitMs: 0, minBytes: 0, sessionId: 0, sessionEpoch: 0, topics: topics([name, 'hidden']) })
    assert.equal(both.sessionId, 0, 'no session holds what may not be read')
    assert.deepEqual(both.responses.map(each => [each.topic, each.partitions[0]?.errorCode, textValues(each.partitions[0]?.records ?? null).length]), [[name, 0, 2], ['hidden', errorCode(TOPIC), 0]])
    const denied = await client.request(produce, 8, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index: 0, records: textBatch(['c']) }] }] })
    assert.equal(denied.responses[0]?.partitionResponses[0]?.errorCode, errorCode(TOPIC))

    const taken = await client.request(deleteAcls, 3, { filters: [{ resourceTypeFilter: 2, resourceNameFilter: name, patternTypeFilter: 3, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }] })
    assert.equal(taken.filterResults[0]?.matchingAcls.length, 1)
    await allow(client, 'TOPIC', name, 'READ', { deny: true })
    const byId = await client.request(fetch, 13, { maxWaitMs: 0, minBytes: 0, topics: [{ topicId: ordersId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 }] }] })
    assert.deepEqual(byId.responses.map(each => [each.partitions[0]?.errorCode, each.partitions[0]?.records?.length ?? 0]), [[errorCode(TOPIC), 0]])

    await client.request(joinGroup, 3, { groupId: 'seen', sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000, memberId: '', protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] })
    assert.deepEqual((await client.request(listGroups, 4, {})).groups.map(each => each.groupId), ['seen'])
    await allow(client, 'CLUSTER', 'kafka-cluster', 'DESCRIBE', { deny: true })
    await allow(client, 'GROUP', 'seen', 'ALL', { deny: true })
    assert.deepEqual((await client.request(listGroups, 4, {})).groups, [])
  } finally {
    client.close()
    await broker.close()
  }
})

test('a produce with acks=0 that may not write ends the connection, as nothing else could say it', async () => {
  const client = await WireClient.connect(realEnv, closed.port)
  const answer = client.request(produce, 8, { transactionalId: null, acks: 0, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index: 0, records: textBatch(['c']) }] }] })
  await assert.rejects(answer, /closed/)
})
