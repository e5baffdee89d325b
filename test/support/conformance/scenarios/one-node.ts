/** What administrators of many nodes ask: elections, moves, quotas, feature levels. */
import { alterReplicaLogDirs } from '../../../../src/wire/apis/34-alter-replica-log-dirs.ts'
import { electLeaders } from '../../../../src/wire/apis/43-elect-leaders.ts'
import { alterPartitionReassignments } from '../../../../src/wire/apis/45-alter-partition-reassignments.ts'
import { alterClientQuotas } from '../../../../src/wire/apis/49-alter-client-quotas.ts'
import { describeClientQuotas } from '../../../../src/wire/apis/48-describe-client-quotas.ts'
import { updateFeatures } from '../../../../src/wire/apis/57-update-features.ts'
import { unregisterBroker } from '../../../../src/wire/apis/64-unregister-broker.ts'
import { listConfigResources } from '../../../../src/wire/apis/74-list-config-resources.ts'
import type { RequestInput } from '../../../../src/wire/schema.ts'
import { ask, makeTopics } from '../step.ts'
import type { Scenario, Step } from '../step.ts'

const reassign = (name: string, topic: string, partitionIndex: number, replicas: number[] | null): Step =>
  ask(name, alterPartitionReassignments, run => ({ topics: [{ name: run.name(topic), partitions: [{ partitionIndex, replicas }] }] }))
const update = (name: string, feature: string, maxVersionLevel: number, more: { allowDowngrade?: boolean; upgradeType?: number } = {}): Step =>
  ask(name, updateFeatures, { featureUpdates: [{ feature, maxVersionLevel, ...more }], validateOnly: true }, { from: 1 })

export const oneNode: Scenario = {
  name: 'elections, moves and features', rungs: 3, steps: [
    makeTopics({ name: 'e1', partitions: 2 }),
    ask('elect the preferred', electLeaders, run => ({ topicPartitions: [{ topic: run.name('e1'), partitions: [0, 9] }, { topic: run.name('nope'), partitions: [0] }] })),
    ask('elect an unclean one', electLeaders, run => ({ electionType: 1, topicPartitions: [{ topic: run.name('e1'), partitions: [0] }] }), { from: 1 }),
    ask('elect all', electLeaders, { topicPartitions: null }), ask('elect strangely', electLeaders, { electionType: 7, topicPartitions: null }, { from: 1 }),
    reassign('move to where it is', 'e1', 0, [1]), reassign('move to a stranger', 'e1', 0, [77]), reassign('move to nobody', 'e1', 0, []), reassign('move to one twice', 'e1', 0, [1, 1]),
    reassign('cancel a move', 'e1', 0, null), reassign('move what is not there', 'nope', 0, [1]), reassign('move no partition', 'e1', 9, [1]),
    ask('to another directory', alterReplicaLogDirs, run => ({ dirs: [{ path: '/nowhere', topics: [{ name: run.name('e1'), partitions: [0] }, { name: run.name('nope'), partitions: [0] }] }] })),
    update('raise a feature that is not there', 'no.such', 3), update('a version that is not there', 'metadata.version', 99), update('the version it has', 'transaction.version', 2), update('lower it as if it were raised', 'transaction.version', 1),
    ask('nothing', updateFeatures, { featureUpdates: [] }), ask('a feature twice', updateFeatures, { featureUpdates: [{ feature: 'no.such', maxVersionLevel: 1 }, { feature: 'no.such', maxVersionLevel: 1 }] }),
    ask('unregister a stranger', unregisterBroker, { brokerId: 77 }),
    ask('list client metrics', listConfigResources, { resourceTypes: [16] }), ask('list brokers', listConfigResources, { resourceTypes: [4] }, { from: 1 }), ask('list groups', listConfigResources, { resourceTypes: [32] }, { from: 1 }),
    ask('list brokers and their loggers', listConfigResources, { resourceTypes: [4, 8] }, { from: 1 }), ask('list what is nothing', listConfigResources, { resourceTypes: [99] }, { from: 1 }),
  ],
}

