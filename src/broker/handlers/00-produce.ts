/**
 * Produce (0), versions 3–13; 0–2 are advertised and closed (KAFKA-18659: old librdkafka would stop compressing otherwise).
 *
 * Behaviour: appends in the order of arrival, answers once all is as durable as the policy says (acks=0: not at all; acks=1 and
 * −1 are the same with one replica). A repeated batch answers its first offset.
 * Version notes: v7 zstd · v8 record errors · v9 flexible · v11 TRANSACTION_ABORTABLE · v12 adds partitions to the transaction by
 * itself (KIP-890) · v13 topic ids.
 */
import { MillraceError } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { PartitionLog } from '../../log/partition-log.ts'
import type { Companions } from '../../log/tail-cache.ts'
import { produce } from '../../wire/apis/00-produce.ts'
import { codecLoading, CODECS } from '../../wire/compression.ts'
import { errorCode, kafkaCodeOf } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { BATCH_HEADER_BYTES, BatchView, codecsPending } from '../../wire/record-batch.ts'
import type { RequestOf, ResponseInput } from '../../wire/schema.ts'
import type { TopicPartition } from '../groups/offsets.ts'
import { handler } from '../handler.ts'
import type { Call, Core } from '../handler.ts'
import type { Topic } from '../topics.ts'

type ProduceRequest = RequestOf<typeof produce>
type ProduceResponse = ResponseInput<typeof produce>
type PartitionResponse = ProduceResponse['responses'][number]['partitionResponses'][number]

interface Pending {
  readonly durable: Promise<void>[]
  readonly lost: Map<PartitionResponse, PartitionResponse>
  /** By producer id and epoch: what came of adding the request's partitions to its transaction. */
  readonly joined: Map<string, KafkaErrorName>
  readonly batches: Companions
  readonly decompression: { bytesLeft: number }
}

/** What the compressed batches of one request may become together: this much, or so many times the request where that is more. */
const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024
const DECOMPRESSED_TIMES_MAX = 20

const RECORD_FORMAT = 2
const ZSTD_SINCE_VERSION = 7
const ABORTABLE_SINCE_VERSION = 11
const IMPLICIT_ADD_SINCE_VERSION = 12

export const produceHandler = {
  ...handler(produce, [3, 13], (core, request, call) => {
    // The end of the producer's last transaction may still be on its way to the partitions: this one begins behind it.
    const completion = request.transactionalId === null ? undefined : core.transactions.coordinator.get(request.transactionalId)?.completion
    const codec = codecLoading() ?? codecOf(request)
    return completion === undefined && codec === undefined ? answer(core, request, call) : Promise.all([completion, codec]).then(() => answer(core, request, call))
  }),
  advertisedFrom: 0,
  letsGo: true,
}

function batchesOf({ topicData }: ProduceRequest): Companions {
  let [count, bytes] = [0, 0]
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      count++
      bytes += records?.length ?? 0
    }
  }
  return { count, bytes }
}

/** A codec of the request that is not loaded yet. */
function codecOf({ topicData }: ProduceRequest): Promise<void> | undefined {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      const pending = records === null ? undefined : codecsPending(records)
      if (pending !== undefined) return pending
    }
  }
  return undefined
}

