/**
 * Asks a Kafka broker every API in every version that our tables describe, with our own encoder, and decodes each answer
 * to its last byte. Versions that no client at hand sends are proved by this: Apache Kafka took the request and answered.
 *
 *   node dist/scripts/probe-frames.js 127.0.0.1:19392 [node]        (through the recording proxy, or straight to a broker)
 *
 * `node` asks only what concerns the node as a whole: directories, quotas, credentials, features, resources.
 *
 * Prints what was answered with an error code and what was not answered at all. It makes topics `wire.probe.…` and removes them.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { addOffsetsToTxn } from '../src/wire/apis/25-add-offsets-to-txn.ts'
import { addPartitionsToTxn } from '../src/wire/apis/24-add-partitions-to-txn.ts'
import { alterClientQuotas } from '../src/wire/apis/49-alter-client-quotas.ts'
import { alterConfigs } from '../src/wire/apis/33-alter-configs.ts'
import { alterPartitionReassignments } from '../src/wire/apis/45-alter-partition-reassignments.ts'
import { alterReplicaLogDirs } from '../src/wire/apis/34-alter-replica-log-dirs.ts'
import { alterUserScramCredentials } from '../src/wire/apis/51-alter-user-scram-credentials.ts'
import { apiVersions } from '../src/wire/apis/18-api-versions.ts'
import { consumerGroupDescribe } from '../src/wire/apis/69-consumer-group-describe.ts'
import { consumerGroupHeartbeat } from '../src/wire/apis/68-consumer-group-heartbeat.ts'
import { createAcls } from '../src/wire/apis/30-create-acls.ts'
import { createPartitions } from '../src/wire/apis/37-create-partitions.ts'
import { createTopics } from '../src/wire/apis/19-create-topics.ts'
import { deleteAcls } from '../src/wire/apis/31-delete-acls.ts'
import { deleteGroups } from '../src/wire/apis/42-delete-groups.ts'
import { deleteRecords } from '../src/wire/apis/21-delete-records.ts'
import { deleteTopics } from '../src/wire/apis/20-delete-topics.ts'
import { describeAcls } from '../src/wire/apis/29-describe-acls.ts'
import { describeClientQuotas } from '../src/wire/apis/48-describe-client-quotas.ts'
import { describeCluster } from '../src/wire/apis/60-describe-cluster.ts'
import { describeConfigs } from '../src/wire/apis/32-describe-configs.ts'
import { describeGroups } from '../src/wire/apis/15-describe-groups.ts'
import { describeLogDirs } from '../src/wire/apis/35-describe-log-dirs.ts'
import { describeProducers } from '../src/wire/apis/61-describe-producers.ts'
import { describeQuorum } from '../src/wire/apis/55-describe-quorum.ts'
import { describeTopicPartitions } from '../src/wire/apis/75-describe-topic-partitions.ts'
import { describeTransactions } from '../src/wire/apis/65-describe-transactions.ts'
import { describeUserScramCredentials } from '../src/wire/apis/50-describe-user-scram-credentials.ts'
import { electLeaders } from '../src/wire/apis/43-elect-leaders.ts'
import { endTxn } from '../src/wire/apis/26-end-txn.ts'
import { fetch } from '../src/wire/apis/01-fetch.ts'
import { findCoordinator } from '../src/wire/apis/10-find-coordinator.ts'
import { heartbeat } from '../src/wire/apis/12-heartbeat.ts'
import { incrementalAlterConfigs } from '../src/wire/apis/44-incremental-alter-configs.ts'
import { initProducerId } from '../src/wire/apis/22-init-producer-id.ts'
import { joinGroup } from '../src/wire/apis/11-join-group.ts'
import { leaveGroup } from '../src/wire/apis/13-leave-group.ts'
import { listConfigResources } from '../src/wire/apis/74-list-config-resources.ts'
import { listGroups } from '../src/wire/apis/16-list-groups.ts'
import { listOffsets } from '../src/wire/apis/02-list-offsets.ts'
import { listPartitionReassignments } from '../src/wire/apis/46-list-partition-reassignments.ts'
import { listTransactions } from '../src/wire/apis/66-list-transactions.ts'
import { metadata } from '../src/wire/apis/03-metadata.ts'
import { offsetCommit } from '../src/wire/apis/08-offset-commit.ts'
import { offsetDelete } from '../src/wire/apis/47-offset-delete.ts'
import { offsetFetch } from '../src/wire/apis/09-offset-fetch.ts'
import { offsetForLeaderEpoch } from '../src/wire/apis/23-offset-for-leader-epoch.ts'
import { produce } from '../src/wire/apis/00-produce.ts'
import { saslAuthenticate } from '../src/wire/apis/36-sasl-authenticate.ts'
import { saslHandshake } from '../src/wire/apis/17-sasl-handshake.ts'
import { syncGroup } from '../src/wire/apis/14-sync-group.ts'
import { txnOffsetCommit } from '../src/wire/apis/28-txn-offset-commit.ts'
import { unregisterBroker } from '../src/wire/apis/64-unregister-broker.ts'
import { updateFeatures } from '../src/wire/apis/57-update-features.ts'
import { writeTxnMarkers } from '../src/wire/apis/27-write-txn-markers.ts'
import { BatchBuilder } from '../src/wire/batch-builder.ts'
import { encodeAssignment, encodeSubscription } from '../src/wire/consumer-protocol.ts'
import { errorName } from '../src/wire/error-codes.ts'
import { decodeResponse, decodeResponseHeader, encodeRequest } from '../src/wire/frames.ts'
import type { Api, RequestInput, ResponseOf } from '../src/wire/schema.ts'

const TOPIC = 'wire.probe'
const [host = '127.0.0.1', port = '19092'] = (process.argv[2] ?? '').split(':')
const unanswered: string[] = []
const errors = new Map<string, number>()
let served = new Map<number, readonly [number, number]>()
let asked = 0
let topicId = ''

await probeApiVersions()
if (process.argv[3] !== 'node') {
  await probeTopics()
  await probeRecords()
  await probeGroups()
  await probeConsumerGroups()
  await probeTransactions()
  await probeAdministration()
  await probeEnd()
}
await probeNode()
console.log(`${asked} answers decoded to the last byte`)
for (const [text, count] of errors) console.log(`answered with ${text} (${count})`)
for (const text of unanswered) console.log(`NOT ANSWERED: ${text}`)

/** One request on a connection of its own: a broker that dislikes it closes, and takes nothing else along. */
async function ask<A extends Api>(api: A, version: number, body: RequestInput<A>): Promise<ResponseOf<A> | undefined> {
  const range = served.get(api.key)
  if (range !== undefined && (version < range[0] || version > range[1])) {
    unanswered.push(`${api.name} v${version}: the broker serves v${range[0]} to v${range[1]}`)
    return undefined
  }
  const frame = await exchange(Buffer.concat(encodeRequest(api, version, { correlationId: asked, clientId: 'millrace-prober' }, body)))
  if (frame === undefined) {
    unanswered.push(`${api.name} v${version}: the broker closed the connection`)
    return undefined
  }
  asked++
  const answer = decodeResponse(api, version, decodeResponseHeader(frame).reader)
  noteErrors(`${api.name}`, answer)
  return answer
}

