/**
 * How far each partition was durable, one flush round late: what tells a torn tail from a rotten one.
 *
 * ```
 *  commit-marks: slots of 64 bytes, one a partition, two halves of 32 written in turn:
 *  topic id 16 bytes │ partition int32 │ durable to, int64 │ CRC-32C uint32 of the 28 bytes before
 * ```
 * M1. A round writes the durable offsets of the round before and syncs this file beside the segments, so a mark never claims
 *     more than is durable, and lags by one round.
 * M2. After a power cut, what is bad below the mark is corruption; what is bad at or above it may be dropped, even where
 *     later bytes of the same round survived. Left over: rot of the very last acknowledged round looks like a torn write.
 * M3. The file exists only while the durability is `sync`; without it recovery goes by the recovery point alone.
 */
import type { Disk, DiskFile } from '../env/env.ts'
import { crc32c } from '../wire/crc32c.ts'
import { join, readWhole, unlinkIfExists } from './files.ts'

const FILE = 'commit-marks'
const HALF_BYTES = 32
const SLOT_BYTES = 64
/** Slots with no more than this between them are written together. */
const GAP_BYTES_MAX = 4096

interface Slot {
  readonly index: number
  readonly topicId: Buffer
  readonly partition: number
  /** -1: free. */
  offset: number
  half: 0 | 1
}

export class CommitMarks {
  readonly #file: DiskFile
  readonly #slots = new Map<string, Slot>()
  #pending = new Map<Slot, number>()
  #slotNext: number
  /** What the file holds. */
  #image: Buffer

  private constructor(file: DiskFile, slots: Iterable<Slot>, image: Buffer) {
    this.#file = file
    this.#slotNext = image.length / SLOT_BYTES
    this.#image = image
    for (const slot of slots) this.#slots.set(keyOf(slot.topicId.toString('base64url'), slot.partition), slot)
  }

  /** Opens or makes the file; `undefined`, and the file gone, where the durability is not `sync` (M3). */
  static open(disk: Disk, root: string, isSync: boolean): CommitMarks | undefined {
    const path = join(root, FILE)
    if (!isSync) {
      unlinkIfExists(disk, path)
      return undefined
    }
    const written = readWhole(disk, path) ?? Buffer.alloc(0)
    // A power cut, or a slot of which one half was never written, leaves a part of a slot at the end.
    const bytes = Buffer.concat([written, Buffer.alloc((SLOT_BYTES - written.length % SLOT_BYTES) % SLOT_BYTES)])
    const slots: Slot[] = []
    for (let index = 0; (index + 1) * SLOT_BYTES <= bytes.length; index++) {
      const halves = ([0, 1] as const).map(half => decodeHalf(bytes.subarray(index * SLOT_BYTES + half * HALF_BYTES, index * SLOT_BYTES + (half + 1) * HALF_BYTES), index, half))
      const [first, second] = halves
      const best = first === undefined || (second !== undefined && second.offset > first.offset) ? second : first
      if (best !== undefined) slots.push(best)
    }
    return new CommitMarks(disk.open(path, 'create'), slots, bytes)
  }

  /** The partition's mark; `undefined` where none is known. */
  get(topicId: string, partition: number): number | undefined {
    const slot = this.#slots.get(keyOf(topicId, partition))
    return slot === undefined || slot.offset < 0 ? undefined : slot.offset
  }

  /** Notes that everything below `offset` is durable; written with the next round. */
  note(topicId: string, partition: number, offset: number): void {
    const key = keyOf(topicId, partition)
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = { index: this.#slotNext, topicId: Buffer.from(topicId, 'base64url'), partition, offset: -1, half: 1 }
      this.#slotNext += 1
      this.#slots.set(key, slot)
    }
    if (offset > slot.offset) this.#pending.set(slot, offset)
  }

  /** Takes a mark back, durable or not: the partition's log was cut below it by hand, or is gone. */
  forget(topicId: string, partition: number): void {
    const key = keyOf(topicId, partition)
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#slots.delete(key)
    this.#pending.delete(slot)
    const at = slot.index * SLOT_BYTES
    this.#image = grown(this.#image, at + SLOT_BYTES).fill(0, at, at + SLOT_BYTES)
    this.#file.write(Buffer.alloc(SLOT_BYTES), at)
  }

  /** Writes what is noted; the file to sync, `undefined` where nothing was. */
  write(): DiskFile | undefined {
    if (this.#pending.size === 0) return undefined
    const slots = [...this.#pending.keys()].sort((a, b) => a.index - b.index)
    this.#image = grown(this.#image, this.#slotNext * SLOT_BYTES)
    let start = -1
    let end = -1
    for (const slot of slots) {
      const at = this.#encode(slot, this.#pending.get(slot) ?? slot.offset)
      if (start >= 0 && at > end + GAP_BYTES_MAX) {
        this.#file.write(this.#image.subarray(start, end), start)
        start = -1
      }
      if (start < 0) start = at
      end = at + HALF_BYTES
    }
    // What lies between is written as it is: a tear leaves it as it was.
    this.#file.write(this.#image.subarray(start, end), start)
    this.#pending = new Map()
    return this.#file
  }

  /** Puts the mark into the half that is not the newest; returns where. */
  #encode(slot: Slot, offset: number): number {
    slot.offset = offset
    slot.half = slot.half === 0 ? 1 : 0
    const at = slot.index * SLOT_BYTES + slot.half * HALF_BYTES
    slot.topicId.copy(this.#image, at)
    this.#image.writeInt32BE(slot.partition, at + 16)
    this.#image.writeBigInt64BE(BigInt(offset), at + 20)
    this.#image.writeUInt32BE(crc32c(this.#image, at, at + 28), at + 28)
    return at
  }

  close(): void {
    this.#file.close()
  }
}

function decodeHalf(bytes: Buffer, index: number, half: 0 | 1): Slot | undefined {
  if (bytes.readUInt32BE(28) !== crc32c(bytes, 0, 28)) return undefined
  // All zero, as a forgotten slot is, has a wrong checksum: CRC-32C of zeros is not zero.
  return { index, topicId: Buffer.from(bytes.subarray(0, 16)), partition: bytes.readInt32BE(16), offset: Number(bytes.readBigInt64BE(20)), half }
}

/** Topic ids come in the one form that `uuidFromBytes` writes. */
function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}

function grown(bytes: Buffer, length: number): Buffer {
  if (bytes.length >= length) return bytes
  const larger = Buffer.alloc(Math.max(length, 2 * bytes.length))
  bytes.copy(larger)
  return larger
}