async function answer(core: Core, request: ProduceRequest, call: Call): Promise<ProduceResponse | undefined> {
  const durable: Promise<void>[] = []
  /** Answers whose flush did not come about, and what is said instead. */
  const lost = new Map<PartitionResponse, PartitionResponse>()
  const batches = batchesOf(request)
  const pending: Pending = { durable, lost, joined: new Map(), batches, decompression: { bytesLeft: Math.max(DECOMPRESSED_BYTES_MAX, DECOMPRESSED_TIMES_MAX * batches.bytes) } }
  const responses = request.topicData.map(({ name, topicId, partitionData }) => {
    const topic = call.version >= 13 ? core.topics.byId(topicId) : core.topics.get(name)
    if (topic !== undefined) core.clients.uses(call.connectionId, 'writes', topic.name)
    return { name, topicId, partitionResponses: partitionData.map(({ index, records }) => partitionAnswer(core, request, call, topic, index, records, pending)) }
  })
  if (request.acks === 0) {
    const failed = responses.flatMap(topic => topic.partitionResponses).find(partition => partition.errorCode !== 0)
    for (const promise of durable) promise.catch(() => { /* Nobody waits with acks=0; the disk's failure stops the broker. */ })
    // As Kafka: without an answer to put it into, an error can only be told by closing.
    if (failed !== undefined) throw new MillraceError('BROKER_ERROR', `a produce with acks=0 failed with code ${failed.errorCode}`)
    return undefined
  }
  await Promise.all(durable)
  return { responses: responses.map(topic => ({ ...topic, partitionResponses: topic.partitionResponses.map(partition => lost.get(partition) ?? partition) })) }
}