/** Every version of an API with the same body. */
async function askAll<A extends Api>(api: A, bodyOf: (version: number) => RequestInput<A>): Promise<(ResponseOf<A> | undefined)[]> {
  const answers: (ResponseOf<A> | undefined)[] = []
  for (let version = api.versionMin; version <= api.versionMax; version++) answers.push(await ask(api, version, bodyOf(version)))
  return answers
}

async function exchange(request: Buffer): Promise<Buffer | undefined> {
  const socket: Socket = connect(Number(port), host)
  socket.write(request)
  let data = Buffer.alloc(0)
  const deadline = setTimeout(() => socket.destroy(), 10_000)
  try {
    for await (const chunk of socket) {
      data = Buffer.concat([data, chunk as Buffer]) // No encoding is set, so chunks are Buffers.
      if (data.length >= 4 && data.length >= 4 + data.readInt32BE(0)) return data.subarray(4)
    }
  } catch (error) {
    console.log(`connection failed: ${String(error)}`)
  } finally {
    clearTimeout(deadline)
    socket.destroy()
  }
  return undefined
}

function noteErrors(where: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return
  for (const [name, inner] of Object.entries(value)) {
    if (/errorCode$/i.test(name) && typeof inner === 'number' && inner !== 0) {
      const text = `${where}: ${errorName(inner)}`
      errors.set(text, (errors.get(text) ?? 0) + 1)
    } else noteErrors(where, inner)
  }
}

