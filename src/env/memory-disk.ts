/**
 * A disk in memory, for what is to leave nothing behind: a broker in a test, or one that is gone with its process.
 *
 * M1. Nothing survives the process, and so nothing waits: `datasync` is done at once. What a power cut takes is simulated elsewhere (`testing/sim`).
 * M2. It holds at most `bytesMax` of files; beyond, a write throws `ENOSPC`, as a full disk does, and goes on once something was deleted.
 * M3. A file takes the memory that it has bytes for: its last block grows by doubling, so that thousands of small files stay small.
 */
import type { Disk, DiskFile, DiskLock, FileMode } from './env.ts'

const BLOCK_BYTES = 256 * 1024
const BLOCK_BYTES_MIN = 256

interface Node {
  size: number
  readonly blocks: Buffer[]
}

export interface MemoryDiskOptions {
  /** Of all files together. Default 1 GiB. */
  readonly bytesMax?: number | undefined
}

export function memoryDisk(options: MemoryDiskOptions = {}): Disk {
  const { bytesMax = 1024 ** 3 } = options
  const files = new Map<string, Node>()
  const directories = new Set<string>(['/'])
  const locked = new Set<string>()
  let used = 0
  /** Books `bytes` more; M2. */
  const take = (bytes: number, path: string): void => {
    if (bytes > 0 && used + bytes > bytesMax) throw failure('ENOSPC', `no space left in memory (${bytesMax} bytes are the limit)`, 'write', path)
    used += bytes
  }
  const nodeOf = (path: string, call: string): Node => files.get(path) ?? raise('ENOENT', 'no such file', call, path)
  const drop = (path: string): void => {
    used -= files.get(path)?.size ?? 0
    files.delete(path)
  }

  return {
    open(path, mode) {
      const known = files.get(path)
      if (mode === 'new' && known !== undefined) raise('EEXIST', 'file exists', 'open', path)
      if (known !== undefined) return new MemoryFile(path, known, mode, take)
      if (mode === 'read' || mode === 'write' || !directories.has(parentOf(path))) raise('ENOENT', 'no such file', 'open', path)
      const node: Node = { size: 0, blocks: [] }
      files.set(path, node)
      return new MemoryFile(path, node, mode, take)
    },
    exists: path => files.has(path) || directories.has(path),
    size: path => nodeOf(path, 'stat').size,
    permissions: path => directories.has(path) ? 0o700 : (nodeOf(path, 'stat'), 0o600),
    makeDirectory(path) {
      for (let at = path; !directories.has(at); at = parentOf(at)) directories.add(at)
    },
    list(path) {
      if (!directories.has(path)) raise('ENOENT', 'no such directory', 'scandir', path)
      return [...files.keys(), ...directories].filter(each => each !== '/' && parentOf(each) === path).map(each => each.slice(each.lastIndexOf('/') + 1)).sort()
    },
    rename(from, to) {
      if (directories.has(from)) return renameTree(files, directories, from, to)
      const node = nodeOf(from, 'rename')
      files.delete(from)
      drop(to)
      files.set(to, node)
    },
    unlink(path) {
      nodeOf(path, 'unlink')
      drop(path)
    },
    removeTree(path) {
      for (const each of [...files.keys()]) if (each === path || each.startsWith(`${path}/`)) drop(each)
      for (const each of [...directories]) if (each === path || each.startsWith(`${path}/`)) directories.delete(each)
    },
    syncDirectory: () => Promise.resolve(),
    freeBytes: () => bytesMax - used,
    lock(path): Promise<DiskLock | undefined> {
      if (locked.has(path)) return Promise.resolve(undefined)
      locked.add(path)
      return Promise.resolve({ release: () => void locked.delete(path) })
    },
  }
}

function renameTree(files: Map<string, Node>, directories: Set<string>, from: string, to: string): void {
  for (const path of [...directories].filter(each => each === from || each.startsWith(`${from}/`))) {
    directories.delete(path)
    directories.add(`${to}${path.slice(from.length)}`)
  }
  for (const [path, node] of [...files].filter(([each]) => each.startsWith(`${from}/`))) {
    files.delete(path)
    files.set(`${to}${path.slice(from.length)}`, node)
  }
}

class MemoryFile implements DiskFile {
  readonly path: string
  readonly #node: Node
  readonly #mode: FileMode
  readonly #take: (bytes: number, path: string) => void

  constructor(path: string, node: Node, mode: FileMode, take: (bytes: number, path: string) => void) {
    this.path = path
    this.#node = node
    this.#mode = mode
    this.#take = take
  }

  size(): number {
    return this.#node.size
  }

  read(target: Buffer, offset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#node.size)
    for (let at = position; at < end;) {
      const start = at - at % BLOCK_BYTES
      const until = Math.min(end, start + BLOCK_BYTES)
      const copied = this.#node.blocks[start / BLOCK_BYTES]?.copy(target, offset + at - position, at - start, until - start) ?? 0
      // Where nothing was ever written there is nothing to copy.
      target.fill(0, offset + at - position + copied, offset + until - position)
      at = until
    }
    return Math.max(0, end - position)
  }

  write(data: Buffer, position: number): void {
    if (this.#mode === 'read') raise('EBADF', 'bad file descriptor', 'write', this.path)
    const end = position + data.length
    if (end > this.#node.size) this.#grow(end)
    for (let at = position; at < end;) {
      const start = at - at % BLOCK_BYTES
      const until = Math.min(end, start + BLOCK_BYTES)
      data.copy(this.#blockFor(start / BLOCK_BYTES, until - start), at - start, at - position, until - position)
      at = until
    }
  }

  truncate(size: number): void {
    const node = this.#node
    if (size > node.size) return this.#grow(size)
    this.#take(size - node.size, this.path)
    node.blocks.length = Math.ceil(size / BLOCK_BYTES)
    // What is cut off reads as zeros, should the file grow again.
    node.blocks.at(-1)?.fill(0, size - (node.blocks.length - 1) * BLOCK_BYTES)
    node.size = size
  }

  datasync(): Promise<void> {
    return Promise.resolve()
  }

  close(): void { /* Nothing is held for one that is open. */ }

  #grow(size: number): void {
    this.#take(size - this.#node.size, this.path)
    this.#node.size = size
  }

  /** The block, with room for `bytes` at least. */
  #blockFor(index: number, bytes: number): Buffer {
    const known = this.#node.blocks[index]
    if (known !== undefined && known.length >= bytes) return known
    let length = known?.length ?? BLOCK_BYTES_MIN
    while (length < bytes) length *= 2
    const block = Buffer.alloc(Math.min(length, BLOCK_BYTES))
    known?.copy(block)
    this.#node.blocks[index] = block
    return block
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function failure(code: string, what: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${what}, ${syscall} '${path}'`), { code, syscall, path })
}

function raise(code: string, what: string, syscall: string, path: string): never {
  throw failure(code, what, syscall, path)
}
