/**
 * One transactional id: its producer id, epoch and the transaction it is in.
 *
 *   empty ─▶ ongoing ─▶ prepareCommit ─▶ completeCommit ─▶ ongoing …
 *                  └──▶ prepareAbort  ─▶ completeAbort  ─▶ ongoing …
 *
 * X1. (producer id, epoch) never goes back, and a pair once given up is never given out again.
 * X2. `partitions` is empty unless the state is ongoing or prepare*.
 * X3. What prepare* has decided is final: after it is durable every partition gets that marker, whatever happens.
 */
import type { TopicPartition } from '../groups/offsets.ts'

export type TransactionState = 'empty' | 'ongoing' | 'prepareCommit' | 'prepareAbort' | 'completeCommit' | 'completeAbort'

/** Kafka's words, as DescribeTransactions and ListTransactions say them, and the numbers in `__transaction_state`. */
export const TRANSACTION_STATES: readonly { readonly state: TransactionState; readonly name: string; readonly stored: number }[] = [
  { state: 'empty', name: 'Empty', stored: 0 },
  { state: 'ongoing', name: 'Ongoing', stored: 1 },
  { state: 'prepareCommit', name: 'PrepareCommit', stored: 2 },
  { state: 'prepareAbort', name: 'PrepareAbort', stored: 3 },
  { state: 'completeCommit', name: 'CompleteCommit', stored: 4 },
  { state: 'completeAbort', name: 'CompleteAbort', stored: 5 },
]

export const NO_PRODUCER_ID = -1
export const NO_EPOCH = -1
/** The last epoch a producer may be given: one more is kept for the fence. */
export const EPOCH_LAST = 32_766

/** What the client's requests said of its protocol: 2 bumps the epoch at each end (KIP-890). */
export type TransactionVersion = 0 | 1 | 2

export class Transaction {
  readonly transactionalId: string
  producerId: number
  /** Before the last rotation of the producer id, for the retry of a request that caused it. */
  previousProducerId = NO_PRODUCER_ID
  /** Taken over when the transaction that exhausts the epochs is complete. */
  nextProducerId = NO_PRODUCER_ID
  producerEpoch = NO_EPOCH
  lastProducerEpoch = NO_EPOCH
  timeoutMs: number
  state: TransactionState = 'empty'
  version: TransactionVersion = 0
  startedAtMs = -1
  updatedAtMs: number
  readonly #partitions = new Map<string, Set<number>>()
  /** Set while prepare* is on its way to complete*; resolves when it is there. */
  completion: Promise<void> | undefined = undefined

  constructor(transactionalId: string, producerId: number, timeoutMs: number, now: number) {
    this.transactionalId = transactionalId
    this.producerId = producerId
    this.timeoutMs = timeoutMs
    this.updatedAtMs = now
  }

  get isEpochExhausted(): boolean {
    return this.producerEpoch >= EPOCH_LAST
  }

  get isPreparing(): boolean {
    return this.state === 'prepareCommit' || this.state === 'prepareAbort'
  }

  get partitionCount(): number {
    let count = 0
    for (const partitions of this.#partitions.values()) count += partitions.size
    return count
  }

  has(topic: string, partition: number): boolean {
    return this.#partitions.get(topic)?.has(partition) ?? false
  }

  /** Adds the partition; false where it was there. */
  add(topic: string, partition: number): boolean {
    const partitions = this.#partitions.get(topic)
    if (partitions === undefined) this.#partitions.set(topic, new Set([partition]))
    else if (partitions.has(partition)) return false
    else partitions.add(partition)
    return true
  }

  clearPartitions(): void {
    this.#partitions.clear()
  }

  removeTopic(topic: string): boolean {
    return this.#partitions.delete(topic)
  }

  partitions(): TopicPartition[] {
    return [...this.#partitions].flatMap(([topic, partitions]) => [...partitions].map(partition => ({ topic, partition })))
  }

  partitionsByTopic(): { topic: string; partitions: number[] }[] {
    return [...this.#partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions].sort((a, b) => a - b) }))
  }
}
