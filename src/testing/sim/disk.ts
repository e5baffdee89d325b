/**
 * A disk in memory that forgets what was not synced.
 *
 * ```
 *   write ──▶ current bytes (page cache: what reads see)
 *                │ datasync, completed
 *                ▼
 *             durable bytes (what a power cut leaves, plus a random part of what was pending)
 * ```
 * D1. `powerCut()`: every pending 512-byte sector of a file is independently kept, dropped or torn; of each directory a
 *     random prefix of the pending creations, renames and deletions is kept; synced bytes and entries always survive.
 * D2. `kill` of a process loses nothing that was written (the page cache stays); its handles and locks are gone.
 * D3. A datasync makes durable what was written before it was called, and only once it has completed.
 * D4. Faults are asked of `fault(operation)` before each operation; a handle of a dead process fails for ever.
 */
import type { Disk, DiskFile, DiskLock, FileMode } from '../../env/env.ts'
import type { Owner, VirtualTime } from './clock.ts'
import type { SeededRandom } from './random.ts'

export type DiskOperationKind = 'open' | 'read' | 'write' | 'truncate' | 'datasync' | 'syncDirectory' | 'rename' | 'unlink'

export interface DiskOperation {
  readonly kind: DiskOperationKind
  readonly path: string
  /** Bytes to write, else 0. */
  readonly length: number
  /** How many operations of any kind came before. */
  readonly index: number
}

/** What an injected fault does: fail with an errno, or kill the process before (`die`) or half-way through (`dieTorn`) the operation. */
export type DiskFault = 'EIO' | 'ENOSPC' | 'die' | 'dieTorn' | undefined

/** Thrown into a process that the simulation has killed; nothing of ours may catch it to go on. */
export class ProcessKilled extends Error {
  override readonly name = 'ProcessKilled'
}

const SECTOR_BYTES = 512

type Pending = { readonly kind: 'write'; readonly position: number; readonly data: Buffer } | { readonly kind: 'truncate'; readonly size: number }

/** Bytes that grow: capacity doubles, what lies between size and a later write is zero. */
class Bytes {
  buffer = Buffer.alloc(0)
  size = 0

  write(data: Buffer, position: number): void {
    const end = position + data.length
    if (end > this.buffer.length) this.#reserve(Math.max(end, this.buffer.length * 2, 1024))
    data.copy(this.buffer, position)
    if (end > this.size) this.size = end
  }

  resize(size: number): void {
    if (size > this.buffer.length) this.#reserve(size)
    if (size < this.size) this.buffer.fill(0, size, this.size)
    this.size = size
  }

  copy(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.size))
  }

  set(bytes: Buffer): void {
    this.buffer = Buffer.from(bytes)
    this.size = bytes.length
  }

  #reserve(capacity: number): void {
    const grown = Buffer.alloc(capacity)
    this.buffer.copy(grown, 0, 0, this.size)
    this.buffer = grown
  }
}

class Inode {
  readonly current = new Bytes()
  readonly durable = new Bytes()
  pending: Pending[] = []
}

type Entry = Inode | 'directory'
type DirectoryChange = { readonly kind: 'set'; readonly name: string; readonly entry: Entry } | { readonly kind: 'remove'; readonly name: string }

interface Directory {
  readonly current: Map<string, Entry>
  durable: Map<string, Entry>
  /** One change is atomic: a rename is a removal and a set in one group. */
  pending: DirectoryChange[][]
}

export interface SimDiskOptions {
  /** How long a datasync takes, in virtual ms. */
  readonly syncMs?: (() => number) | undefined
  /** Bytes that fit, files and pending together; ENOSPC beyond. */
  readonly capacityBytes?: number | undefined
}

export class SimDisk {
  /** Asked before each operation; set by tests. */
  fault: ((operation: DiskOperation) => DiskFault) | undefined
  capacityBytes: number
  operations = 0
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  readonly #syncMs: () => number
  readonly #directories = new Map<string, Directory>([['/', { current: new Map(), durable: new Map(), pending: [] }]])
  readonly #locks = new Map<string, Owner>()