function batch(options: { readonly producerId?: number, readonly producerEpoch?: number, readonly baseSequence?: number, readonly transactional?: boolean, readonly key?: Buffer | null }): Buffer {
  const builder = new BatchBuilder()
  builder.append(Date.now(), options.key === undefined ? Buffer.from('key') : options.key, Buffer.from('value'), [{ key: 'header', value: Buffer.from('h') }])
  return builder.build(options)
}

async function probeApiVersions(): Promise<void> {
  const answers = await askAll(apiVersions, () => ({ clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' }))
  const keys = answers[4]?.apiKeys ?? []
  served = new Map(keys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]))
  console.log(`the broker serves ${served.size} APIs`)
}

async function probeTopics(): Promise<void> {
  await ask(createTopics, 7, { topics: [{ name: TOPIC, numPartitions: 2, replicationFactor: 1, configs: [{ name: 'message.timestamp.type', value: 'CreateTime' }] }] })
  await ask(createTopics, 7, { topics: [{ name: `${TOPIC}.compacted`, numPartitions: 1, replicationFactor: -1, configs: [{ name: 'cleanup.policy', value: 'compact' }] }] })
  await askAll(createTopics, version => ({
    topics: [
      { name: `${TOPIC}.v${version}`, numPartitions: 1, replicationFactor: 1 },
      { name: `${TOPIC}.assigned.v${version}`, numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
      { name: TOPIC, numPartitions: 1, replicationFactor: 1, configs: [{ name: 'no.such.config', value: null }] },
    ],
  }))
  await new Promise(resolve => setTimeout(resolve, 500))
  const answers = await askAll(metadata, version => ({
    topics: [{ name: TOPIC }, { name: 'wire probe: no valid name' }], allowAutoTopicCreation: false,
    includeTopicAuthorizedOperations: version % 2 === 0, includeClusterAuthorizedOperations: true,
  }))
  topicId = answers.at(-1)?.topics.find(({ name }) => name === TOPIC)?.topicId ?? ''
  for (const version of [10, 12, 13]) await ask(metadata, version, { topics: [{ name: null, topicId }], allowAutoTopicCreation: false })
  await askAll(describeCluster, version => ({ includeClusterAuthorizedOperations: true, includeFencedBrokers: version === 2 }))
  await askAll(describeTopicPartitions, () => ({ topics: [{ name: TOPIC }, { name: 'wire.probe.none' }], responsePartitionLimit: 1 }))
  await ask(describeTopicPartitions, 0, { topics: [{ name: TOPIC }], cursor: { topicName: TOPIC, partitionIndex: 1 } })
}

async function probeRecords(): Promise<void> {
  await askAll(initProducerId, () => ({ transactionalId: null, transactionTimeoutMs: 60_000 }))
  await askAll(produce, version => ({
    acks: version % 2 === 0 ? -1 : 1, timeoutMs: 5_000,
    topicData: [{ name: TOPIC, topicId, partitionData: [{ index: 0, records: batch({}) }, { index: 99, records: batch({}) }] }],
  }))
  for (let version = 3; version <= 12; version++) {
    await ask(produce, version, { acks: -1, timeoutMs: 5_000, topicData: [{ name: `${TOPIC}.compacted`, partitionData: [{ index: 0, records: batch({ key: null }) }] }] })
  }
  const fetchBody = (sessionEpoch: number, sessionId: number): RequestInput<typeof fetch> => ({
    maxWaitMs: 50, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 1, sessionId, sessionEpoch,
    topics: [{ topic: TOPIC, topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 300 }, { partition: 1, fetchOffset: 9_999, partitionMaxBytes: 300 }] }],
    forgottenTopicsData: [],
  })
  await askAll(fetch, () => fetchBody(-1, 0))
  for (let version = 7; version <= 18; version++) {
    const first = await ask(fetch, version, fetchBody(0, 0))
    await ask(fetch, version, { ...fetchBody(1, first?.sessionId ?? 0), topics: [], forgottenTopicsData: [{ topic: TOPIC, topicId, partitions: [1] }] })
  }
  for (const timestamp of [-1, -2, 1_000]) {
    await askAll(listOffsets, version => ({ isolationLevel: 1, timeoutMs: 1_000, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp: version === 7 ? -3 : timestamp }, { partitionIndex: 1, timestamp: version >= 8 ? -4 : timestamp }] }] }))
  }
  await askAll(offsetForLeaderEpoch, () => ({ topics: [{ topic: TOPIC, partitions: [{ partition: 0, leaderEpoch: 0 }, { partition: 1, leaderEpoch: 7, currentLeaderEpoch: 9 }] }] }))
  await askAll(deleteRecords, version => ({ topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, offset: version }, { partitionIndex: 9, offset: 0 }] }], timeoutMs: 5_000 }))
}

