/**
 * The state of one item in task `cooc`: its neighbours with what binds them to it, changed in place as pairs come.
 *
 * A click changes up to nine lists of up to a hundred neighbours by one or a few of them each. So a list finds a neighbour by a hash table of row
 * numbers, adds to a column of doubles, and makes no object; what others may keep is a copy (`published`).
 *
 * N1. A list belongs to its store: who changes it sets it as state in the same record, so that a commit writes it and a rollback forgets it.
 * N2. Rows stand in the order in which neighbours came; pruning puts them in the order of weight, ties by item id (C2 of cooc.ts).
 * N3. Bytes: format (1), dirty (1), epoch, mass, row count (4), weights, then the ids in UTF-8 with their lengths (2). Numbers are big-endian doubles.
 */
import { ByteWriter, MillraceError, type Serde } from 'millrace'
import { assert } from '../base.ts'
import { heaviest, type CoocOptions, type ItemList } from './cooc.ts'
import { moveEpoch } from './decay.ts'
import type { Pairs } from './session.ts'
import { hashOf, slotsFor } from './text-hash.ts'

const ROWS_FIRST = 8
/** A row number is kept in two bytes, and 0 stands for none. */
const ROWS_MAX = 0xffff - 1

export class NeighborList {
  epoch: number
  /** Weight of all events on the item. */
  mass = 0
  /** Changed since the last publication. */
  isDirty = false
  #count = 0
  #items: string[] = []
  #weights = new Float64Array(ROWS_FIRST)
  /** Row + 1 by hash, linear probing; 0 is free. `undefined` until the list is first asked for a neighbour. */
  #slots: Uint16Array | undefined
  /** The ids as they are written (N3), in the order of rows; `undefined` until they are written first. */
  #ids: ByteWriter | undefined

  constructor(epoch: number) {
    this.epoch = epoch
  }

  get length(): number {
    return this.#count
  }

