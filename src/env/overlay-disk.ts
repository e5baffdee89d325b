/**
 * A disk that shows another one and keeps every change to itself, in memory: what a program would do to a directory is seen, and nothing is done.
 *
 * O1. Nothing but locks reaches the disk below: its files are opened for reading only.
 * O2. A file is copied into memory by the 64 KiB block, when it is written to: a cut log of a gigabyte costs no gigabyte.
 * O3. Files are renamed, directories are not: nothing that opens a data directory does that.
 */
import type { Disk, DiskFile, FileMode } from './env.ts'

const BLOCK_BYTES = 64 * 1024

/** The file as it is seen: `size` bytes, of which the blocks that were written are here and the rest below. */
interface Seen {
  /** Where the bytes below are; `undefined` where there were none. */
  readonly below: string | undefined
  /** Bytes of the file below that still count: it may have been cut and have grown again. */
  belowBytes: number
  size: number
  readonly blocks: Map<number, Buffer>
}

export function overlayDisk(below: Disk): Disk {
  /** What differs from below. `gone` hides everything under the path, too. */
  const changed = new Map<string, Seen | 'directory' | 'gone'>()

  const isGone = (path: string): boolean => {
    for (let at = path; at !== '' && at !== '/'; at = at.slice(0, at.lastIndexOf('/'))) {
      const here = changed.get(at)
      if (here === 'gone') return true
      if (here !== undefined) return false
    }
    return false
  }
  const exists = (path: string): boolean => {
    const here = changed.get(path)
    return here === undefined ? !isGone(path) && below.exists(path) : here !== 'gone'
  }
  const seen = (path: string): Seen => {
    const here = changed.get(path)
    if (here !== undefined && typeof here === 'object') return here
    if (!exists(path)) throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: 'ENOENT', syscall: 'open' })
    const size = below.size(path)
    return { below: path, belowBytes: size, size, blocks: new Map() }
  }

  return {
    open(path, mode) {
      const isThere = exists(path)
      if (mode === 'new' && isThere) throw Object.assign(new Error(`EEXIST: file exists, open '${path}'`), { code: 'EEXIST', syscall: 'open' })
      const file: Seen = isThere || mode === 'read' || mode === 'write' ? seen(path) : { below: undefined, belowBytes: 0, size: 0, blocks: new Map() }
      if (mode !== 'read') changed.set(path, file)
      return new OverlayFile(below, path, file, mode)
    },
    exists,
    size: path => seen(path).size,
    permissions: path => below.exists(path) ? below.permissions(path) : 0o600,
    makeDirectory(path) {
      if (!exists(path)) changed.set(path, 'directory')
    },
    list(path) {
      const names = new Set<string>(below.exists(path) && !isGone(path) ? below.list(path) : [])
      const prefix = path.endsWith('/') ? path : `${path}/`
      for (const [other, here] of changed) {
        if (!other.startsWith(prefix) || other.indexOf('/', prefix.length) >= 0) continue
        if (here === 'gone') names.delete(other.slice(prefix.length))
        else names.add(other.slice(prefix.length))
      }
      return [...names].sort()
    },
    rename(from, to) {
      const file = seen(from)
      changed.set(to, file)
      changed.set(from, 'gone')
    },
    unlink(path) {
      seen(path)
      changed.set(path, 'gone')
    },
    removeTree(path) {
      for (const other of changed.keys()) if (other.startsWith(`${path}/`)) changed.delete(other)
      changed.set(path, 'gone')
    },
    syncDirectory: () => Promise.resolve(),
    freeBytes: path => below.freeBytes(path),
    lock: path => below.lock(path),
  }
}

class OverlayFile implements DiskFile {
  readonly path: string
  readonly #below: Disk
  readonly #seen: Seen
  readonly #mode: FileMode
  #open: DiskFile | undefined

  constructor(below: Disk, path: string, seen: Seen, mode: FileMode) {
    this.path = path
    this.#below = below
    this.#seen = seen
    this.#mode = mode
  }

  size(): number {
    return this.#seen.size
  }

  read(target: Buffer, offset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#seen.size)
    let at = position
    while (at < end) {
      const number = Math.floor(at / BLOCK_BYTES)
      const blockEnd = Math.min(end, (number + 1) * BLOCK_BYTES)
      const block = this.#seen.blocks.get(number)
      if (block === undefined) this.#readBelow(target, offset + at - position, blockEnd - at, at)
      else block.copy(target, offset + at - position, at - number * BLOCK_BYTES, blockEnd - number * BLOCK_BYTES)
      at = blockEnd
    }
    return Math.max(0, at - position)
  }

  write(data: Buffer, position: number): void {
    if (this.#mode === 'read') throw Object.assign(new Error(`EBADF: bad file descriptor, write '${this.path}'`), { code: 'EBADF', syscall: 'write' })
    for (let at = position; at < position + data.length;) {
      const number = Math.floor(at / BLOCK_BYTES)
      const blockEnd = Math.min(position + data.length, (number + 1) * BLOCK_BYTES)
      data.copy(this.#block(number), at - number * BLOCK_BYTES, at - position, blockEnd - position)
      at = blockEnd
    }
    this.#seen.size = Math.max(this.#seen.size, position + data.length)
  }

  truncate(size: number): void {
    const seen = this.#seen
    seen.belowBytes = Math.min(seen.belowBytes, size)
    for (const [number, block] of seen.blocks) {
      if (number * BLOCK_BYTES >= size) seen.blocks.delete(number)
      else if ((number + 1) * BLOCK_BYTES > size) block.fill(0, size - number * BLOCK_BYTES)
    }
    seen.size = size
  }

  datasync(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    this.#open?.close()
    this.#open = undefined
  }

  /** The block in memory, with what is below it. */
  #block(number: number): Buffer {
    const known = this.#seen.blocks.get(number)
    if (known !== undefined) return known
    const block = Buffer.alloc(BLOCK_BYTES)
    this.#readBelow(block, 0, BLOCK_BYTES, number * BLOCK_BYTES)
    this.#seen.blocks.set(number, block)
    return block
  }

  /** Zeros where there is nothing below. */
  #readBelow(target: Buffer, offset: number, length: number, position: number): void {
    const { below, belowBytes } = this.#seen
    const there = below === undefined ? 0 : Math.max(0, Math.min(length, belowBytes - position))
    target.fill(0, offset + there, offset + length)
    if (below === undefined || there === 0) return
    this.#open ??= this.#below.open(below, 'read')
    for (let at = 0; at < there;) {
      const count = this.#open.read(target, offset + at, there - at, position + at)
      if (count === 0) throw new Error(`${below} became shorter while it was read`)
      at += count
    }
  }
}
