/** DescribeTransactions (65), version 0. */
import { describeTransactions } from '../../wire/apis/65-describe-transactions.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { stateName } from './66-list-transactions.ts'

export const describeTransactionsHandler = handler(describeTransactions, [0, 0], (core, request) => ({
  transactionStates: request.transactionalIds.map(transactionalId => {
    const transaction = core.transactions.coordinator.get(transactionalId)
    if (transaction === undefined) {
      return {
        errorCode: errorCode(transactionalId === '' ? 'INVALID_REQUEST' : 'TRANSACTIONAL_ID_NOT_FOUND'), transactionalId, transactionState: '', transactionTimeoutMs: 0,
        transactionStartTimeMs: 0, producerId: 0, producerEpoch: 0, topics: [],
      }
    }
    return {
      errorCode: 0, transactionalId, transactionState: stateName(transaction.state), transactionTimeoutMs: transaction.timeoutMs, transactionStartTimeMs: transaction.startedAtMs,
      producerId: transaction.producerId, producerEpoch: transaction.producerEpoch,
      topics: transaction.partitionsByTopic().map(({ topic, partitions }) => ({ topic, partitions })),
    }
  }),
}))
