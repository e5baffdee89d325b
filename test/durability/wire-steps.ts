/** Single requests of the durability programme, each an error where the broker says anything but yes. */
import { fetch } from '../../src/wire/apis/01-fetch.ts'
import { produce } from '../../src/wire/apis/00-produce.ts'
import { offsetCommit } from '../../src/wire/apis/08-offset-commit.ts'
import { offsetFetch } from '../../src/wire/apis/09-offset-fetch.ts'
import { createTopics } from '../../src/wire/apis/19-create-topics.ts'
import { initProducerId } from '../../src/wire/apis/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../../src/wire/apis/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../../src/wire/apis/25-add-offsets-to-txn.ts'
import { endTxn } from '../../src/wire/apis/26-end-txn.ts'
import { txnOffsetCommit } from '../../src/wire/apis/28-txn-offset-commit.ts'
import { errorCode, errorName } from '../../src/wire/error-codes.ts'
import { RecordCursor, walkBatches } from '../../src/wire/record-batch.ts'
import { textBatch } from '../support/wire-client.ts'
import type { BatchProducer, WireClient } from '../support/wire-client.ts'

/** The broker answered, and not what a broker that lost nothing would have. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer'
}

export interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

function expectNone(what: string, code: number | undefined): void {
  if (code !== 0) throw new WrongAnswer(`${what}: ${errorName(code ?? -1)}`)
}

/** Again while the broker is still busy with the transaction before: as every client does. */
async function settled<T>(ask: () => Promise<T>, codeOf: (answer: T) => number | undefined): Promise<T> {
  for (let tries = 0; ; tries++) {
    const answer = await ask()
    const code = codeOf(answer)
    if (tries > 200 || (code !== errorCode('CONCURRENT_TRANSACTIONS') && code !== errorCode('COORDINATOR_LOAD_IN_PROGRESS'))) return answer
  }
}

export async function makeTopic(client: WireClient, name: string, partitions: number): Promise<void> {
  const { topics } = await client.request(createTopics, 5, { topics: [{ name, numPartitions: partitions, replicationFactor: 1, configs: [{ name: 'segment.bytes', value: '4096' }] }] })
  const code = topics[0]?.errorCode
  // A topic whose creation was cut before its answer may be there.
  if (code !== errorCode('TOPIC_ALREADY_EXISTS')) expectNone(`CreateTopics ${name}`, code)
}

export async function initProducer(client: WireClient, transactionalId: string | null): Promise<Identity> {
  const answer = await settled(() => client.request(initProducerId, 4, { transactionalId, transactionTimeoutMs: 900_000, producerId: -1, producerEpoch: -1 }), ({ errorCode: code }) => code)
  expectNone(`InitProducerId ${transactionalId}`, answer.errorCode)
  return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
}

/** Gives the base offset. */
export async function send(client: WireClient, topic: string, partition: number, values: readonly string[], producer: BatchProducer, transactionalId: string | null = null): Promise<number> {
  const { responses } = await client.request(produce, 9, { transactionalId, acks: -1, timeoutMs: 30_000, topicData: [{ name: topic, partitionData: [{ index: partition, records: textBatch(values, producer) }] }] })
  const answer = responses[0]?.partitionResponses[0]
  expectNone(`Produce ${topic}-${partition} sequence ${producer.baseSequence}`, answer?.errorCode)
  return answer?.baseOffset ?? -1
}

export async function addPartitions(client: WireClient, transactionalId: string, producer: Identity, topic: string, partitions: readonly number[]): Promise<void> {
  const answer = await settled(
    () => client.request(addPartitionsToTxn, 3, { v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producer.producerId, v3AndBelowProducerEpoch: producer.producerEpoch, v3AndBelowTopics: [{ name: topic, partitions: [...partitions] }] }),
    ({ resultsByTopicV3AndBelow }) => resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode)
  for (const { resultsByPartition } of answer.resultsByTopicV3AndBelow) for (const { partitionErrorCode } of resultsByPartition) expectNone(`AddPartitionsToTxn ${transactionalId}`, partitionErrorCode)
}

