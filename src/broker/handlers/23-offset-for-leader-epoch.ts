/**
 * OffsetForLeaderEpoch (23), versions 2–4: where an epoch ended, so that a client sees that a log was truncated (KIP-320).
 */
import { offsetForLeaderEpoch } from '../../wire/apis/23-offset-for-leader-epoch.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { leaderEpochError } from '../leader-epoch.ts'

export const offsetForLeaderEpochHandler = handler(offsetForLeaderEpoch, [2, 4], (core, request) => ({
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
      const log = core.topics.log(topic, partition)
      const error = log === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : leaderEpochError(log, currentLeaderEpoch)
      if (log === undefined || error !== 'NONE') return { partition, errorCode: errorCode(error), leaderEpoch: -1, endOffset: -1 }
      const end = log.endOffsetForEpoch(leaderEpoch)
      return { partition, errorCode: 0, leaderEpoch: end.epoch, endOffset: end.endOffset }
    }),
  })),
}))
