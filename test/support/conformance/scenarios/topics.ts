/** Topics, partitions and configs: what is made, described, altered, deleted and refused. */
import { metadata } from '../../../../src/wire/apis/03-metadata.ts'
import { createTopics } from '../../../../src/wire/apis/19-create-topics.ts'
import { deleteTopics } from '../../../../src/wire/apis/20-delete-topics.ts'
import { describeConfigs } from '../../../../src/wire/apis/32-describe-configs.ts'
import { alterConfigs } from '../../../../src/wire/apis/33-alter-configs.ts'
import { createPartitions } from '../../../../src/wire/apis/37-create-partitions.ts'
import { incrementalAlterConfigs } from '../../../../src/wire/apis/44-incremental-alter-configs.ts'
import { describeTopicPartitions } from '../../../../src/wire/apis/75-describe-topic-partitions.ts'
import type { RequestInput } from '../../../../src/wire/schema.ts'
import { ZERO_UUID } from '../../../../src/wire/uuid.ts'
import { ask, awaitTopics, makeTopics } from '../step.ts'
import type { Run, Scenario, Step } from '../step.ts'

const STRANGE_ID = 'AbCdEfGhIjKlMnOpQrStUg'
const TOPIC = 2
const BROKER = 4

type Creation = RequestInput<typeof createTopics>['topics'][number]

/** A topic of this rung, or of the name as it is given. */
function create(name: string, topicName: string, more: Partial<Creation> = {}, options: { validateOnly?: boolean; twice?: boolean } = {}): Step {
  return ask(name, createTopics, run => {
    const topic = { name: topicName.startsWith('=') ? topicName.slice(1) : run.name(topicName), numPartitions: 1, replicationFactor: 1, ...more }
    return { topics: options.twice === true ? [topic, topic] : [topic], timeoutMs: 10_000, validateOnly: options.validateOnly ?? false }
  })
}

export const topicsMade: Scenario = {
  name: 'topics are made, grown and deleted, or refused', rungs: 6, steps: [
    create('make', 'c1', { numPartitions: 2, configs: [{ name: 'retention.ms', value: '1000' }] }),
    create('make again', 'c1', { numPartitions: 2 }),
    create('make with defaults', 'c4', { numPartitions: -1, replicationFactor: -1 }),
    create('make by assignment', 'c8', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }, { partitionIndex: 1, brokerIds: [1] }] }),
    create('assign to nobody', 'c9', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [77] }] }),
    create('assign with a gap', 'c9', { numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
    create('assign and count', 'c9', { numPartitions: 1, replicationFactor: 1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] }),
    create('bad name', '=no/slash'), create('dots', '=..'), create('empty name', '='), create('long name', `=${'x'.repeat(250)}`),
    create('collide', 'co.l'), create('collide 2', 'co_l'),
    create('internal name', '=__consumer_offsets'),
    create('no partitions', 'c2', { numPartitions: 0 }),
    create('many replicas', 'c3', { replicationFactor: 3 }), create('no replicas', 'c3', { replicationFactor: 0 }),
    create('unknown config', 'c5', { configs: [{ name: 'no.such', value: '1' }] }),
    create('bad value', 'c5', { configs: [{ name: 'retention.ms', value: 'soon' }] }),
    create('value out of range', 'c5', { configs: [{ name: 'segment.bytes', value: '-1' }] }),
    create('null value', 'c5', { configs: [{ name: 'retention.ms', value: null }] }),
    create('bad policy', 'c5', { configs: [{ name: 'cleanup.policy', value: 'burn' }] }),
    create('validate only', 'c6', { numPartitions: 3 }, { validateOnly: true }),
    create('twice in one request', 'c7', {}, { twice: true }),
    awaitTopics({ c1: 2, c8: 2, c4: 1 }),
    ask('grow', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 4 }], timeoutMs: 5000 })),
    awaitTopics({ c1: 4 }),
    ask('grow, only validated', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 6 }], timeoutMs: 5000, validateOnly: true })),
    ask('grow by assignment', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 5, assignments: [{ brokerIds: [1] }] }], timeoutMs: 5000 })),
    ask('grow by too many assignments', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 6, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }], timeoutMs: 5000 })),
    ask('grow to a stranger', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 6, assignments: [{ brokerIds: [77] }] }], timeoutMs: 5000 })),
    ask('shrink', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 1 }], timeoutMs: 5000 })),
    ask('grow to the same', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 5 }], timeoutMs: 5000 })),
    ask('grow nothing', createPartitions, run => ({ topics: [{ name: run.name('nope'), count: 4 }], timeoutMs: 5000 })),
    ask('grow twice in one request', createPartitions, run => ({ topics: [{ name: run.name('c1'), count: 8 }, { name: run.name('c1'), count: 9 }], timeoutMs: 5000 })),
    ask('delete', deleteTopics, run => ({ topics: [{ name: run.name('c4') }, { name: run.name('nope') }, { topicId: STRANGE_ID }], topicNames: [run.name('c4'), run.name('nope')], timeoutMs: 5000 })),
    ask('delete by id', deleteTopics, run => ({ topics: [{ topicId: run.topicId(run.name('c8')) }], topicNames: [run.name('c8')], timeoutMs: 5000 })),
    ask('delete by both', deleteTopics, run => ({ topics: [{ name: run.name('c1'), topicId: run.topicId(run.name('c1')) }], topicNames: [], timeoutMs: 5000 })),
    ask('delete by neither', deleteTopics, { topics: [{}], topicNames: [''], timeoutMs: 5000 }),
    ask('delete twice in one request', deleteTopics, run => ({ topics: [{ name: run.name('c7') }, { name: run.name('c7') }], topicNames: [run.name('nope'), run.name('nope')], timeoutMs: 5000 })),
    awaitTopics({ c4: 0, c8: 0 }),
    ask('delete what is gone', deleteTopics, run => ({ topics: [{ name: run.name('c8') }], topicNames: [run.name('c8')], timeoutMs: 5000 })),
  ],
}

