/** What is asked of the broker as a whole: versions, cluster, quorum, directories, ACLs, and what one node can only answer. */
import { apiVersions } from '../../../../src/wire/apis/18-api-versions.ts'
import { createAcls } from '../../../../src/wire/apis/30-create-acls.ts'
import { deleteAcls } from '../../../../src/wire/apis/31-delete-acls.ts'
import { describeAcls } from '../../../../src/wire/apis/29-describe-acls.ts'
import { describeLogDirs } from '../../../../src/wire/apis/35-describe-log-dirs.ts'
import { listPartitionReassignments } from '../../../../src/wire/apis/46-list-partition-reassignments.ts'
import { describeQuorum } from '../../../../src/wire/apis/55-describe-quorum.ts'
import { describeCluster } from '../../../../src/wire/apis/60-describe-cluster.ts'
import { produce } from '../../../../src/wire/apis/00-produce.ts'
import { textBatch } from '../../wire-client.ts'
import { ask, makeTopics } from '../step.ts'
import type { Scenario } from '../step.ts'
import { produceTo } from './records.ts'

export const versions: Scenario = {
  name: 'versions are told', rungs: 5, steps: [
    ask('all', apiVersions, { clientSoftwareName: 'conformance', clientSoftwareVersion: '1.0' }),
    ask('of a client with a bad name', apiVersions, { clientSoftwareName: 'no spaces', clientSoftwareVersion: '1.0' }, { from: 3 }),
    ask('of a client without a version', apiVersions, { clientSoftwareName: 'conformance', clientSoftwareVersion: '' }, { from: 3 }),
  ],
}

export const cluster: Scenario = {
  name: 'the cluster is described', rungs: 3, steps: [
    ask('brokers', describeCluster, { includeClusterAuthorizedOperations: true }),
    ask('brokers, fenced ones too', describeCluster, { includeFencedBrokers: true }),
    ask('controllers', describeCluster, { endpointType: 2 }, { from: 1 }),
    ask('what is nothing', describeCluster, { endpointType: 9 }, { from: 1 }),
    ask('quorum', describeQuorum, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }),
    ask('quorum of another topic', describeQuorum, { topics: [{ topicName: 'nope', partitions: [{ partitionIndex: 0 }] }] }),
    ask('reassignments', listPartitionReassignments, { topics: null }),
    ask('reassignments of a topic', listPartitionReassignments, { topics: [{ name: 'nope', partitionIndexes: [0] }] }),
  ],
}

export const directories: Scenario = {
  name: 'directories are described', rungs: 4, steps: [
    makeTopics({ name: 'l1', partitions: 2 }),
    ask('send', produce, produceTo('l1', run => textBatch(['a'], undefined, run.now))),
    ask('of a topic', describeLogDirs, run => ({ topics: [{ topic: run.name('l1'), partitions: [0, 1] }] })),
    ask('of no partition', describeLogDirs, run => ({ topics: [{ topic: run.name('l1'), partitions: [7] }, { topic: 'nope', partitions: [0] }] })),
    ask('of nothing', describeLogDirs, { topics: [] }),
  ],
}

const FILTER = { resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }
const ENTRY = { resourceType: 2, resourceName: 'x', resourcePatternType: 3, principal: 'User:a', host: '*', operation: 3, permissionType: 3 }

export const acls: Scenario = {
  name: 'access control lists, without an authorizer', rungs: 3, steps: [
    ask('describe', describeAcls, FILTER),
    ask('create', createAcls, { creations: [ENTRY, { ...ENTRY, resourceName: 'y' }] }),
    ask('delete', deleteAcls, { filters: [FILTER, FILTER] }),
  ],
}
