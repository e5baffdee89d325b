/**
 * The store contract on LMDB: one environment per shard, one database, written by LMDB's asynchronous writer.
 *
 *   LMDB key     = key                                  up to `PLAIN_KEY_BYTES_MAX` bytes
 *                = first 1,024 bytes ‖ SHA-256 of key   longer ones (LMDB takes 1,978 bytes at most)
 *   LMDB value   = value ‖ CRC-32C of (key, value)      of plain keys
 *                = key ‖ value ‖ key length (4 bytes) ‖ CRC-32C of all before     of long keys
 *
 * M1. `noSync`: a commit is a write into the page cache. A SIGKILL loses nothing of it; a power cut may lose or tear anything, and
 *     LMDB crashes the process on torn pages. So a file beside LMDB's holds the mark `clean`, or the id of the boot in which the store was
 *     opened: after an unclean end in another boot the store is not even opened (`STORE_CORRUPT`: rebuild). The mark is taken away,
 *     durably, before the first write, and set, durably, after everything else was made durable. The head of LMDB's file is
 *     checked before LMDB sees it, for the same reason.
 * M2. Order: a long key sorts behind every plain key that it extends, and long keys that share their first 1,024 bytes are
 *     neighbours, which `range` sorts; so the order of all keys is that of their bytes.
 * M3. Values written in a batch are referenced by LMDB until it resolves: they lie in one buffer per commit that nobody changes.
 * M4. A worker that has an environment open is never terminated (LMDB was seen to hang or abort then): it closes it and ends by itself.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { assert } from '../../base/assert.ts'
import { MillraceError, messageOf } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import { crc32c } from '../../wire/crc32c.ts'
import { POSITION_KEY } from './layout.ts'
import { KEY_BYTES_MAX, RANGE_DELETES_MAX, type CommitResult, type RangeOptions, type StateStore, type StoreChanges, type StoreEntry, type StorePosition, type StoreProvider } from './store.ts'

export const PLAIN_KEY_BYTES_MAX = 1_024
const HASH_BYTES = 32
const CRC_BYTES = 4
const LENGTH_BYTES = 4
/** Address space, not memory or disk: the file grows as it is filled. */
const MAP_BYTES = 64 * 2 ** 30
const DATA_FILE = 'data.mdb'
const MARK_FILE = 'open-mark'
const MARK_BYTES_MAX = 256
const CLEAN = 'clean'
// Behind the header of LMDB's first page.
const META_AT = 24
const LMDB_MAGIC = 0xbeef_c0de

/** Opens LMDB stores. `bootId`: of the machine's current boot (M1). */
export function lmdbStores(disk: Disk, bootId: string): StoreProvider {
  return {
    open: directory => LmdbStore.open(directory, disk, bootId),
    remove: directory => disk.removeTree(directory),
  }
}

export class LmdbStore implements StateStore {
  readonly #database: RootDatabase<Buffer, Buffer>
  readonly #directory: string
  readonly #disk: Disk
  #position: StorePosition | undefined
  #underWay: Promise<unknown> | undefined

  private constructor(database: RootDatabase<Buffer, Buffer>, directory: string, disk: Disk, position: StorePosition | undefined) {
    this.#database = database
    this.#directory = directory
    this.#disk = disk
    this.#position = position
  }

