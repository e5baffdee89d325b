/**
 * `distinct`: drops a record if an equal one of its key passed less than `withinMs` away in event time, earlier or later.
 *
 * D1. Kept: the times of what passed, one row per key (and result of `by`) and bucket of `withinMs`. Two that passed are at least
 *     `withinMs` apart, so a bucket has at most one, and a record has to look at its own bucket and the two beside it.
 * D2. Exact for every record newer than stream time − `withinMs`, whatever the order. What passed is forgotten some time after stream time − 2 × `withinMs`,
 *     so an older record is dropped if an equal one is still known, and passes otherwise: a late record is rather doubled than lost.
 * D3. A record without key is dropped. Stream time moves with every record that has one.
 * D4. Each record that is dropped is counted, by its reason: `duplicate` says what a writer at least once has written again.
 */
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import type { DistinctNode } from '../../topology/node.ts'
import type { WindowStore } from '../state/window-store.ts'
import { TimedOperator, type Operator, type OperatorCounters, type Origin } from './operator.ts'
import { UserContext } from './user-context.ts'

export class DistinctOperator extends TimedOperator {
  readonly name: string
  readonly #by: DistinctNode['by']
  readonly #withinMs: number
  readonly #store: WindowStore
  readonly #next: Operator
  readonly #counters: OperatorCounters
  readonly #context = new UserContext()

  constructor(node: DistinctNode, store: WindowStore, next: Operator, counters: OperatorCounters) {
    super()
    this.name = node.store
    this.#by = node.by
    this.#withinMs = node.withinMs
    this.#store = store
    this.#next = next
    this.#counters = counters
  }

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    if (key === undefined) return this.#counters.dropped(this.name, 'nullKey')
    if (time > this.streamTime) this.streamTime = time
    const by = this.#by
    const identity = by === undefined ? key : new KeyAndBy(key, by(value, this.#context.set(key, time, origin)))
    const bucket = Math.floor(time / this.#withinMs) * this.#withinMs
    if (this.#passedNear(bucket - this.#withinMs, identity, time) || this.#passedNear(bucket, identity, time) || this.#passedNear(bucket + this.#withinMs, identity, time)) return this.#counters.dropped(this.name, 'duplicate')
    if (bucket >= this.#store.expiredBelow) this.#store.set(this.#store.entry(bucket, identity), time, time)
    this.#next.process(key, value, time, origin)
    this.#store.expire(Math.max(0, Math.floor((this.streamTime - 3 * this.#withinMs) / this.#withinMs) * this.#withinMs + this.#withinMs))
  }

  #passedNear(bucket: number, identity: unknown, time: number): boolean {
    const passed = this.#store.find(bucket, identity)?.value
    return typeof passed === 'number' && Math.abs(time - passed) < this.#withinMs
  }
}

class KeyAndBy {
  readonly key: unknown
  readonly by: unknown

  constructor(key: unknown, by: unknown) {
    this.key = key
    this.by = by
  }
}

/** Key of a row of a `distinct` with `by`: length of the key (4 bytes) ‖ key ‖ result of `by`. */
export function keyAndBy(key: Serde<unknown>, by: Serde<unknown>): Serde<unknown> {
  return {
    kind: `${key.kind} and ${by.kind}`,
    optional: false,
    serialize(value) {
      const writer = new ByteWriter(64)
      this.write(value, writer)
      return writer.toBuffer()
    },
    write(value, into) {
      // The operator above makes every key of such a store.
      const both = value as KeyAndBy
      const keyBytes = key.serialize(both.key)
      into.reserve(4)
      into.buffer.writeUInt32BE(keyBytes.length, into.length)
      into.length += 4
      into.bytes(keyBytes)
      by.write(both.by, into)
    },
    deserialize(buffer, start, end) {
      const byAt = start + 4 + buffer.readUInt32BE(start)
      return new KeyAndBy(key.deserialize(buffer, start + 4, byAt), by.deserialize(buffer, byAt, end))
    },
  }
}
