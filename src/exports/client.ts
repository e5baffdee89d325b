/** `millrace/client`: the Kafka client below the runtime, usable on its own. */
export { Cluster, type ClusterFeatures, type ClusterOptions } from '../client/cluster.ts'
export { FetchedCursor, type AbortedTransaction, type FetchedBatches } from '../client/fetched-batches.ts'
export { Fetcher, type FetcherOptions, type FetchProgress, type StartOffset } from '../client/fetcher.ts'
export { Producer, type FrozenTransaction, type ProducerOptions } from '../client/producer.ts'
export { GroupMember, type CommittedOffset, type GroupMemberOptions } from '../client/group-member.ts'
export { type Assignor, type MemberAssignment, type SubscribedMember } from '../client/assignor.ts'
export { Admin, type NewTopic, type OffsetListing, type OffsetSpec, type TopicDescription } from '../client/admin.ts'
export type { BrokerNode, GroupIdentity, OffsetEntry, PartitionMeta, RecordHeader, TopicPartition } from '../client/types.ts'