  add(pairs: Pairs, options: CoocOptions): void {
    if (pairs.epoch > this.epoch) this.#moveTo(pairs.epoch)
    const { items, weights, epoch } = pairs
    for (let index = 0; index < items.length; index += 1) {
      this.#addWeight(items[index] ?? '', moveEpoch(weights[index] ?? 0, epoch, this.epoch))
    }
    this.mass += moveEpoch(pairs.mass, epoch, this.epoch)
    if (this.#count > 2 * options.capacity) this.#prune(options.capacity)
  }

  /** The list as others read it; a copy. */
  published(): ItemList {
    return { epoch: this.epoch, mass: this.mass, items: this.#items.slice(), weights: Array.from(this.#weights.subarray(0, this.#count)) }
  }

  #addWeight(item: string, weight: number): void {
    const slots = this.#slots ??= this.#slotsOf(this.#weights.length)
    const last = slots.length - 1
    let slot = hashOf(item) & last
    for (;;) {
      const row = (slots[slot] ?? 0) - 1
      if (row < 0) break
      if (this.#items[row] === item) {
        this.#weights[row] = (this.#weights[row] ?? 0) + weight
        return
      }
      slot = slot + 1 & last
    }
    const row = this.#count
    assert(row < ROWS_MAX, `a list has at most ${ROWS_MAX} neighbours`)
    if (row === this.#weights.length) this.#grow()
    else slots[slot] = row + 1 // Grown: the new table is made with the next look-up.
    this.#items.push(item)
    this.#weights[row] = weight
    this.#count = row + 1
    if (this.#ids !== undefined) writeId(this.#ids, item)
  }

  #grow(): void {
    const weights = new Float64Array(2 * this.#weights.length)
    weights.set(this.#weights)
    this.#weights = weights
    this.#slots = undefined
  }

  #slotsOf(rows: number): Uint16Array {
    const slots = new Uint16Array(slotsFor(rows))
    const last = slots.length - 1
    for (let row = 0; row < this.#count; row += 1) {
      let slot = hashOf(this.#items[row] ?? '') & last
      while (slots[slot] !== 0) slot = slot + 1 & last
      slots[slot] = row + 1
    }
    return slots
  }

  #moveTo(epoch: number): void {
    for (let row = 0; row < this.#count; row += 1) this.#weights[row] = moveEpoch(this.#weights[row] ?? 0, this.epoch, epoch)
    this.mass = moveEpoch(this.mass, this.epoch, epoch)
    this.epoch = epoch
  }

  #prune(capacity: number): void {
    const { items, weights } = heaviest(this.#items, this.#weights, capacity)
    this.#items = items
    this.#weights.set(weights)
    this.#count = items.length
    this.#slots = undefined
    this.#ids = undefined
  }

  // ---------------------------------------------------------------- bytes (N3)

  write(into: ByteWriter): void {
    const count = this.#count
    into.reserve(HEADER_BYTES + 8 * count)
    const { buffer } = into
    let at = into.length
    buffer[at] = FORMAT
    buffer[at + 1] = this.isDirty ? 1 : 0
    buffer.writeDoubleBE(this.epoch, at + 2)
    buffer.writeDoubleBE(this.mass, at + 10)
    buffer.writeUInt32BE(count, at + 18)
    at += HEADER_BYTES
    for (let row = 0; row < count; row += 1) at = buffer.writeDoubleBE(this.#weights[row] ?? 0, at)
    into.length = at
    const ids = this.#ids ??= this.#allIds()
    into.reserve(ids.length)
    into.length += ids.buffer.copy(into.buffer, into.length, 0, ids.length)
  }

  #allIds(): ByteWriter {
    const ids = new ByteWriter(ID_BYTES_LIKELY * this.#count)
    for (let row = 0; row < this.#count; row += 1) writeId(ids, this.#items[row] ?? '')
    return ids
  }

  static read(buffer: Buffer, start: number, end: number): NeighborList {
    const malformed = (): never => {
      throw new MillraceError('SERDE_FAILED', `not a list of neighbours in format ${FORMAT}`)
    }
    if (end - start < HEADER_BYTES || buffer[start] !== FORMAT) malformed()
    const list = new NeighborList(buffer.readDoubleBE(start + 2))
    list.isDirty = buffer[start + 1] === 1
    list.mass = buffer.readDoubleBE(start + 10)
    const count = buffer.readUInt32BE(start + 18)
    let at = start + HEADER_BYTES
    if (count > ROWS_MAX || at + 10 * count > end) malformed()
    if (count > ROWS_FIRST) list.#weights = new Float64Array(slotsFor(count) / 2)
    for (let row = 0; row < count; row += 1, at += 8) list.#weights[row] = buffer.readDoubleBE(at)
    for (let row = 0; row < count; row += 1) {
      const bytes = at + 2 > end ? malformed() : buffer.readUInt16BE(at)
      at += 2 + bytes
      if (at > end) malformed()
      list.#items.push(buffer.toString('utf8', at - bytes, at))
    }
    if (at !== end) malformed()
    list.#count = count
    return list
  }
}

const FORMAT = 1
const HEADER_BYTES = 22
const ID_BYTES_LIKELY = 12

function writeId(into: ByteWriter, item: string): void {
  const before = into.length
  into.reserve(2)
  into.length += 2
  into.utf8(item)
  const bytes = into.length - before - 2
  assert(bytes <= 0xffff, 'an item id has at most 65,535 bytes')
  into.buffer.writeUInt16BE(bytes, before)
}

export const neighborList: Serde<NeighborList> = {
  kind: 'neighbors',
  optional: false,
  serialize(list) {
    const writer = new ByteWriter()
    list.write(writer)
    return writer.toBuffer()
  },
  deserialize: (buffer, start, end) => NeighborList.read(buffer, start, end),
  write: (list, into) => list.write(into),
}