const altered = (run: Run, name: string, configOperation: number, value: string | null, topic = 'd1') => ({ resources: [{ resourceType: TOPIC, resourceName: run.name(topic), configs: [{ name, configOperation, value }] }] })
const described = (name: string, resourceType: number, resourceName: string, configurationKeys: string[] | null, more = {}): Step =>
  ask(name, describeConfigs, run => ({ resources: [{ resourceType, resourceName: resourceName.startsWith('=') ? resourceName.slice(1) : run.name(resourceName), configurationKeys }], ...more }))
const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

export const configs: Scenario = {
  name: 'configs are described and altered, or refused', rungs: 4, steps: [
    makeTopics({ name: 'd1', configs: { 'retention.ms': '1000' } }),
    described('describe all', TOPIC, 'd1', null, { includeSynonyms: true, includeDocumentation: true }),
    described('describe some', TOPIC, 'd1', ['retention.ms', 'cleanup.policy', 'no.such'], { includeSynonyms: true }),
    described('describe a topic that is not there', TOPIC, 'nope', null),
    described('describe a topic of a bad name', TOPIC, '=no/slash', null),
    described('describe without a name', TOPIC, '=', null),
    described('describe the broker', BROKER, '=1', ['log.retention.ms', 'num.partitions', 'auto.create.topics.enable', 'message.max.bytes', 'node.id', 'compression.type', 'default.replication.factor', 'delete.topic.enable'], { includeSynonyms: true }),
    described('describe the default of all brokers', BROKER, '=', null),
    described('describe another broker', BROKER, '=7', null),
    described('describe a broker that is no number', BROKER, '=one', null),
    described('describe what is nothing', 99, '=x', null),
    described('describe a group', 32, '=some-group', null, { includeSynonyms: true }),
    described('describe client metrics', 16, '=nobody', null),
    ask('describe twice in one request', describeConfigs, run => ({ resources: [{ resourceType: TOPIC, resourceName: run.name('d1'), configurationKeys: [] }, { resourceType: TOPIC, resourceName: run.name('d1'), configurationKeys: ['segment.ms'] }] })),
    ask('set', incrementalAlterConfigs, run => altered(run, 'segment.ms', SET, '60000')),
    ask('delete', incrementalAlterConfigs, run => altered(run, 'retention.ms', DELETE, null)),
    ask('append', incrementalAlterConfigs, run => altered(run, 'cleanup.policy', APPEND, 'compact')),
    ask('append again', incrementalAlterConfigs, run => altered(run, 'cleanup.policy', APPEND, 'compact')),
    ask('subtract', incrementalAlterConfigs, run => altered(run, 'cleanup.policy', SUBTRACT, 'delete')),
    ask('append to a number', incrementalAlterConfigs, run => altered(run, 'segment.ms', APPEND, '1')),
    ask('subtract from a number', incrementalAlterConfigs, run => altered(run, 'segment.ms', SUBTRACT, '1')),
    ask('set unknown', incrementalAlterConfigs, run => altered(run, 'no.such', SET, '1')),
    ask('delete unknown', incrementalAlterConfigs, run => altered(run, 'no.such', DELETE, null)),
    ask('set to null', incrementalAlterConfigs, run => altered(run, 'segment.ms', SET, null)),
    ask('set to nonsense', incrementalAlterConfigs, run => altered(run, 'segment.ms', SET, 'soon')),
    ask('operate strangely', incrementalAlterConfigs, run => altered(run, 'segment.ms', 9, '1')),
    ask('set on nothing', incrementalAlterConfigs, run => altered(run, 'segment.ms', SET, '1', 'nope')),
    ask('set twice', incrementalAlterConfigs, run => ({ resources: [{ resourceType: TOPIC, resourceName: run.name('d1'), configs: [{ name: 'segment.ms', configOperation: SET, value: '1000' }, { name: 'segment.ms', configOperation: SET, value: '2000' }] }] })),
    ask('set, only validated', incrementalAlterConfigs, run => ({ ...altered(run, 'segment.ms', SET, '70000'), validateOnly: true })),
    ask('set of what is nothing', incrementalAlterConfigs, { resources: [{ resourceType: 99, resourceName: 'x', configs: [] }] }),
    described('described after', TOPIC, 'd1', ['cleanup.policy', 'segment.ms', 'retention.ms'], { includeSynonyms: true }),
    ask('replace', alterConfigs, run => ({ resources: [{ resourceType: TOPIC, resourceName: run.name('d1'), configs: [{ name: 'max.message.bytes', value: '2000' }] }], validateOnly: false })),
    ask('replace, only validated', alterConfigs, run => ({ resources: [{ resourceType: TOPIC, resourceName: run.name('d1'), configs: [] }], validateOnly: true })),
    ask('replace by unknown', alterConfigs, run => ({ resources: [{ resourceType: TOPIC, resourceName: run.name('d1'), configs: [{ name: 'no.such', value: '1' }] }], validateOnly: false })),
    ask('replace by null', alterConfigs, run => ({ resources: [{ resourceType: TOPIC, resourceName: run.name('d1'), configs: [{ name: 'segment.ms', value: null }] }], validateOnly: false })),
    ask('replace on nothing', alterConfigs, run => ({ resources: [{ resourceType: TOPIC, resourceName: run.name('nope'), configs: [] }], validateOnly: false })),
    described('described at the end', TOPIC, 'd1', ['cleanup.policy', 'segment.ms', 'max.message.bytes'], { includeSynonyms: true }),
  ],
}

