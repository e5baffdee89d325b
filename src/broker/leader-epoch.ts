/** KIP-320: a client that names the leader epoch it believes in is told where that is not ours. */
import type { PartitionLog } from '../log/partition-log.ts'
import type { KafkaErrorName } from '../wire/error-codes.ts'

export function leaderEpochError(log: PartitionLog, currentLeaderEpoch: number): KafkaErrorName {
  if (currentLeaderEpoch < 0 || currentLeaderEpoch === log.leaderEpoch) return 'NONE'
  return currentLeaderEpoch < log.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH'
}