  /** Opens the environment in `directory`, or makes it. Rejects with `STORE_CORRUPT` where it cannot be trusted (M1). */
  static async open(directory: string, disk: Disk, bootId: string): Promise<LmdbStore> {
    disk.makeDirectory(directory)
    checkDataFile(disk, directory)
    const mark = readMark(disk, directory)
    const isNew = !disk.exists(join(directory, DATA_FILE))
    if (!isNew && mark !== CLEAN && mark !== bootId) throw corrupt(directory, 'the machine went down while it was open')
    await writeMark(disk, directory, bootId)
    let database: RootDatabase<Buffer, Buffer>
    try {
      database = open({ path: directory, noSubdir: false, keyEncoding: 'binary', encoding: 'binary', noSync: true, cache: false, mapSize: MAP_BYTES, noMemInit: true })
    } catch (error) {
      throw corrupt(directory, messageOf(error), error)
    }
    try {
      const stored = database.get(POSITION_KEY)
      const position = stored === undefined ? undefined : { ...decodePosition(stored, directory), cleanClose: mark === CLEAN }
      return new LmdbStore(database, directory, disk, position)
    } catch (error) {
      await database.close()
      // A store of another version is left as it was found: whoever wrote it will trust it as before.
      if (mark !== undefined && error instanceof MillraceError && error.code === 'DATA_DIR_VERSION') await writeMark(disk, directory, mark)
      throw error
    }
  }

  get(key: Buffer): Buffer | undefined {
    const plain = key.length <= PLAIN_KEY_BYTES_MAX
    const found: Buffer | undefined = this.#database.getBinaryFast(plain ? key : longKey(key))
    if (found === undefined) return undefined
    // LMDB's buffer is reused and shows its content's size in a property of its own.
    const length = found.length
    if (plain) return this.#plainValue(key, found, length)
    const entry = this.#longEntry(found, length)
    return entry.key.equals(key) ? entry.value : undefined
  }

  *range(from: Buffer, to: Buffer, options: RangeOptions = {}): Iterable<StoreEntry> {
    let left = options.limit ?? Infinity
    for (const entry of this.#scan(from, to)) {
      if (left-- <= 0) return
      yield entry
    }
  }