type Filter = RequestInput<typeof describeClientQuotas>['components'][number]
type Change = RequestInput<typeof alterClientQuotas>['entries'][number]
const described = (name: string, components: Filter[], strict = false): Step => ask(name, describeClientQuotas, { components, strict })
const change = (name: string, entity: Change['entity'], key: string, value: number, more: { remove?: boolean; validateOnly?: boolean } = {}): Step =>
  ask(name, alterClientQuotas, { entries: [{ entity, ops: [{ key, value, remove: more.remove ?? false }] }], validateOnly: more.validateOnly ?? false })
const user = { entityType: 'user', entityName: 'u' }
const anyUser: Filter = { entityType: 'user', matchType: 2, match: null }

export const quotas: Scenario = {
  name: 'quotas are set, told and removed', rungs: 2, steps: [
    described('none', []),
    change('of a user', [user], 'producer_byte_rate', 1000), change('of a user and a client', [user, { entityType: 'client-id', entityName: 'c' }], 'request_percentage', 12.5), change('of any user', [{ entityType: 'user', entityName: null }], 'consumer_byte_rate', 5000),
    change('of an address', [{ entityType: 'ip', entityName: '127.0.0.9' }], 'connection_creation_rate', 10), change('only validated', [user], 'consumer_byte_rate', 77, { validateOnly: true }),
    change('an unknown key', [user], 'no_such', 1), change('a negative value', [user], 'producer_byte_rate', -1), change('zero', [user], 'producer_byte_rate', 0), change('half a byte', [user], 'producer_byte_rate', 1.5), change('of nobody', [], 'producer_byte_rate', 1),
    change('of a strange type', [{ entityType: 'planet', entityName: 'x' }], 'producer_byte_rate', 1), change('of an empty name', [{ entityType: 'user', entityName: '' }], 'producer_byte_rate', 1), change('of a user and an address', [user, { entityType: 'ip', entityName: '127.0.0.9' }], 'connection_creation_rate', 1),
    change('an address by a user\'s key', [{ entityType: 'ip', entityName: '127.0.0.9' }], 'producer_byte_rate', 1), change('of no address', [{ entityType: 'ip', entityName: 'nowhere.invalid' }], 'connection_creation_rate', 1),
    described('all', []), described('of the user', [{ entityType: 'user', matchType: 0, match: 'u' }]), described('of the user alone', [{ entityType: 'user', matchType: 0, match: 'u' }], true), described('of the default user', [{ entityType: 'user', matchType: 1, match: null }]),
    described('of any user', [anyUser]), described('of any user and client', [anyUser, { entityType: 'client-id', matchType: 2, match: null }]), described('of a strange type', [{ entityType: 'planet', matchType: 2, match: null }]),
    described('of a type twice', [anyUser, anyUser]), described('by a strange match', [{ entityType: 'user', matchType: 9, match: null }]), described('exactly nothing', [{ entityType: 'user', matchType: 0, match: null }]), described('any, named', [{ entityType: 'user', matchType: 2, match: 'u' }]),
    described('of user and address', [anyUser, { entityType: 'ip', matchType: 2, match: null }]), described('of no type', [{ entityType: '', matchType: 2, match: null }]),
    change('remove', [user], 'producer_byte_rate', 0, { remove: true }), change('remove again', [user], 'producer_byte_rate', 0, { remove: true }), change('remove', [user, { entityType: 'client-id', entityName: 'c' }], 'request_percentage', 0, { remove: true }),
    change('remove', [{ entityType: 'user', entityName: null }], 'consumer_byte_rate', 0, { remove: true }), change('remove', [{ entityType: 'ip', entityName: '127.0.0.9' }], 'connection_creation_rate', 0, { remove: true }),
    described('none any more', []),
  ],
}
