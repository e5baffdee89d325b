/** All scenarios, in the order in which they run. */
import { SERVED } from '../../../../src/broker/handlers/index.ts'
import type { Scenario } from '../step.ts'
import { acls, cluster, directories, versions } from './cluster.ts'
import { consumerProtocol } from './consumer-protocol.ts'
import { groupLists, groupLives, rebalances, staticMembers } from './groups.ts'
import { oneNode, quotas } from './one-node.ts'
import { fetched, offsets, produced } from './records.ts'
import { configs, metadataAsked, topicPartitions, topicsMade } from './topics.ts'
import { idempotent, transactionsNew, transactionsOld } from './transactions.ts'
import { logIns, users } from './users.ts'

// Lists of all groups come first, while there are no others.
export const SCENARIOS: readonly Scenario[] = [
  groupLists, versions, cluster, directories, acls, oneNode, quotas, topicsMade, configs, metadataAsked, topicPartitions, produced, fetched, offsets, groupLives, staticMembers, rebalances,
  idempotent, transactionsOld, transactionsNew, users, logIns,
  ...SERVED.some(handler => handler.api.key === 68) ? [consumerProtocol] : [],
]