export const metadataAsked: Scenario = {
  name: 'metadata in every version', rungs: 14, steps: [
    makeTopics({ name: 'm1', partitions: 3 }, { name: 'm2' }),
    ask('of two', metadata, run => ({ topics: [{ name: run.name('m1') }, { name: run.name('m2') }], includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true, allowAutoTopicCreation: false })),
    ask('of none', metadata, { topics: [] }, { from: 1 }),
    ask('of nothing', metadata, run => ({ topics: [{ name: run.name('nope') }], allowAutoTopicCreation: false }), { from: 4 }),
    ask('of a bad name', metadata, { topics: [{ name: 'no/slash' }], allowAutoTopicCreation: true }),
    ask('of an empty name', metadata, { topics: [{ name: '' }], allowAutoTopicCreation: false }),
    ask('by id', metadata, run => ({ topics: [{ name: null, topicId: run.topicId(run.name('m1')) }], allowAutoTopicCreation: false }), { from: 12 }),
    ask('by a strange id', metadata, { topics: [{ name: null, topicId: STRANGE_ID }] }, { from: 12 }),
    ask('by neither', metadata, { topics: [{ name: null, topicId: ZERO_UUID }] }, { from: 12 }),
    ask('of one twice', metadata, run => ({ topics: [{ name: run.name('m2') }, { name: run.name('m2') }], allowAutoTopicCreation: false })),
    ask('makes what is not there', metadata, run => ({ topics: [{ name: run.name('auto') }], allowAutoTopicCreation: true })),
    awaitTopics({ auto: 1 }),
    ask('has made it', metadata, run => ({ topics: [{ name: run.name('auto') }], allowAutoTopicCreation: true })),
  ],
}

export const topicPartitions: Scenario = {
  name: 'partitions are described in pages', rungs: 1, steps: [
    makeTopics({ name: 'p1', partitions: 4 }, { name: 'p2' }),
    ask('first page', describeTopicPartitions, run => ({ topics: [{ name: run.name('p1') }, { name: run.name('p2') }, { name: run.name('nope') }, { name: 'no/slash' }], responsePartitionLimit: 3 })),
    ask('next page', describeTopicPartitions, run => ({ topics: [{ name: run.name('p1') }, { name: run.name('p2') }], responsePartitionLimit: 3, cursor: { topicName: run.name('p1'), partitionIndex: 3 } })),
    ask('all in one', describeTopicPartitions, run => ({ topics: [{ name: run.name('p2') }, { name: run.name('p1') }] })),
    ask('no limit', describeTopicPartitions, run => ({ topics: [{ name: run.name('p1') }], responsePartitionLimit: 0 })),
    ask('from a negative partition', describeTopicPartitions, run => ({ topics: [{ name: run.name('p1') }], cursor: { topicName: run.name('p1'), partitionIndex: -1 } })),
    ask('from a topic that is not there', describeTopicPartitions, run => ({ topics: [{ name: run.name('p2') }], cursor: { topicName: run.name('p10'), partitionIndex: 0 } })),
  ],
}
