/**
 * Where a worker's shards write: the task's producer, behind the operators' `Output` contract.
 *
 * K1. The partition of a record with a key is murmur2 of the key's bytes over the topic's partition count, as Java's
 *     default partitioner has it, so that topics written by others and by Millrace are co-partitioned.
 * K2. Records without a key go to one partition for `KEYLESS_RUN` records, then to the next: full batches, even spread.
 * K3. A partition count is read once per topic and kept while the task runs: records of a key stay in one partition.
 */
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import type { Producer } from '../client/producer.ts'
import { partitionOf, partitionOfSlice } from '../wire/partitioner.ts'
import type { Header } from '../topology/node.ts'
import type { Output } from './operators/operator.ts'

const KEYLESS_RUN = 1_000

interface Target {
  readonly partitions: number
  keylessLeft: number
  keylessPartition: number
}

export class ProducerOutput implements Output {
  #producer: Producer | undefined
  readonly #targets = new Map<string, Target>()
  #lastTopic = ''
  #lastTarget: Target | undefined
  /** Records sent to topics, changelogs not counted. */
  recordsSent = 0

  /** Goes on with another producer, after a failure. */
  use(producer: Producer): void {
    this.#producer = producer
  }

  /** Needed before the first record to `topic`. */
  prepare(topic: string, partitions: number): void {
    this.#targets.set(topic, { partitions, keylessLeft: 0, keylessPartition: -1 })
  }

  send(topic: string, time: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[], partition?: number): void {
    const target = this.#target(topic)
    const producer = this.#producer
    assert(producer !== undefined, 'a record is sent before the producer is ready')
    this.recordsSent++
    const to = partition ?? (key === null ? keylessPartition(target) : partitionOf(key, target.partitions))
    if (headers.length === 0) producer.send(topic, to, time, key, value)
    else producer.send(topic, to, time, key, value, headers)
  }

  append(topic: string, time: number, keyBuffer: Buffer, keyStart: number, keyEnd: number, valueBuffer: Buffer, valueStart: number, valueEnd: number, headers: readonly Header[]): void {
    const target = topic === this.#lastTopic ? this.#lastTarget : this.#target(topic)
    const producer = this.#producer
    assert(producer !== undefined && target !== undefined, 'a record is sent before the producer is ready')
    this.recordsSent++
    const to = keyStart < 0 ? keylessPartition(target) : partitionOfSlice(keyBuffer, keyStart, keyEnd, target.partitions)
    producer.sendSlices(topic, to, time, keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, headers.length === 0 ? undefined : headers)
  }

  #target(topic: string): Target {
    const target = this.#targets.get(topic)
    if (target === undefined) throw new MillraceError('INTERNAL', `Nothing is known of topic ${topic}: it is written to, but the plan does not say so.`)
    this.#lastTopic = topic
    this.#lastTarget = target
    return target
  }
}

function keylessPartition(target: Target): number {
  if (target.keylessLeft === 0) {
    target.keylessLeft = KEYLESS_RUN
    target.keylessPartition = (target.keylessPartition + 1) % target.partitions
  }
  target.keylessLeft--
  return target.keylessPartition
}