async function probeGroups(): Promise<void> {
  await askAll(findCoordinator, () => ({ key: 'wire.probe.group', keyType: 0, coordinatorKeys: ['wire.probe.group', 'wire.probe.other'] }))
  for (let version = joinGroup.versionMin; version <= joinGroup.versionMax; version++) await probeGroup(version)
  await askAll(listGroups, version => ({ statesFilter: version === 5 ? ['Stable', 'Empty'] : [], typesFilter: version === 5 ? ['Classic', 'Consumer'] : [] }))
  await askAll(offsetDelete, () => ({ groupId: 'wire.probe.g3', topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0 }] }] }))
  await askAll(deleteGroups, version => ({ groupsNames: [`wire.probe.g${version}`, 'wire.probe.no-group'] }))
  for (let version = 3; version <= 9; version++) await ask(deleteGroups, 2, { groupsNames: [`wire.probe.g${version}`] })
}

/** One member's life in a classic group, each of its requests in a version near `version`. */
async function probeGroup(version: number): Promise<void> {
  const groupId = `wire.probe.g${version}`
  const at = (api: Api): number => Math.min(Math.max(version, api.versionMin), api.versionMax)
  const groupInstanceId = version % 2 === 1 && version > 5 ? 'probe-instance' : null
  const join = { groupId, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, protocolType: 'consumer', groupInstanceId, reason: 'probe', protocols: [{ name: 'range', metadata: encodeSubscription({ topics: [TOPIC] }, Math.min(3, version)) }] }
  let joined = await ask(joinGroup, version, { ...join, memberId: '' })
  if (joined?.errorCode === 79) joined = await ask(joinGroup, version, { ...join, memberId: joined.memberId })
  const { memberId = '', generationId = -1 } = joined ?? {}
  const assignment = encodeAssignment({ assignedPartitions: [{ topic: TOPIC, partitions: [0, 1] }] }, Math.min(3, version))
  const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: version, committedLeaderEpoch: 0, committedMetadata: 'probed' }] }]
  const fetchTopics = version % 3 === 2 ? null : [{ name: TOPIC, partitionIndexes: [0, 1] }]
  await ask(syncGroup, at(syncGroup), { groupId, generationId, memberId, groupInstanceId, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId, assignment }] })
  await ask(heartbeat, at(heartbeat), { groupId, generationId, memberId, groupInstanceId })
  await ask(heartbeat, at(heartbeat), { groupId, generationId: generationId + 1, memberId, groupInstanceId })
  await ask(offsetCommit, at(offsetCommit), { groupId, generationIdOrMemberEpoch: generationId, memberId, groupInstanceId, topics })
  await ask(offsetFetch, at(offsetFetch), { groupId, topics: fetchTopics, groups: [{ groupId, topics: fetchTopics }, { groupId: 'wire.probe.none', topics: null }], requireStable: true })
  await ask(describeGroups, at(describeGroups), { groups: [groupId, 'wire.probe.none'], includeAuthorizedOperations: true })
  await ask(leaveGroup, at(leaveGroup), { groupId, memberId, members: [{ memberId, groupInstanceId, reason: 'done' }, { memberId: 'nobody' }] })
  await ask(describeGroups, at(describeGroups), { groups: [groupId] })
}

async function probeConsumerGroups(): Promise<void> {
  for (const version of [0, 1]) {
    const groupId = `wire.probe.k${version}`
    const memberId = version === 0 ? '' : 'AbCdEfGhIjKlMnOpQrStUw'
    const first = await ask(consumerGroupHeartbeat, version, { groupId, memberId, memberEpoch: 0, rebalanceTimeoutMs: 10_000, subscribedTopicNames: [TOPIC], topicPartitions: [], serverAssignor: 'uniform' })
    const member = first?.memberId ?? memberId
    await ask(consumerGroupHeartbeat, version, { groupId, memberId: member, memberEpoch: first?.memberEpoch ?? 0, topicPartitions: [{ topicId, partitions: [0, 1] }] })
    await ask(offsetCommit, 9, { groupId, generationIdOrMemberEpoch: first?.memberEpoch ?? 0, memberId: member, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }] })
    await ask(offsetFetch, 9, { groups: [{ groupId, memberId: member, memberEpoch: first?.memberEpoch ?? 0, topics: [{ name: TOPIC, partitionIndexes: [0] }] }] })
    await ask(consumerGroupDescribe, version, { groupIds: [groupId, 'wire.probe.none'], includeAuthorizedOperations: true })
    await ask(consumerGroupHeartbeat, version, { groupId, memberId: member, memberEpoch: -1 })
    await ask(deleteGroups, 2, { groupsNames: [groupId] })
  }
}

