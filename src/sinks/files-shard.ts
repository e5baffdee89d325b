/**
 * One shard's part and journal in the folder of `files` (FI1 to FI5 of files.ts), on any `Disk`.
 *
 * A journal line is `<CRC-32C of the rest, 8 hex digits> <JSON>`: `{ v, ends: [[topic, partition, offset] …], file, bytes, finished? }`. A line that is torn or damaged, and
 * what follows it, was never committed.
 */
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import type { Disk, DiskFile } from '../env/env.ts'
import { readFile } from '../env/whole-file.ts'
import type { TargetPosition } from '../topology/target.ts'
import { crc32c } from '../wire/crc32c.ts'

export interface ShardPlace {
  readonly directory: string
  readonly extension: string
  /** `<app>.<task>.<sink>-<partition>`. */
  readonly name: string
}

interface State {
  readonly ends: readonly TargetPosition[]
  /** Number of the file that the part will be. */
  readonly file: number
  /** Length of the part that is committed. */
  readonly bytes: number
  /** The part of this length is to be file `file − 1`, if it is not yet. */
  readonly finished: number | undefined
}

const EMPTY: State = { ends: [], file: 0, bytes: 0, finished: undefined }
const JOURNAL_BYTES_MAX = 1 << 20
const CLAIMS_MAX = 100
const COPY_BYTES = 1 << 20

export class FilesShard {
  readonly #disk: Disk
  readonly #place: ShardPlace
  #epoch: number
  #part: DiskFile
  #journal: DiskFile
  #journalBytes: number
  #state: State

  private constructor(disk: Disk, place: ShardPlace, opened: Opened) {
    this.#disk = disk
    this.#place = place
    this.#epoch = opened.epoch
    this.#part = opened.part
    this.#journal = opened.journal
    this.#journalBytes = opened.journal.size()
    this.#state = opened.state
  }

  /** Takes the shard away from whoever had it. */
  static async claim(disk: Disk, place: ShardPlace): Promise<FilesShard> {
    return new FilesShard(disk, place, await openNext(disk, place))
  }

  get ends(): readonly TargetPosition[] {
    return this.#state.ends
  }

  /** Committed bytes that no finished file has. */
  get bytes(): number {
    return this.#state.bytes
  }