  constructor(time: VirtualTime, random: SeededRandom, options: SimDiskOptions = {}) {
    this.#time = time
    this.#random = random
    this.#syncMs = options.syncMs ?? (() => 0.2 + random.next())
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER
  }

  /** The disk as `owner` sees it; every call of a dead owner throws `ProcessKilled`. */
  viewFor(owner: Owner, onDeath: () => void): Disk {
    const guard = (kind: DiskOperationKind, path: string, length = 0): 'dieTorn' | undefined => {
      if (!owner.alive) throw new ProcessKilled(`${kind} ${path}`)
      const fault = this.fault?.({ kind, path, length, index: this.operations })
      this.operations += 1
      // Only a write can be torn; anything else happens whole or not at all.
      if (fault === 'die' || (fault === 'dieTorn' && kind !== 'write')) {
        onDeath()
        throw new ProcessKilled(`${kind} ${path}`)
      }
      if (fault === 'EIO' || fault === 'ENOSPC') throw errno(fault, kind, path)
      return fault
    }
    return {
      open: (path, mode) => {
        guard('open', path)
        return this.#open(path, mode, owner, guard, onDeath)
      },
      exists: path => this.#find(path) !== undefined,
      size: path => this.#inode(path, 'stat').current.size,
      permissions: path => (this.#inode(path, 'stat'), 0o600),
      makeDirectory: path => this.#makeDirectory(path),
      list: path => [...this.#directory(path, 'scandir').current.keys()].sort(),
      rename: (from, to) => {
        guard('rename', from)
        this.#rename(from, to)
      },
      unlink: path => {
        guard('unlink', path)
        this.#inode(path, 'unlink')
        this.#change(path, [{ kind: 'remove', name: nameOf(path) }])
      },
      removeTree: path => {
        guard('unlink', path)
        this.#removeTree(path)
      },
      syncDirectory: path => this.#syncDirectory(path, owner, guard),
      freeBytes: () => this.capacityBytes === Number.MAX_SAFE_INTEGER ? this.capacityBytes : Math.max(0, this.capacityBytes - this.usedBytes()),
      lock: path => this.#lock(path, owner),
    }
  }

  /** Bytes of all files, as reads see them. */
  usedBytes(): number {
    let bytes = 0
    for (const inode of this.#inodes()) bytes += inode.current.size
    return bytes
  }

  /** Loses what a power cut loses (D1). Every process that used this disk must be dead by then. */
  powerCut(): void {
    for (const directory of this.#directories.values()) {
      const kept = this.#random.below(directory.pending.length + 1)
      for (const changes of directory.pending.slice(0, kept)) applyChanges(directory.durable, changes)
      directory.pending = []
      directory.current.clear()
      for (const [name, entry] of directory.durable) directory.current.set(name, entry)
    }
    this.#forgetUnlinkedDirectories('/')
    for (const inode of this.#inodes()) this.#loseUnsynced(inode)
    this.#locks.clear()
  }

  /** Releases what a killed process held (D2). */
  release(owner: Owner): void {
    for (const [path, holder] of this.#locks) if (holder === owner) this.#locks.delete(path)
  }

  /** Changes bytes of a file behind everybody's back, durably: bit rot, or a test's own damage. */
  damage(path: string, change: (bytes: Buffer) => Buffer | void): void {
    const inode = this.#inode(path, 'damage')
    const bytes = inode.current.copy()
    const changed = change(bytes) ?? bytes
    inode.current.set(changed)
    inode.durable.set(changed)
    inode.pending = []
  }

  /** The bytes of a file as reads see them. */
  contents(path: string): Buffer {
    return this.#inode(path, 'open').current.copy()
  }

  /** Every file and its bytes, for comparing two disks. */
  files(): Map<string, Buffer> {
    const files = new Map<string, Buffer>()
    for (const [path, directory] of this.#directories) {
      for (const [name, entry] of directory.current) if (entry !== 'directory') files.set(join(path, name), entry.current.copy())
    }
    return new Map([...files].sort(([a], [b]) => a < b ? -1 : 1))
  }

  #open(path: string, mode: FileMode, owner: Owner, guard: (kind: DiskOperationKind, path: string, length?: number) => 'dieTorn' | undefined, onDeath: () => void): DiskFile {
    let inode: Inode
    const found = this.#find(path)
    if (found === 'directory') throw errno('EISDIR', 'open', path)
    if (found !== undefined && mode === 'new') throw errno('EEXIST', 'open', path)
    if (found !== undefined) inode = found
    else if (mode === 'create' || mode === 'new') {
      inode = new Inode()
      this.#change(path, [{ kind: 'set', name: nameOf(path), entry: inode }])
    } else throw errno('ENOENT', 'open', path)
    return {
      path,
      size: () => inode.current.size,
      read: (target, offset, length, position) => {
        guard('read', path)
        const end = Math.min(inode.current.size, position + length)
        return end <= position ? 0 : inode.current.buffer.copy(target, offset, position, end)
      },
      write: (data, position) => {
        const torn = guard('write', path, data.length)
        const grows = Math.max(0, position + data.length - inode.current.size)
        const room = this.capacityBytes === Number.MAX_SAFE_INTEGER ? grows : this.capacityBytes - this.usedBytes()
        if (grows > room) {
          // As a real file system: what fits is written, then the error comes.
          this.#write(inode, data.subarray(0, Math.max(0, data.length - (grows - Math.max(0, room)))), position)
          throw errno('ENOSPC', 'write', path)
        }
        this.#write(inode, torn === undefined ? data : data.subarray(0, this.#random.below(data.length + 1)), position)
        if (torn === 'dieTorn') {
          onDeath()
          throw new ProcessKilled(`write ${path}`)
        }
      },
      truncate: size => {
        guard('truncate', path)
        inode.current.resize(size)
        inode.pending.push({ kind: 'truncate', size })
      },
      datasync: () => this.#datasync(inode, path, owner, guard),
      close: () => {},
    }
  }

  #write(inode: Inode, data: Buffer, position: number): void {
    if (data.length === 0) return
    inode.current.write(data, position)
    inode.pending.push({ kind: 'write', position, data: Buffer.from(data) })
  }

  #datasync(inode: Inode, path: string, owner: Owner, guard: (kind: DiskOperationKind, path: string) => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      try {
        guard('datasync', path)
      } catch (error) {
        reject(error)
        return
      }
      const count = inode.pending.length
      const waiting = inode.pending.slice(0, count)
      this.#time.schedule(owner, 'io', this.#syncMs(), () => {
        // Another datasync may have completed meanwhile: only what is still pending of ours is applied, in order (D3).
        for (const change of waiting) {
          if (inode.pending[0] !== change) continue
          inode.pending.shift()
          applyPending(inode.durable, change)
        }
        resolve()
      })
    })
  }

  #syncDirectory(path: string, owner: Owner, guard: (kind: DiskOperationKind, path: string) => unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      try {
        guard('syncDirectory', path)
      } catch (error) {
        reject(error)
        return
      }
      const directory = this.#directory(path, 'fsync')
      const waiting = directory.pending.slice()
      this.#time.schedule(owner, 'io', this.#syncMs(), () => {
        for (const changes of waiting) {
          if (directory.pending[0] !== changes) continue
          directory.pending.shift()
          applyChanges(directory.durable, changes)
        }
        resolve()
      })
    })
  }

  #rename(from: string, to: string): void {
    const entry = this.#find(from)
    if (entry === undefined) throw errno('ENOENT', 'rename', from)
    if (parentOf(from) !== parentOf(to)) throw errno('EXDEV', 'rename', from)
    this.#change(to, [{ kind: 'remove', name: nameOf(from) }, { kind: 'set', name: nameOf(to), entry }])
    if (entry !== 'directory') return
    for (const path of [...this.#directories.keys()]) {
      const directory = this.#directories.get(path)
      if (directory === undefined || (path !== from && !path.startsWith(`${from}/`))) continue
      // The old path stays known until the rename is durable: a power cut may bring it back.
      this.#directories.set(`${to}${path.slice(from.length)}`, directory)
    }
  }

  #removeTree(path: string): void {
    const entry = this.#find(path)
    if (entry === undefined) return
    if (entry === 'directory') for (const name of [...this.#directory(path, 'rmdir').current.keys()]) this.#removeTree(join(path, name))
    this.#change(path, [{ kind: 'remove', name: nameOf(path) }])
  }

  #makeDirectory(path: string): void {
    if (path === '/' || this.#find(path) === 'directory') return
    this.#makeDirectory(parentOf(path))
    this.#directories.set(path, { current: new Map(), durable: new Map(), pending: [] })
    this.#change(path, [{ kind: 'set', name: nameOf(path), entry: 'directory' }])
  }

  #lock(path: string, owner: Owner): Promise<DiskLock | undefined> {
    const holder = this.#locks.get(path)
    if (holder?.alive === true) return Promise.resolve(undefined)
    this.#locks.set(path, owner)
    return Promise.resolve({ release: () => void this.#locks.delete(path) })
  }

  #change(path: string, changes: DirectoryChange[]): void {
    const directory = this.#directory(parentOf(path), 'open')
    applyChanges(directory.current, changes)
    directory.pending.push(changes)
  }

  #find(path: string): Entry | undefined {
    return path === '/' ? 'directory' : this.#directories.get(parentOf(path))?.current.get(nameOf(path))
  }

  #inode(path: string, call: string): Inode {
    const entry = this.#find(path)
    if (entry === undefined) throw errno('ENOENT', call, path)
    if (entry === 'directory') throw errno('EISDIR', call, path)
    return entry
  }

  #directory(path: string, call: string): Directory {
    const directory = this.#directories.get(path)
    if (directory === undefined || this.#find(path) !== 'directory') throw errno('ENOENT', call, path)
    return directory
  }

  #inodes(): Set<Inode> {
    const inodes = new Set<Inode>()
    for (const directory of this.#directories.values()) for (const entry of directory.current.values()) if (entry !== 'directory') inodes.add(entry)
    return inodes
  }

  #forgetUnlinkedDirectories(path: string): void {
    for (const known of [...this.#directories.keys()]) {
      if (known !== path && this.#find(known) !== 'directory') this.#directories.delete(known)
    }
  }

  #loseUnsynced(inode: Inode): void {
    const bytes = inode.durable
    for (const change of inode.pending) {
      if (change.kind === 'truncate') {
        if (this.#random.chance(0.5)) applyPending(bytes, change)
        continue
      }
      for (let start = 0; start < change.data.length;) {
        const position = change.position + start
        const length = Math.min(change.data.length - start, SECTOR_BYTES - position % SECTOR_BYTES)
        const fate = this.#random.below(3)
        const kept = fate === 0 ? length : fate === 1 ? 0 : this.#random.below(length + 1)
        if (kept > 0) applyPending(bytes, { kind: 'write', position, data: change.data.subarray(start, start + kept) })
        start += length
      }
    }
    inode.pending = []
    inode.current.set(bytes.copy())
  }
}

function applyPending(bytes: Bytes, change: Pending): void {
  if (change.kind === 'truncate') bytes.resize(change.size)
  else bytes.write(change.data, change.position)
}

function applyChanges(entries: Map<string, Entry>, changes: readonly DirectoryChange[]): void {
  for (const change of changes) {
    if (change.kind === 'set') entries.set(change.name, change.entry)
    else entries.delete(change.name)
  }
}

function errno(code: string, call: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated, ${call} '${path}'`), { code, syscall: call, path })
}

function join(path: string, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