async function probeTransactions(): Promise<void> {
  for (let version = 0; version <= 5; version++) await probeTransaction(version)
  await askAll(describeTransactions, () => ({ transactionalIds: ['wire.probe.t5', 'wire.probe.none'] }))
  await askAll(listTransactions, () => ({ stateFilters: ['Empty', 'CompleteCommit', 'NoSuchState'], transactionalIdPattern: 'wire.*' }))
  const marker = { producerId: 123_456, producerEpoch: 0, transactionResult: false, coordinatorEpoch: 0, topics: [{ name: 'wire.probe.none', partitionIndexes: [0] }] }
  await askAll(writeTxnMarkers, () => ({ markers: [marker] }))
}

async function probeTransaction(version: number): Promise<void> {
  const transactionalId = `wire.probe.t${version}`
  const groupId = `wire.probe.tg${version}`
  const at = (api: Api): number => Math.min(version, api.versionMax)
  await ask(findCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] })
  let producer = await ask(initProducerId, version, { transactionalId, transactionTimeoutMs: 30_000 })
  for (let tries = 0; tries < 20 && (producer?.producerId ?? -1) < 0; tries++) {
    await new Promise(resolve => setTimeout(resolve, 100))
    producer = await ask(initProducerId, version, { transactionalId, transactionTimeoutMs: 30_000 })
  }
  const { producerId = -1, producerEpoch = -1 } = producer ?? {}
  const topics = [{ name: TOPIC, partitions: [0, 1] }]
  await ask(addPartitionsToTxn, version, {
    v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: topics,
    transactions: [{ transactionalId, producerId, producerEpoch, topics }],
  })
  for (const index of [0, 1]) {
    const records = batch({ producerId, producerEpoch, baseSequence: 0, transactional: true })
    await ask(produce, version === 5 ? 12 : 3 + version, { transactionalId, acks: -1, timeoutMs: 5_000, topicData: [{ name: TOPIC, partitionData: [{ index, records }] }] })
  }
  await ask(addOffsetsToTxn, at(addOffsetsToTxn), { transactionalId, producerId, producerEpoch, groupId })
  await ask(txnOffsetCommit, version, { transactionalId, groupId, producerId, producerEpoch, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }] })
  await ask(offsetFetch, 7, { groupId, topics: [{ name: TOPIC, partitionIndexes: [0] }], requireStable: true })
  await askAll(describeProducers, () => ({ topics: [{ name: TOPIC, partitionIndexes: [0, 9] }] }))
  await askAll(describeTransactions, () => ({ transactionalIds: [transactionalId] }))
  await ask(listTransactions, at(listTransactions), { stateFilters: ['Ongoing'], producerIdFilters: [producerId] })
  await ask(endTxn, version, { transactionalId, producerId, producerEpoch, committed: version % 2 === 0 })
  await ask(deleteGroups, 2, { groupsNames: [groupId] })
  await ask(fetch, 4 + version * 2, { maxWaitMs: 50, minBytes: 1, isolationLevel: 1, topics: [{ topic: TOPIC, topicId, partitions: [{ partition: 1, fetchOffset: 0, partitionMaxBytes: 1_000 }] }] })
}

