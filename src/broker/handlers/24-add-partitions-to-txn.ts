/**
 * AddPartitionsToTxn (24), versions 0–5.
 *
 * Behaviour: all partitions or none: where one does not exist it says so, and the others OPERATION_NOT_ATTEMPTED. Durable before
 * the answer. Waits for the end of the last transaction where that is still being written.
 * Version notes: v2 PRODUCER_FENCED · v3 flexible · v4 many transactions, verifyOnly (also taken from clients) · v5 TRANSACTION_ABORTABLE.
 */
import { addPartitionsToTxn } from '../../wire/apis/24-add-partitions-to-txn.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'

interface Wanted {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly verifyOnly: boolean
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[]
}

type TopicResults = { name: string; resultsByPartition: { partitionIndex: number; partitionErrorCode: number }[] }[]

export const addPartitionsToTxnHandler = handler(addPartitionsToTxn, [0, 5], async (core, request, call) => {
  if (call.version >= 4) {
    const resultsByTransaction = await Promise.all(request.transactions.map(async wanted => ({ transactionalId: wanted.transactionalId, topicResults: await results(core, wanted, call.version) })))
    return { errorCode: 0, resultsByTransaction }
  }
  const wanted = {
    transactionalId: request.v3AndBelowTransactionalId, producerId: request.v3AndBelowProducerId, producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false, topics: request.v3AndBelowTopics,
  }
  return { errorCode: 0, resultsByTopicV3AndBelow: await results(core, wanted, call.version) }
})

async function results(core: Core, wanted: Wanted, version: number): Promise<TopicResults> {
  const { coordinator } = core.transactions
  const partitions = wanted.topics.flatMap(({ name, partitions }) => partitions.map(partition => ({ topic: name, partition })))
  const isUnknown = (topic: string, partition: number): boolean => core.topics.log(topic, partition) === undefined
  if (wanted.verifyOnly) return byPartition(wanted, (topic, partition) => isUnknown(topic, partition) ? 'UNKNOWN_TOPIC_OR_PARTITION' : coordinator.verifyError(wanted, { topic, partition }))
  if (partitions.some(({ topic, partition }) => isUnknown(topic, partition))) {
    return byPartition(wanted, (topic, partition) => isUnknown(topic, partition) ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'OPERATION_NOT_ATTEMPTED')
  }
  await coordinator.settled(wanted.transactionalId)
  const added = coordinator.addPartitions({ ...wanted, partitions, version: 0 })
  await added.durable
  const error = added.error === 'PRODUCER_FENCED' && version < 2 ? 'INVALID_PRODUCER_EPOCH' : added.error
  return byPartition(wanted, () => error)
}

function byPartition(wanted: Wanted, error: (topic: string, partition: number) => KafkaErrorName): TopicResults {
  return wanted.topics.map(({ name, partitions }) => ({
    name, resultsByPartition: partitions.map(partitionIndex => ({ partitionIndex, partitionErrorCode: errorCode(error(name, partitionIndex)) })),
  }))
}
