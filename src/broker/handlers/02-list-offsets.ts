/**
 * ListOffsets (2), versions 1–10.
 *
 * Behaviour: −1 latest (the last stable offset under read_committed), −2 earliest, −3 the record with the largest timestamp,
 * −4 earliest local (= earliest: nothing is tiered), −5 latest tiered (none), else the first record at or after the time.
 * Version notes: v2 isolation level · v4 leader epochs · v6 flexible · v7 −3 · v8 −4 · v9 −5 · v10 timeout.
 */
import type { PartitionLog } from '../../log/partition-log.ts'
import { listOffsets } from '../../wire/apis/02-list-offsets.ts'
import { withCodecs } from '../../wire/compression.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf, ResponseInput } from '../../wire/schema.ts'
import { handler } from '../handler.ts'
import { leaderEpochError } from '../leader-epoch.ts'
import { onceEach } from '../once-each.ts'

type PartitionRequest = RequestOf<typeof listOffsets>['topics'][number]['partitions'][number]
type PartitionResponse = ResponseInput<typeof listOffsets>['topics'][number]['partitions'][number]

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5

export const listOffsetsHandler = handler(listOffsets, [1, 10], (core, request, call) => withCodecs(() => ({
  topics: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: onceEach(partitions, ({ partitionIndex }) => partitionIndex).map(({ item: partition, isRepeated }) => {
      if (isRepeated) return failed(partition, 'INVALID_REQUEST')
      const log = core.topics.log(name, partition.partitionIndex)
      if (log === undefined) return failed(partition, 'UNKNOWN_TOPIC_OR_PARTITION')
      const fenced = leaderEpochError(log, partition.currentLeaderEpoch)
      return fenced === 'NONE' ? answer(log, partition, request.isolationLevel === 1, call.version) : failed(partition, fenced)
    }),
  })),
})))

function answer(log: PartitionLog, partition: PartitionRequest, committed: boolean, version: number): PartitionResponse {
  const partitionIndex = partition.partitionIndex
  const none = { partitionIndex, errorCode: 0, timestamp: -1, offset: -1, leaderEpoch: -1 }
  const end = committed ? log.lastStableOffset : log.highWatermark
  const { timestamp } = partition
  if (timestamp === LATEST) return { ...none, offset: end, leaderEpoch: log.leaderEpoch }
  if (timestamp === EARLIEST || (timestamp === EARLIEST_LOCAL && version >= 8)) return { ...none, offset: log.logStartOffset, leaderEpoch: log.leaderEpoch }
  if (timestamp === LATEST_TIERED && version >= 9) return none
  if (timestamp < 0 && !(timestamp === MAX_TIMESTAMP && version >= 7)) return failed(partition, 'UNSUPPORTED_VERSION')
  const isolation = committed ? 'committed' : 'uncommitted'
  const found = timestamp === MAX_TIMESTAMP ? log.maxTimestampOffset(isolation) : log.offsetForTimestamp(timestamp, isolation)
  if (found === undefined) return none
  return { partitionIndex, errorCode: 0, timestamp: found.timestamp, offset: found.offset, leaderEpoch: found.leaderEpoch }
}

function failed(partition: PartitionRequest, error: KafkaErrorName): PartitionResponse {
  return { partitionIndex: partition.partitionIndex, errorCode: errorCode(error), timestamp: -1, offset: -1, leaderEpoch: -1 }
}