async function probeAdministration(): Promise<void> {
  await askAll(describeConfigs, () => ({
    resources: [{ resourceType: 2, resourceName: TOPIC, configurationKeys: ['retention.ms', 'cleanup.policy'] }, { resourceType: 4, resourceName: '1', configurationKeys: ['message.max.bytes'] }, { resourceType: 2, resourceName: 'wire.probe.none', configurationKeys: null }],
    includeSynonyms: true, includeDocumentation: true,
  }))
  await askAll(alterConfigs, version => ({ resources: [{ resourceType: 2, resourceName: TOPIC, configs: [{ name: 'retention.ms', value: '3600000' }] }, { resourceType: 2, resourceName: 'wire.probe.none', configs: [] }], validateOnly: version === 1 }))
  await askAll(incrementalAlterConfigs, () => ({
    resources: [{ resourceType: 2, resourceName: TOPIC, configs: [{ name: 'retention.ms', configOperation: 0, value: '7200000' }, { name: 'cleanup.policy', configOperation: 2, value: 'compact' }, { name: 'segment.ms', configOperation: 1, value: null }] }],
  }))
  await askAll(createPartitions, version => ({ topics: [{ name: TOPIC, count: 3 + version }, { name: `${TOPIC}.v3`, count: 2, assignments: [{ brokerIds: [1] }] }], timeoutMs: 5_000, validateOnly: version === 1 }))
  await askAll(describeLogDirs, () => ({ topics: [{ topic: TOPIC, partitions: [0] }] }))
  await askAll(electLeaders, () => ({ topicPartitions: [{ topic: TOPIC, partitions: [0] }] }))
  await askAll(alterPartitionReassignments, () => ({ topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, replicas: [1, 77] }, { partitionIndex: 1 }] }] }))
  await askAll(listPartitionReassignments, () => ({ topics: [{ name: TOPIC, partitionIndexes: [0] }] }))
  await askAll(describeQuorum, () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }))
  const acl = { principal: 'User:probe', host: '*', operation: 3, permissionType: 3 }
  await askAll(describeAcls, () => ({ resourceTypeFilter: 2, resourceNameFilter: TOPIC, patternTypeFilter: 3, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }))
  await askAll(createAcls, () => ({ creations: [{ resourceType: 2, resourceName: TOPIC, ...acl }] }))
  await askAll(deleteAcls, () => ({ filters: [{ resourceTypeFilter: 2, resourceNameFilter: TOPIC, patternTypeFilter: 3, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }] }))
  await askAll(saslHandshake, () => ({ mechanism: 'PLAIN' }))
  await askAll(saslAuthenticate, () => ({ authBytes: Buffer.from('\0user\0secret') }))
}

async function probeNode(): Promise<void> {
  await askAll(alterReplicaLogDirs, () => ({ dirs: [{ path: '/nowhere', topics: [{ name: 'wire.probe.none', partitions: [0] }] }] }))
  const entity = [{ entityType: 'user', entityName: 'wire-probe' }]
  await askAll(alterClientQuotas, () => ({ entries: [{ entity, ops: [{ key: 'producer_byte_rate', value: 1_000_000, remove: false }] }], validateOnly: false }))
  await new Promise(resolve => setTimeout(resolve, 500))
  await askAll(describeClientQuotas, () => ({ components: [{ entityType: 'user', matchType: 0, match: 'wire-probe' }], strict: true }))
  await askAll(alterClientQuotas, () => ({ entries: [{ entity, ops: [{ key: 'producer_byte_rate', value: 0, remove: true }] }], validateOnly: false }))
  const salt = Buffer.alloc(16, 1)
  await askAll(alterUserScramCredentials, () => ({ deletions: [{ name: 'wire-nobody', mechanism: 1 }], upsertions: [{ name: 'wire-probe', mechanism: 1, iterations: 4096, salt, saltedPassword: Buffer.alloc(32, 2) }] }))
  await new Promise(resolve => setTimeout(resolve, 500))
  await askAll(describeUserScramCredentials, () => ({ users: [{ name: 'wire-probe' }] }))
  await askAll(alterUserScramCredentials, () => ({ deletions: [{ name: 'wire-probe', mechanism: 1 }], upsertions: [] }))
  await askAll(updateFeatures, () => ({ featureUpdates: [{ feature: 'wire.probe', maxVersionLevel: 1, allowDowngrade: false, upgradeType: 1 }], validateOnly: false }))
  await askAll(unregisterBroker, () => ({ brokerId: 77 }))
  await askAll(listConfigResources, () => ({ resourceTypes: [4, 8] }))
}

async function probeEnd(): Promise<void> {
  await askAll(deleteTopics, version => ({ topicNames: [`${TOPIC}.v${version}`, 'wire.probe.none'], topics: [{ name: `${TOPIC}.v${version}` }, { name: 'wire.probe.none' }], timeoutMs: 5_000 }))
  const left = [TOPIC, `${TOPIC}.compacted`, `${TOPIC}.v7`, ...[2, 3, 4, 5, 6, 7].map(version => `${TOPIC}.assigned.v${version}`)]
  await ask(deleteTopics, 6, { topics: left.map(name => ({ name })), timeoutMs: 5_000 })
}