  async commit(changes: StoreChanges, position: StorePosition): Promise<CommitResult> {
    assert(this.#underWay === undefined, 'lmdb store: a commit is under way')
    let rangesEmpty = true
    const next = { ...position, cleanClose: false }
    try {
      const values = this.#encode(changes)
      const batch = this.#database.batch(() => {
        rangesEmpty = this.#deleteRanges(changes.deleteRanges)
        changes.keys.forEach((key, index) => {
          const value = values[index]
          if (value === undefined) void this.#database.remove(lmdbKey(key))
          else void this.#database.put(lmdbKey(key), value)
        })
        void this.#database.put(POSITION_KEY, encodePosition(next))
      })
      this.#underWay = batch
      await batch
    } catch (error) {
      throw new MillraceError('DISK_FAILED', `The state store in ${this.#directory} cannot be written: ${messageOf(error)}. The changelog has everything; free space or repair the disk, then start again.`, { cause: error })
    } finally {
      this.#underWay = undefined
    }
    // Reads of this turn may still be on an older snapshot.
    this.#database.resetReadTxn()
    this.#position = next
    return { rangesEmpty }
  }

  position(): StorePosition | undefined {
    return this.#position
  }

  entryCount(): number {
    const stats: { entryCount?: unknown } = this.#database.getStats()
    return typeof stats.entryCount === 'number' ? stats.entryCount - (this.#position === undefined ? 0 : 1) : 0
  }

  async close(): Promise<void> {
    // A failed commit has been reported to who began it; the mark is then not set.
    const healthy = await (this.#underWay ?? Promise.resolve()).then(() => true, () => false)
    await this.#database.close()
    if (!healthy) return
    const file = this.#disk.open(join(this.#directory, DATA_FILE), 'write')
    try {
      await file.datasync()
    } finally {
      file.close()
    }
    await writeMark(this.#disk, this.#directory, CLEAN)
  }

  /** Values with their checksums, in one buffer (M3). */
  #encode(changes: StoreChanges): (Buffer | undefined)[] {
    let bytes = 0
    changes.keys.forEach((key, index) => {
      assert(key.length > 0 && key.length <= KEY_BYTES_MAX, `lmdb store: a key of ${key.length} bytes`)
      const value = changes.values[index]
      if (value !== undefined) bytes += storedBytes(key, value)
    })
    const all = Buffer.allocUnsafeSlow(bytes)
    let at = 0
    return changes.keys.map((key, index) => {
      const value = changes.values[index]
      if (value === undefined) return undefined
      const start = at
      if (key.length > PLAIN_KEY_BYTES_MAX) at += key.copy(all, at)
      at += value.copy(all, at)
      if (key.length > PLAIN_KEY_BYTES_MAX) at = all.writeUInt32BE(key.length, at)
      const crc = key.length > PLAIN_KEY_BYTES_MAX ? crc32c(all, start, at) : checksum(key, all, start, at)
      at = all.writeUInt32BE(crc, at)
      return all.subarray(start, at)
    })
  }

  #deleteRanges(ranges: StoreChanges['deleteRanges']): boolean {
    let left = RANGE_DELETES_MAX
    for (const [from, to] of ranges) {
      for (const entry of this.#database.getKeys({ start: cut(from), end: bound(to) })) {
        if (isLong(entry)) {
          // Only the whole key says on which side of a bound it is.
          const found = this.#database.getBinary(entry)
          if (found === undefined || !inRange(this.#longEntry(found, found.length).key, from, to)) continue
        } else if (entry.compare(from) < 0) continue
        if (left-- === 0) return false
        void this.#database.remove(entry)
      }
    }
    return true
  }

  /** Entries of [from, to) in order of whole keys (M2). */
  *#scan(from: Buffer, to: Buffer): Iterable<StoreEntry> {
    let run: StoreEntry[] = []
    let runPrefix: Buffer | undefined
    for (const { key, value } of this.#database.getRange({ start: cut(from), end: bound(to) })) {
      if (key.equals(POSITION_KEY)) continue
      const long = isLong(key)
      const prefix = long ? key.subarray(0, PLAIN_KEY_BYTES_MAX) : undefined
      if (runPrefix !== undefined && (prefix === undefined || !prefix.equals(runPrefix))) {
        yield* run.sort((left, right) => left.key.compare(right.key))
        run = []
      }
      runPrefix = prefix
      if (!long) {
        // A bound that is cut includes the plain key it is cut to.
        if (key.compare(from) >= 0) yield { key, value: this.#plainValue(key, value, value.length) }
        continue
      }
      const entry = this.#longEntry(value, value.length)
      if (inRange(entry.key, from, to)) run.push(entry)
    }
    yield* run.sort((left, right) => left.key.compare(right.key))
  }

  #plainValue(key: Buffer, stored: Buffer, length: number): Buffer {
    const end = length - CRC_BYTES
    if (end < 0 || stored.readUInt32BE(end) !== checksum(key, stored, 0, end)) throw corrupt(this.#directory, 'a value does not match its checksum')
    return stored.subarray(0, end)
  }

  #longEntry(stored: Buffer, length: number): StoreEntry {
    const end = length - CRC_BYTES
    const keyLength = end < LENGTH_BYTES ? -1 : stored.readUInt32BE(end - LENGTH_BYTES)
    if (keyLength < 0 || keyLength > end - LENGTH_BYTES || stored.readUInt32BE(end) !== crc32c(stored, 0, end)) throw corrupt(this.#directory, 'the value of a long key does not match its checksum')
    return { key: stored.subarray(0, keyLength), value: stored.subarray(keyLength, end - LENGTH_BYTES) }
  }
}

function corrupt(directory: string, what: string, cause?: unknown): MillraceError {
  return new MillraceError('STORE_CORRUPT', `The state store in ${directory} cannot be trusted: ${what}. It has to be rebuilt from the changelog.`, { cause, detail: { directory } })
}

/** What the mark says: `clean`, a boot id, or `undefined` without one. */
function readMark(disk: Disk, directory: string): string | undefined {
  const path = join(directory, MARK_FILE)
  if (!disk.exists(path)) return undefined
  const bytes = readStart(disk, path, MARK_BYTES_MAX)
  return bytes.toString().trim()
}

async function writeMark(disk: Disk, directory: string, mark: string): Promise<void> {
  const file = disk.open(join(directory, MARK_FILE), 'create')
  try {
    const bytes = Buffer.from(`${mark}\n`)
    file.write(bytes, 0)
    file.truncate(bytes.length)
    await file.datasync()
  } finally {
    file.close()
  }
  await disk.syncDirectory(directory)
}

/** Refuses a file that LMDB would crash on (M1). Its length says nothing: LMDB may leave free pages at the end unwritten. */
function checkDataFile(disk: Disk, directory: string): void {
  const path = join(directory, DATA_FILE)
  if (!disk.exists(path) || disk.size(path) === 0) return
  const head = readStart(disk, path, META_AT + 4)
  if (head.length < META_AT + 4 || head.readUInt32LE(META_AT) !== LMDB_MAGIC) throw corrupt(directory, `${DATA_FILE} is not a file of LMDB's`)
}

function readStart(disk: Disk, path: string, bytes: number): Buffer {
  const file = disk.open(path, 'read')
  try {
    const target = Buffer.alloc(bytes)
    return target.subarray(0, file.read(target, 0, bytes, 0))
  } finally {
    file.close()
  }
}

function lmdbKey(key: Buffer): Buffer {
  return key.length <= PLAIN_KEY_BYTES_MAX ? key : longKey(key)
}

function longKey(key: Buffer): Buffer {
  return Buffer.concat([key.subarray(0, PLAIN_KEY_BYTES_MAX), createHash('sha256').update(key).digest()])
}

function isLong(lmdbKey: Buffer): boolean {
  return lmdbKey.length === PLAIN_KEY_BYTES_MAX + HASH_BYTES
}

/** Lower bound in LMDB's keys: nothing that belongs to the range sorts before it. */
function cut(from: Buffer): Buffer {
  return from.length <= PLAIN_KEY_BYTES_MAX ? from : from.subarray(0, PLAIN_KEY_BYTES_MAX)
}

/** Upper bound in LMDB's keys: nothing that belongs to the range sorts at or behind it. */
function bound(to: Buffer): Buffer {
  return to.length <= PLAIN_KEY_BYTES_MAX ? to : Buffer.concat([to.subarray(0, PLAIN_KEY_BYTES_MAX), Buffer.alloc(HASH_BYTES + 1, 0xff)])
}

function inRange(key: Buffer, from: Buffer, to: Buffer): boolean {
  return key.compare(from) >= 0 && key.compare(to) < 0
}

function storedBytes(key: Buffer, value: Buffer): number {
  return value.length + CRC_BYTES + (key.length > PLAIN_KEY_BYTES_MAX ? key.length + LENGTH_BYTES : 0)
}

/** Of key and value: the value's checksum, mixed with the key's, so that a value under a wrong key is found too. */
function checksum(key: Buffer, value: Buffer, start: number, end: number): number {
  return (crc32c(value, start, end) ^ Math.imul(crc32c(key, 0, key.length), 0x9e37_79b1)) >>> 0
}

function encodePosition(position: StorePosition): Buffer {
  const text = Buffer.from(JSON.stringify({ version: 1, ...position }))
  const bytes = Buffer.allocUnsafe(text.length + CRC_BYTES)
  text.copy(bytes)
  bytes.writeUInt32BE(crc32c(text, 0, text.length), text.length)
  return bytes
}

function decodePosition(stored: Buffer, directory: string): StorePosition {
  const end = stored.length - CRC_BYTES
  if (end < 0 || stored.readUInt32BE(end) !== crc32c(stored, 0, end)) {
    throw corrupt(directory, 'its position does not match its checksum')
  }
  const { version, ...position } = JSON.parse(stored.toString('utf8', 0, end))
  if (version !== 1) {
    throw new MillraceError('DATA_DIR_VERSION', `The state store in ${directory} has version ${String(version)}, this build reads 1. Run the version that wrote it, or remove the directory to rebuild it.`)
  }
  // Written by `encodePosition` of this version and checked by its checksum.
  return position as StorePosition
}