  /** FI1. Positions of other inputs stay as they are. */
  async append(lines: Buffer, ends: readonly TargetPosition[], middle: () => void): Promise<void> {
    const { bytes, file } = this.#state
    this.#mustOwn()
    if (lines.length > 0) {
      // What an append that failed has left is cut off.
      if (this.#part.size() !== bytes) this.#part.truncate(bytes)
      this.#part.write(lines, bytes)
      await this.#part.datasync()
    }
    middle()
    await this.#record({ ends: merged(this.#state.ends, ends), file, bytes: bytes + lines.length, finished: undefined })
  }

  /** FI2. Nothing where there is nothing to finish. */
  async finish(): Promise<void> {
    const { bytes, file, ends } = this.#state
    if (bytes === 0) return
    this.#mustOwn()
    if (this.#part.size() !== bytes) {
      this.#part.truncate(bytes)
      await this.#part.datasync()
    }
    await this.#record({ ends, file: file + 1, bytes: 0, finished: bytes })
    try {
      this.#disk.rename(partOf(this.#place, this.#epoch), finishedOf(this.#place, file))
    } catch (error) {
      throw isMissing(error) ? this.#fenced() : error
    }
    await this.#disk.syncDirectory(this.#place.directory)
    await this.#renew()
  }

  /** A new epoch, with a part of its own and a short journal. Where somebody else has written meanwhile, the shard is theirs: what this task delivers next would be there twice. */
  async #renew(): Promise<void> {
    this.close()
    const opened = await openNext(this.#disk, this.#place)
    if (encodeLine({ ...opened.state, finished: undefined }).compare(encodeLine({ ...this.#state, finished: undefined })) !== 0) {
      // The old epoch stays this object's: its part is gone, so every later call is refused too.
      opened.part.close()
      opened.journal.close()
      throw this.#fenced()
    }
    this.#epoch = opened.epoch
    this.#part = opened.part
    this.#journal = opened.journal
    this.#journalBytes = opened.journal.size()
    this.#state = opened.state
  }

  close(): void {
    this.#part.close()
    this.#journal.close()
  }

  async #record(state: State): Promise<void> {
    const line = encodeLine(state)
    this.#journal.write(line, this.#journalBytes)
    await this.#journal.datasync()
    this.#journalBytes += line.length
    this.#state = state
    if (this.#journalBytes > JOURNAL_BYTES_MAX && state.finished === undefined) await this.#renew()
  }

  #mustOwn(): void {
    if (!this.#disk.exists(partOf(this.#place, this.#epoch))) throw this.#fenced()
  }

  #fenced(): MillraceError {
    return new MillraceError('FENCED', `${this.#place.name}: another process has taken over this shard's files (epoch ${this.#epoch} is over).`)
  }
}

interface Opened {
  readonly epoch: number
  readonly part: DiskFile
  readonly journal: DiskFile
  readonly state: State
}

async function openNext(disk: Disk, place: ShardPlace): Promise<Opened> {
  disk.makeDirectory(place.directory)
  for (let attempt = 0; attempt < CLAIMS_MAX; attempt++) {
    const opened = await tryClaim(disk, place)
    if (opened !== undefined) return opened
  }
  throw new MillraceError('FENCED', `${place.name}: others claim this shard's files again and again. Is the folder shared by two apps of one name?`, { retriable: true })
}

/** FI3, FI4, FI5; `undefined`: somebody was quicker. */
async function tryClaim(disk: Disk, place: ShardPlace): Promise<Opened | undefined> {
  const epoch = Math.max(0, ...epochsOf(disk, place)) + 1
  let part: DiskFile
  try {
    part = disk.open(partOf(place, epoch), 'new')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined
    throw error
  }
  const others = epochsOf(disk, place).filter(other => other !== epoch)
  // Made late, under a number that was used and cleaned up: somebody with a higher one is at work.
  if (others.some(other => other > epoch)) {
    part.close()
    unlinkIfThere(disk, partOf(place, epoch))
    return undefined
  }
  for (const other of others) renameIfThere(disk, partOf(place, other), takenOf(place, other))
  const before = [...others].sort((a, b) => b - a).flatMap(other => {
    const state = stateIn(disk, place, other)
    return state === undefined ? [] : [{ epoch: other, state }]
  })[0]
  try {
    const state = before === undefined ? EMPTY : await takeOver(disk, place, { part, epoch, before })
    const journal = disk.open(journalOf(place, epoch), 'new')
    journal.write(encodeLine(state), 0)
    await part.datasync()
    await journal.datasync()
    await disk.syncDirectory(place.directory)
    for (const other of others) for (const path of [journalOf(place, other), takenOf(place, other), partOf(place, other)]) unlinkIfThere(disk, path)
    return { epoch, part, journal, state }
  } catch (error) {
    part.close()
    // Whoever took over meanwhile has cleaned up what this was reading.
    if (isMissing(error)) return undefined
    throw error
  }
}

/** What is committed of the epoch before: into the new part, or where its file was being finished, into that file. */
async function takeOver(disk: Disk, place: ShardPlace, { part, epoch, before }: { readonly part: DiskFile; readonly epoch: number; readonly before: { readonly epoch: number; readonly state: State } }): Promise<State> {
  const { state } = before
  const taken = takenOf(place, before.epoch)
  if (state.finished !== undefined) {
    const target = finishedOf(place, state.file - 1)
    if (disk.exists(taken)) {
      const copy = join(place.directory, `_${place.name}.${epoch}.copy`)
      const into = disk.open(copy, 'create')
      into.truncate(0)
      copyBytes(disk, taken, into, state.finished)
      await into.datasync()
      into.close()
      disk.rename(copy, target)
      await disk.syncDirectory(place.directory)
    } else if (!disk.exists(target)) throw lost(place, target)
    return { ...state, finished: undefined }
  }
  if (state.bytes > 0) {
    if (!disk.exists(taken) && disk.exists(journalOf(place, before.epoch))) throw lost(place, taken)
    copyBytes(disk, taken, part, state.bytes)
  }
  return state
}

function lost(place: ShardPlace, path: string): MillraceError {
  return new MillraceError('STORE_CORRUPT', `${place.name}: ${path} is gone, which its journal says holds committed rows. Put it back; or remove the files _${place.name}.* to begin anew from the group's offsets, without those rows.`)
}

function copyBytes(disk: Disk, from: string, into: DiskFile, bytes: number): void {
  const source = disk.open(from, 'read')
  try {
    if (source.size() < bytes) throw new MillraceError('STORE_CORRUPT', `${from} has ${source.size()} bytes, and its journal says that ${bytes} are committed.`)
    const chunk = Buffer.alloc(Math.min(COPY_BYTES, bytes))
    for (let at = 0; at < bytes;) {
      const count = source.read(chunk, 0, Math.min(chunk.length, bytes - at), at)
      assert(count > 0, `${from} ends at ${at}`)
      into.write(Buffer.from(chunk.subarray(0, count)), at)
      at += count
    }
  } finally {
    source.close()
  }
}

// ---------------------------------------------------------------- journal

function encodeLine(state: State): Buffer {
  const json = JSON.stringify({ v: 1, ends: state.ends.map(({ topic, partition, offset }) => [topic, partition, offset]), file: state.file, bytes: state.bytes, ...state.finished === undefined ? {} : { finished: state.finished } })
  const bytes = Buffer.from(json)
  return Buffer.from(`${crc32c(bytes).toString(16).padStart(8, '0')} ${json}\n`)
}

/** State after the last whole line; `undefined` where there is none. */
function stateIn(disk: Disk, place: ShardPlace, epoch: number): State | undefined {
  const path = journalOf(place, epoch)
  if (!disk.exists(path)) return undefined
  const text = readFile(disk, path).toString('utf8')
  let state: State | undefined
  for (const line of text.split('\n').slice(0, -1)) {
    const json = line.slice(9)
    if (line.slice(0, 9) !== `${crc32c(Buffer.from(json)).toString(16).padStart(8, '0')} `) break
    state = decodeState(json, path)
  }
  return state
}

function decodeState(json: string, path: string): State {
  // Its checksum is right, so it is what `encodeLine` of this release or another one wrote.
  const parsed = JSON.parse(json) as { readonly v: number; readonly ends: readonly (readonly [string, number, number])[]; readonly file: number; readonly bytes: number; readonly finished?: number }
  if (parsed.v !== 1) throw new MillraceError('DATA_DIR_VERSION', `${path} is of version ${parsed.v}; this release reads version 1. Use the release that wrote it, or a newer one.`)
  return { ends: parsed.ends.map(([topic, partition, offset]) => ({ topic, partition, offset })), file: parsed.file, bytes: parsed.bytes, finished: parsed.finished }
}

function merged(old: readonly TargetPosition[], next: readonly TargetPosition[]): TargetPosition[] {
  const byInput = new Map(old.map(end => [`${end.topic}/${end.partition}`, end]))
  for (const end of next) {
    const key = `${end.topic}/${end.partition}`
    // While records below a position are run again, the input stands before what the sink holds.
    if (end.offset > (byInput.get(key)?.offset ?? -1)) byInput.set(key, end)
  }
  return [...byInput.values()]
}

// ---------------------------------------------------------------- names

function partOf(place: ShardPlace, epoch: number): string {
  return join(place.directory, `_${place.name}.${epoch}.part`)
}

function takenOf(place: ShardPlace, epoch: number): string {
  return join(place.directory, `_${place.name}.${epoch}.taken`)
}

function journalOf(place: ShardPlace, epoch: number): string {
  return join(place.directory, `_${place.name}.${epoch}.journal`)
}

function finishedOf(place: ShardPlace, file: number): string {
  return join(place.directory, `${place.name}-${String(file).padStart(8, '0')}.${place.extension}`)
}

/** Every epoch that left something. */
function epochsOf(disk: Disk, place: ShardPlace): number[] {
  const epochs = new Set<number>()
  for (const name of disk.list(place.directory)) {
    if (!name.startsWith(`_${place.name}.`)) continue
    const match = /^(\d+)\.(?:part|taken|journal)$/.exec(name.slice(place.name.length + 2))
    if (match !== null) epochs.add(Number(match[1]))
  }
  return [...epochs]
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function renameIfThere(disk: Disk, from: string, to: string): void {
  try {
    disk.rename(from, to)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

function unlinkIfThere(disk: Disk, path: string): void {
  try {
    disk.unlink(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}
