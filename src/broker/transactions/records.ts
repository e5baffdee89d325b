/**
 * The records of `__transaction_state`, in Kafka's own format.
 *
 *   key    int16 0 · transactional id string
 *   value  int16 1 · producer id int64 · epoch int16 · timeout int32 · state int8 · partitions (compact, nullable)
 *          · updated int64 · started int64 · tagged fields 0: previous producer id, 1: next producer id, 2: transaction version
 *
 * Version 0 of the value (no tagged fields, plain lengths) is read too. A null value is a tombstone: the id has expired.
 */
import { MillraceError } from '../../base/errors.ts'
import { WireReader } from '../../wire/reader.ts'
import { WireWriter } from '../../wire/writer.ts'
import { NO_PRODUCER_ID, Transaction, TRANSACTION_STATES } from './transaction.ts'

const VALUE_VERSION = 1
const TAG_PREVIOUS_PRODUCER_ID = 0
const TAG_NEXT_PRODUCER_ID = 1
const TAG_TRANSACTION_VERSION = 2

export function transactionKey(transactionalId: string): Buffer {
  const writer = new WireWriter(64)
  writer.int16(0)
  writer.string(transactionalId)
  return writer.toBuffer()
}

/** The transactional id, or `undefined` for a key of a version this one does not know. */
export function readTransactionKey(key: Buffer): string | undefined {
  const reader = new WireReader(key)
  return reader.int16() === 0 ? reader.string() : undefined
}

export function transactionValue(transaction: Transaction): Buffer {
  const writer = new WireWriter(128)
  writer.int16(VALUE_VERSION)
  writer.int64(transaction.producerId)
  writer.int16(transaction.producerEpoch)
  writer.int32(transaction.timeoutMs)
  writer.int8(TRANSACTION_STATES.find(row => row.state === transaction.state)?.stored ?? 0)
  const topics = transaction.partitionsByTopic()
  if (topics.length === 0) writer.compactCount(-1)
  else {
    writer.compactCount(topics.length)
    for (const { topic, partitions } of topics) {
      writer.compactString(topic)
      writer.compactCount(partitions.length)
      for (const partition of partitions) writer.int32(partition)
      writer.uvarint(0)
    }
  }
  writer.int64(transaction.updatedAtMs)
  writer.int64(transaction.startedAtMs)
  writeTags(writer, transaction)
  return writer.toBuffer()
}

function writeTags(writer: WireWriter, transaction: Transaction): void {
  const tags: { tag: number; bytes: number; write: () => void }[] = []
  if (transaction.previousProducerId !== NO_PRODUCER_ID) tags.push({ tag: TAG_PREVIOUS_PRODUCER_ID, bytes: 8, write: () => writer.int64(transaction.previousProducerId) })
  if (transaction.nextProducerId !== NO_PRODUCER_ID) tags.push({ tag: TAG_NEXT_PRODUCER_ID, bytes: 8, write: () => writer.int64(transaction.nextProducerId) })
  if (transaction.version !== 0) tags.push({ tag: TAG_TRANSACTION_VERSION, bytes: 2, write: () => writer.int16(transaction.version) })
  writer.uvarint(tags.length)
  for (const { tag, bytes, write } of tags) {
    writer.uvarint(tag)
    writer.uvarint(bytes)
    write()
  }
}

export function readTransactionValue(transactionalId: string, value: Buffer): Transaction {
  const reader = new WireReader(value)
  const version = reader.int16()
  if (version < 0 || version > VALUE_VERSION) {
    throw new MillraceError('DATA_DIR_VERSION', `The state of transactional id ${transactionalId} was written in version ${version}; this Millrace reads up to ${VALUE_VERSION}. Start it with the newer Millrace that wrote it.`)
  }
  const flexible = version >= 1
  const producerId = reader.int64()
  const producerEpoch = reader.int16()
  const timeoutMs = reader.int32()
  const stored = reader.int8()
  const transaction = new Transaction(transactionalId, producerId, timeoutMs, 0)
  transaction.producerEpoch = producerEpoch
  transaction.state = TRANSACTION_STATES.find(row => row.stored === stored)?.state ?? 'empty'
  const topics = flexible ? reader.compactCount(2) : reader.count(6)
  for (let index = 0; index < topics; index++) {
    const topic = flexible ? reader.compactString() : reader.string()
    const partitions = flexible ? reader.compactCount(4) : reader.count(4)
    for (let at = 0; at < partitions; at++) transaction.add(topic, reader.int32())
    if (flexible) reader.skipTaggedFields()
  }
  transaction.updatedAtMs = reader.int64()
  transaction.startedAtMs = reader.int64()
  if (flexible) readTags(reader, transaction)
  return transaction
}

function readTags(reader: WireReader, transaction: Transaction): void {
  const count = reader.uvarint()
  for (let index = 0; index < count; index++) {
    const tag = reader.uvarint()
    const bytes = reader.uvarint()
    if (tag === TAG_PREVIOUS_PRODUCER_ID) transaction.previousProducerId = reader.int64()
    else if (tag === TAG_NEXT_PRODUCER_ID) transaction.nextProducerId = reader.int64()
    else if (tag === TAG_TRANSACTION_VERSION) transaction.version = reader.int16() >= 2 ? 2 : 1
    else reader.skip(bytes)
  }
}
