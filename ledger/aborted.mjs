// Which of a fetch's records count for a reader of committed ones. kafkajs 2.2 has a filter for it, with two flaws that show where transactions overlap:
// it expects the aborted ones in the order of their first offsets, while brokers list them in the order in which they were aborted; and it enters at most
// one of them with each record, so that a fetch that begins inside several hands on as many records, less one, of transactions that were aborted.
const ABORT = 0

/**
 * `messages` as kafkajs decodes them, markers among them; `abortedTransactions` as the fetch's answer lists them, or null. What aborted transactions
 * wrote is left out; markers stay, for kafkajs to drop.
 */
export function withoutAborted({ messages, abortedTransactions }) {
  const ahead = (abortedTransactions ?? []).toSorted((a, b) => Number(a.firstOffset) - Number(b.firstOffset))
  const aborting = new Set()
  return messages.filter(message => {
    while (ahead.length > 0 && Number(ahead[0].firstOffset) <= Number(message.offset)) aborting.add(ahead.shift().producerId)
    const { producerId, inTransaction } = message.batchContext
    if (message.isControlRecord) {
      if (message.key.readInt16BE(2) === ABORT) aborting.delete(producerId)
      return true
    }
    return !(inTransaction && aborting.has(producerId))
  })
}
