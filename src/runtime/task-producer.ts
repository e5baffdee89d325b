/**
 * A task's producer on one worker, renewed after a failure, and the changelog positions that its acknowledgements give.
 *
 * D1. `renew` leaves no transaction of the one before open: it aborts, or where that fails makes a new producer, whose InitProducerId fences and aborts (E1).
 * D2. A changelog's position counts acknowledged records only. Under transactions nothing of commit k+1 is on the wire before k is answered, so
 *     after k it is k's. The lowest offset of k's own records is kept too: below the position, the log has lost what it had acknowledged.
 */
import { assert } from '../base/assert.ts'
import { Producer } from '../client/producer.ts'
import type { FrozenTransaction } from '../client/producer.ts'
import { ProducerOutput } from './sink.ts'
import type { TaskContext } from './task-context.ts'

export interface AckedChanges {
  /** Offset of the first record since `beginChanges`; Infinity without one. */
  readonly first: number
  /** Offset after the last record since the start. */
  readonly end: number
}

export class TaskProducer {
  readonly output = new ProducerOutput()
  readonly #context: TaskContext
  #producer: Producer | undefined
  /** Changelog `topic` → partition → what was acknowledged. */
  readonly #acked = new Map<string, Map<number, AckedChanges>>()
  #drainAwaited = false

  constructor(context: TaskContext) {
    this.#context = context
    for (const store of context.plan.stores) this.#acked.set(store.changelog.name, new Map())
    for (const [topic, partitions] of context.partitions) this.output.prepare(topic, partitions)
  }

  get full(): boolean {
    return this.#producer?.full === true
  }

  get exactlyOnce(): boolean {
    return this.#context.settings.guarantee === 'exactlyOnce'
  }

  async renew(): Promise<void> {
    const old = this.#producer
    this.#producer = undefined
    // Its abort first, so that the two producers of one transactional id do not race at the coordinator; where it does not come through, the new one's init fences it.
    if (old !== undefined) await this.#giveUp(old)
    const { settings, transactionalId, cluster } = this.#context
    const producer = new Producer(cluster, {
      bytesInFlightMax: settings.produceBytesMax, lingerMs: settings.lingerMs, batchBytesMax: settings.batchBytesMax,
      ...(this.exactlyOnce ? { transactionalId, transactionTimeoutMs: settings.transactionTimeoutMs } : {}),
      onAck: (topic, partition, baseOffset, count) => this.#onAck(topic, partition, baseOffset, count),
    })
    await producer.init()
    if (this.exactlyOnce) producer.begin()
    this.#producer = producer
    this.output.use(producer)
  }

  #giveUp(producer: Producer): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#context.env.clock.setTimer(() => resolve(), ABORT_MS_MAX, { background: true })
      const done = (): void => {
        timer.cancel()
        resolve()
      }
      producer.close().then(done, done)
    })
  }

  /** The changes of one more commit follow. */
  beginChanges(topic: string, partition: number): void {
    const acked = this.#acked.get(topic)?.get(partition)
    if (acked !== undefined) this.#acked.get(topic)?.set(partition, { first: Infinity, end: acked.end })
  }

  /** Appends a changelog record. */
  sendChange(topic: string, partition: number, time: number, key: Buffer, value: Buffer | null): void {
    this.#current().send(topic, partition, time, key, value)
  }

  freeze(): FrozenTransaction {
    return this.#current().freeze()
  }

  flush(): Promise<void> {
    return this.#current().flush()
  }

  /** `undefined` where no change was acknowledged since the start. */
  changesAcked(topic: string, partition: number): AckedChanges | undefined {
    return this.#acked.get(topic)?.get(partition)
  }

  /** Wakes the host once there is room again. */
  wakeWhenDrained(): void {
    if (this.#drainAwaited || this.#producer === undefined) return
    this.#drainAwaited = true
    const done = (): void => {
      this.#drainAwaited = false
      this.#context.host.wake()
    }
    // A failure to drain is a failure to deliver: the commit reports it.
    this.#producer.drained().then(done, done)
  }

  /** Gives up what is not committed, as far as the broker can be reached; nothing will be sent any more. */
  async abandon(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    if (producer === undefined) return
    try {
      if (this.exactlyOnce) await producer.abort()
    } catch {
      // The broker aborts it at the transaction's timeout, or the next process of this slot does.
    }
    await producer.close()
  }

  async close(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.close()
  }

  #current(): Producer {
    assert(this.#producer !== undefined, 'records are sent while the producer is being renewed')
    return this.#producer
  }

  #onAck(topic: string, partition: number, baseOffset: number, count: number): void {
    const partitions = this.#acked.get(topic)
    if (partitions === undefined || baseOffset < 0) return
    partitions.set(partition, { first: Math.min(baseOffset, partitions.get(partition)?.first ?? Infinity), end: baseOffset + count })
  }
}

const ABORT_MS_MAX = 2_000
