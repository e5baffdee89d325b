/** Rules of the APIs that are about the cluster as a whole, and of those that ask for nothing. */
import { saslHandshake } from '../../wire/apis/17-sasl-handshake.ts'
import { apiVersions } from '../../wire/apis/18-api-versions.ts'
import { describeAcls } from '../../wire/apis/29-describe-acls.ts'
import { createAcls } from '../../wire/apis/30-create-acls.ts'
import { deleteAcls } from '../../wire/apis/31-delete-acls.ts'
import { alterReplicaLogDirs } from '../../wire/apis/34-alter-replica-log-dirs.ts'
import { describeLogDirs } from '../../wire/apis/35-describe-log-dirs.ts'
import { saslAuthenticate } from '../../wire/apis/36-sasl-authenticate.ts'
import { electLeaders } from '../../wire/apis/43-elect-leaders.ts'
import { alterPartitionReassignments } from '../../wire/apis/45-alter-partition-reassignments.ts'
import { listPartitionReassignments } from '../../wire/apis/46-list-partition-reassignments.ts'
import { describeClientQuotas } from '../../wire/apis/48-describe-client-quotas.ts'
import { alterClientQuotas } from '../../wire/apis/49-alter-client-quotas.ts'
import { describeUserScramCredentials } from '../../wire/apis/50-describe-user-scram-credentials.ts'
import { alterUserScramCredentials } from '../../wire/apis/51-alter-user-scram-credentials.ts'
import { describeQuorum } from '../../wire/apis/55-describe-quorum.ts'
import { updateFeatures } from '../../wire/apis/57-update-features.ts'
import { describeCluster } from '../../wire/apis/60-describe-cluster.ts'
import { unregisterBroker } from '../../wire/apis/64-unregister-broker.ts'
import { listConfigResources } from '../../wire/apis/74-list-config-resources.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { Api, RequestOf, ResponseInput } from '../../wire/schema.ts'
import { CLUSTER_DENIED, DENIED_MESSAGE, rule } from './rule.ts'
import type { Rule } from './rule.ts'
import type { Operation } from './acl.ts'
import { clusterOperations } from './topic-rules.ts'

const DENIED = { errorCode: errorCode(CLUSTER_DENIED), errorMessage: DENIED_MESSAGE }

export const CLUSTER_RULES = [
  rule(saslHandshake, 'nothing', () => 'pass'),
  rule(apiVersions, 'nothing', () => 'pass'),
  rule(saslAuthenticate, 'nothing', () => 'pass'),
  rule(describeCluster, 'nothing; the operations shown are those that are allowed', rights => ({ finish: response => ({ ...response, clusterAuthorizedOperations: clusterOperations(rights, response.clusterAuthorizedOperations) }) })),
  ofCluster(describeAcls, 'DESCRIBE', () => ({ ...DENIED, resources: [] })),
  ofCluster(createAcls, 'ALTER', ({ creations }) => ({ results: creations.map(() => DENIED) })),
  ofCluster(deleteAcls, 'ALTER', ({ filters }) => ({ filterResults: filters.map(() => ({ ...DENIED, matchingAcls: [] })) })),
  ofCluster(describeLogDirs, 'DESCRIBE', () => ({ errorCode: DENIED.errorCode, results: [] })),
  ofCluster(electLeaders, 'ALTER', () => ({ errorCode: DENIED.errorCode, replicaElectionResults: [] })),
  ofCluster(alterPartitionReassignments, 'ALTER', () => ({ ...DENIED, responses: [] })),
  ofCluster(listPartitionReassignments, 'DESCRIBE', () => ({ ...DENIED, topics: [] })),
  ofCluster(describeUserScramCredentials, 'DESCRIBE', () => ({ ...DENIED, results: [] })),
  ofCluster(alterUserScramCredentials, 'ALTER', ({ deletions, upsertions }) => ({ results: [...new Set([...deletions, ...upsertions].map(({ name }) => name))].map(user => ({ user, ...DENIED })) })),
  ofCluster(describeQuorum, 'DESCRIBE', () => ({ ...DENIED, topics: [], nodes: [] })),
  ofCluster(alterReplicaLogDirs, 'ALTER', ({ dirs }) => ({ results: dirs.flatMap(({ topics }) => topics.map(({ name, partitions }) => ({ topicName: name, partitions: partitions.map(partitionIndex => ({ partitionIndex, errorCode: DENIED.errorCode })) }))) })),
  ofCluster(describeClientQuotas, 'DESCRIBE_CONFIGS', () => ({ ...DENIED, entries: null })),
  ofCluster(alterClientQuotas, 'ALTER_CONFIGS', ({ entries }) => ({ entries: entries.map(({ entity }) => ({ ...DENIED, entity })) })),
  ofCluster(updateFeatures, 'ALTER', () => ({ ...DENIED, results: [] })),
  ofCluster(unregisterBroker, 'ALTER', () => DENIED),
  ofCluster(listConfigResources, 'DESCRIBE_CONFIGS', () => ({ errorCode: DENIED.errorCode, configResources: [] })),
]

function ofCluster<A extends Api>(api: A, operation: Operation, refused: (request: RequestOf<A>) => ResponseInput<A>): Rule {
  return rule(api, `${operation} cluster`, (rights, request) => rights.cluster(operation) ? 'pass' : { answer: refused(request) })
}