export async function sendOffsets(client: WireClient, transactionalId: string, producer: Identity, group: string, topic: string, offset: number): Promise<void> {
  const added = await client.request(addOffsetsToTxn, 3, { transactionalId, ...producer, groupId: group })
  expectNone(`AddOffsetsToTxn ${transactionalId}`, added.errorCode)
  const { topics } = await client.request(txnOffsetCommit, 3, { transactionalId, groupId: group, ...producer, topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }] }] })
  expectNone(`TxnOffsetCommit ${group}`, topics[0]?.partitions[0]?.errorCode)
}

export async function end(client: WireClient, transactionalId: string, producer: Identity, committed: boolean): Promise<void> {
  const answer = await settled(() => client.request(endTxn, 3, { transactionalId, ...producer, committed }), ({ errorCode: code }) => code)
  expectNone(`EndTxn ${transactionalId} ${committed ? 'commit' : 'abort'}`, answer.errorCode)
}

export async function commitOffset(client: WireClient, group: string, topic: string, offset: number): Promise<void> {
  const { topics } = await client.request(offsetCommit, 8, { groupId: group, topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }] }] })
  expectNone(`OffsetCommit ${group}`, topics[0]?.partitions[0]?.errorCode)
}

export async function committedOffset(client: WireClient, group: string, topic: string): Promise<number> {
  const answer = await client.request(offsetFetch, 7, { groupId: group, requireStable: true, topics: [{ name: topic, partitionIndexes: [0] }] })
  const partition = answer.topics[0]?.partitions[0]
  expectNone(`OffsetFetch ${group}`, partition?.errorCode)
  return partition?.committedOffset ?? -1
}

export interface Read {
  readonly offset: number
  readonly value: string
}

/** What a consumer gets of one partition from its first offset to its end; a batch whose checksum does not agree is an error, as it is for every client. `settled`: no transaction is open, wait for the markers of the last one. */
export async function readAll(client: WireClient, topic: string, partition: number, isolationLevel: 0 | 1, options: { readonly settled?: boolean } = {}): Promise<Read[]> {
  const records: Read[] = []
  const cursor = new RecordCursor()
  for (let next = 0, waits = 0; ;) {
    const { responses } = await client.request(fetch, 11, { maxWaitMs: 0, minBytes: 0, isolationLevel, topics: [{ topic, partitions: [{ partition, fetchOffset: next, partitionMaxBytes: 10_000_000 }] }] })
    const answer = responses[0]?.partitions[0]
    expectNone(`Fetch ${topic}-${partition}@${next}`, answer?.errorCode)
    // The markers of a transaction that was ended a moment ago may be on their way, as with Kafka.
    if (isolationLevel === 1 && answer !== undefined && answer.lastStableOffset < answer.highWatermark && options.settled === true && waits++ < 5000) continue
    const waiting = [...answer?.abortedTransactions ?? []].sort((a, b) => a.firstOffset - b.firstOffset)
    const aborting = new Set<number>()
    const from = next
    for (const view of walkBatches(answer?.records ?? Buffer.alloc(0))) {
      if (!view.verifyCrc()) throw new WrongAnswer(`Fetch ${topic}-${partition}@${next}: a batch's checksum does not agree`)
      while (waiting[0] !== undefined && waiting[0].firstOffset <= view.lastOffset) aborting.add(waiting.shift()?.producerId ?? -1)
      next = Math.max(next, view.lastOffset + 1)
      if (view.isControl) {
        aborting.delete(view.producerId)
        continue
      }
      if (isolationLevel === 1 && view.isTransactional && aborting.has(view.producerId)) continue
      view.records(cursor)
      // As every client: what lies before the asked offset is not given to the application.
      while (cursor.next()) if (cursor.offset >= from) records.push({ offset: cursor.offset, value: cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd) })
    }
    if (next === from) return records
  }
}
