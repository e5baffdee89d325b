/**
 * ListTransactions (66), versions 0–2: filters by state, producer id, age (v1) and pattern of the transactional id (v2).
 *
 * The pattern is RE2 in Kafka; here it is a JavaScript expression of at most 249 characters, matched against the whole id.
 */
import { listTransactions } from '../../wire/apis/66-list-transactions.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import { TRANSACTION_STATES } from '../transactions/transaction.ts'
import type { TransactionState } from '../transactions/transaction.ts'

const PATTERN_LENGTH_MAX = 249
/** States of Kafka's that no transaction here is in. */
const OTHER_STATES = ['PrepareEpochFence', 'Dead']

export const listTransactionsHandler = handler(listTransactions, [0, 2], (core, request) => {
  const known = new Set([...TRANSACTION_STATES.map(row => row.name), ...OTHER_STATES])
  const unknownStateFilters = request.stateFilters.filter(state => !known.has(state))
  const states = new Set(request.stateFilters.filter(state => known.has(state)))
  if (request.stateFilters.length > 0 && states.size === 0) return { errorCode: 0, unknownStateFilters, transactionStates: [] }
  const pattern = compile(request.transactionalIdPattern)
  if (pattern === undefined) return { errorCode: errorCode('INVALID_REGULAR_EXPRESSION'), unknownStateFilters, transactionStates: [] }
  const producerIds = new Set(request.producerIdFilters)
  const now = core.env.clock.now()
  return {
    errorCode: 0, unknownStateFilters,
    transactionStates: core.transactions.coordinator.list()
      .filter(transaction => states.size === 0 || states.has(stateName(transaction.state)))
      .filter(transaction => producerIds.size === 0 || producerIds.has(transaction.producerId))
      .filter(transaction => request.durationFilter < 0 || (transaction.startedAtMs >= 0 && now - transaction.startedAtMs > request.durationFilter))
      .filter(transaction => pattern.test(transaction.transactionalId))
      .map(transaction => ({ transactionalId: transaction.transactionalId, producerId: transaction.producerId, transactionState: stateName(transaction.state) })),
  }
})

export function stateName(state: TransactionState): string {
  return TRANSACTION_STATES.find(row => row.state === state)?.name ?? 'Unknown'
}

function compile(pattern: string | null): RegExp | undefined {
  if (pattern === null || pattern === '') return /(?:)/
  if (pattern.length > PATTERN_LENGTH_MAX) return undefined
  try {
    return new RegExp(`^(?:${pattern})$`, 'u')
  } catch {
    // The pattern is the client's: not a regular expression.
    return undefined
  }
}