function partitionAnswer(core: Core, request: ProduceRequest, call: Call, topic: Topic | undefined, index: number, records: Buffer | null, pending: Pending): PartitionResponse {
  const refuse = (error: KafkaErrorName, message: string | null = null): PartitionResponse => ({ index, errorCode: errorCode(error), baseOffset: -1, errorMessage: message })
  if (request.acks !== 0 && request.acks !== 1 && request.acks !== -1) return refuse('INVALID_REQUIRED_ACKS')
  if (topic === undefined) return refuse(call.version >= 13 ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION')
  const log = topic.partitions[index]
  if (log === undefined) return refuse('UNKNOWN_TOPIC_OR_PARTITION')
  if (topic.isInternal) return refuse('INVALID_TOPIC_EXCEPTION', `${topic.name} is written by the broker only`)
  if (records === null || records.length === 0) return refuse('INVALID_RECORD', 'the partition has no batch')
  try {
    const view = new BatchView(records)
    if (view.magic !== RECORD_FORMAT) return refuse('INVALID_RECORD', `records of format ${view.magic}: only ${RECORD_FORMAT} is taken`)
    if (view.sizeBytes !== records.length) return refuse('INVALID_RECORD', 'a produce request has exactly one batch for each partition')
    if (view.codec === CODECS.zstd && call.version < ZSTD_SINCE_VERSION) return refuse('UNSUPPORTED_COMPRESSION_TYPE')
    if (view.isControl) return { ...refuse('INVALID_RECORD', 'clients do not write control batches'), logStartOffset: log.logStartOffset }
    if (view.isTransactional) {
      const error = transactionError(core, request, call, view, pending)
      if (error !== 'NONE') return refuse(error)
    }
    return append(core, call, topic, index, log, records, pending)
  } catch (error) {
    return refused(index, log, error)
  }
}

function append(core: Core, call: Call, topic: Topic, index: number, log: PartitionLog, records: Buffer, pending: Pending): PartitionResponse {
  const result = log.append(records, {
    origin: 'client', decompression: pending.decompression, companions: pending.batches,
    verifyTransaction: producer => {
      const error = core.transactions.coordinator.verifyError(producer, { topic: topic.name, partition: index })
      return error === 'NONE' ? undefined : produceError(error, call.version)
    },
  })
  const response: PartitionResponse = { index, errorCode: 0, baseOffset: result.baseOffset, logAppendTimeMs: result.appendTimeMs, logStartOffset: log.logStartOffset }
  pending.durable.push(log.flushed(result.lastOffset + 1).catch((error: unknown) => void pending.lost.set(response, refused(index, log, error))))
  return response
}

/** Transactions v2: partitions join the transaction with their first batch. v1 said so before, and the log has it verified. */
function transactionError(core: Core, request: ProduceRequest, call: Call, view: BatchView, pending: Pending): KafkaErrorName {
  if (request.transactionalId === null || request.transactionalId === '') return 'INVALID_TXN_STATE'
  const { producerId, producerEpoch } = view
  if (call.version < IMPLICIT_ADD_SINCE_VERSION) {
    // A producer of the past is told so before its sequence is looked at.
    const owner = core.transactions.coordinator.get(request.transactionalId)
    return owner !== undefined && owner.producerId === producerId && owner.producerEpoch > producerEpoch ? 'INVALID_PRODUCER_EPOCH' : 'NONE'
  }
  const owner = `${producerId}/${producerEpoch}`
  const known = pending.joined.get(owner)
  if (known !== undefined) return known
  // All at once: the transaction's state is written once for the request, not once for each partition.
  const added = core.transactions.coordinator.addPartitions({
    transactionalId: request.transactionalId, producerId, producerEpoch, version: 2, partitions: partitionsOf(core, request, call, view),
  })
  if (added.error === 'NONE') pending.durable.push(added.durable)
  const error = added.error === 'NONE' ? 'NONE' : produceError(added.error, call.version)
  pending.joined.set(owner, error)
  return error
}

/** The partitions that this request writes to in the transaction of `first`'s producer. */
function partitionsOf(core: Core, request: ProduceRequest, call: Call, first: BatchView): TopicPartition[] {
  return request.topicData.flatMap(({ name, topicId, partitionData }) => {
    const topic = call.version >= 13 ? core.topics.byId(topicId) : core.topics.get(name)
    if (topic === undefined || topic.isInternal) return []
    return partitionData.flatMap(({ index, records }) => {
      if (topic.partitions[index] === undefined || records === null || records.length < BATCH_HEADER_BYTES) return []
      const view = new BatchView(records)
      const isOfTransaction = view.isTransactional && !view.isControl && view.producerId === first.producerId && view.producerEpoch === first.producerEpoch
      return isOfTransaction ? [{ topic: topic.name, partition: index }] : []
    })
  })
}

/** The coordinator's errors in the words a producer understands from Produce. */
function produceError(error: KafkaErrorName, version: number): KafkaErrorName {
  if (error === 'PRODUCER_FENCED') return 'INVALID_PRODUCER_EPOCH'
  if (error === 'CONCURRENT_TRANSACTIONS' && version < IMPLICIT_ADD_SINCE_VERSION) return 'NOT_ENOUGH_REPLICAS'
  if (error === 'TRANSACTION_ABORTABLE' && version < ABORTABLE_SINCE_VERSION) return 'INVALID_TXN_STATE'
  return error
}

/** Errors of what is in the batch, where Kafka still says where the log begins. */
const WITH_LOG_START = new Set([errorCode('INVALID_RECORD'), errorCode('INVALID_TIMESTAMP'), errorCode('OUT_OF_ORDER_SEQUENCE_NUMBER'), errorCode('INVALID_PRODUCER_EPOCH')])

/** Our own errors in Kafka's words; a partition that was closed in the meantime belongs to a deleted topic. */
const OTHER_CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  BATCH_CORRUPT: errorCode('CORRUPT_MESSAGE'), DISK_FULL: errorCode('KAFKA_STORAGE_ERROR'), DISK_FAILED: errorCode('KAFKA_STORAGE_ERROR'),
  CONNECTION_CLOSED: errorCode('UNKNOWN_TOPIC_OR_PARTITION'),
}

function refused(index: number, log: PartitionLog, error: unknown): PartitionResponse {
  if (!(error instanceof MillraceError)) throw error
  const code = kafkaCodeOf(error) ?? OTHER_CODES[error.code]
  if (code === undefined) throw error
  const { batchIndex } = error.detail
  return {
    index, errorCode: code, baseOffset: -1, logStartOffset: WITH_LOG_START.has(code) ? log.logStartOffset : -1, errorMessage: error.message,
    recordErrors: typeof batchIndex === 'number' ? [{ batchIndex, batchIndexErrorMessage: error.message }] : [],
  }
}
