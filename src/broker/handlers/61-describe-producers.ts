/** DescribeProducers (61), version 0: who writes into a partition, and where an open transaction began (KIP-664). */
import { describeProducers } from '../../wire/apis/61-describe-producers.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const describeProducersHandler = handler(describeProducers, [0, 0], (core, request) => ({
  topics: request.topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map(partitionIndex => {
      const log = core.topics.log(name, partitionIndex)
      if (log === undefined) return { partitionIndex, errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION'), activeProducers: [] }
      return {
        partitionIndex, errorCode: 0,
        activeProducers: log.producers().map(producer => ({
          producerId: producer.producerId, producerEpoch: producer.producerEpoch, lastSequence: producer.lastSequence, lastTimestamp: producer.lastTimestamp,
          coordinatorEpoch: producer.coordinatorEpoch, currentTxnStartOffset: producer.currentTransactionStartOffset,
        })),
      }
    }),
  })),
}))
