/**
 * WriteTxnMarkers (27), version 1: how `kafka-transactions abort` ends a hanging transaction in single partitions.
 */
import { writeTxnMarkers } from '../../wire/apis/27-write-txn-markers.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const writeTxnMarkersHandler = handler(writeTxnMarkers, [1, 1], async (core, request) => ({
  markers: await Promise.all(request.markers.map(async ({ producerId, producerEpoch, transactionResult, topics }) => ({
    producerId,
    topics: await Promise.all(topics.map(async ({ name, partitionIndexes }) => ({
      name,
      partitions: await Promise.all(partitionIndexes.map(async partitionIndex => ({
        partitionIndex,
        errorCode: core.topics.log(name, partitionIndex) === undefined
          ? errorCode('UNKNOWN_TOPIC_OR_PARTITION')
          : await core.transactions.writeMarkerOf({ producerId, producerEpoch, committed: transactionResult, transactionVersion: 1, partitions: [{ topic: name, partition: partitionIndex }] }),
      }))),
    }))),
  }))),
}))
