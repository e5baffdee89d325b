/**
 * Node's file system behind the `Disk` contract.
 *
 * The lock is a listening socket under a hashed name in Linux's abstract name space (a pipe on Windows), with a file that
 * says who holds it: the kernel drops it with the process, so a SIGKILL leaves no stale lock.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { assert } from '../../base/assert.ts'
import type { Disk, DiskFile, DiskLock, FileMode } from '../env.ts'

const OPEN_FLAGS: Record<FileMode, number> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  new: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
}

export const realDisk: Disk = {
  open: (path, mode) => new RealFile(path, fs.openSync(path, OPEN_FLAGS[mode] | (fs.constants.O_NOFOLLOW ?? 0), 0o600)),
  exists: path => fs.existsSync(path),
  size: path => fs.statSync(path).size,
  permissions: path => fs.statSync(path).mode & 0o777,
  makeDirectory,
  list: path => fs.readdirSync(path).sort(),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: path => fs.unlinkSync(path),
  removeTree: path => fs.rmSync(path, { recursive: true, force: true }),
  async syncDirectory(path) {
    // Windows has no way to open a directory for syncing; its file systems journal the entry.
    if (process.platform === 'win32') return
    const handle = await fs.promises.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  freeBytes(path) {
    const { bavail, bsize } = fs.statfsSync(path)
    return bavail * bsize
  },
  lock: path => lockByName(path),
}

/** One level after the other: Node's own `recursive` never returns where the parent is there and yet says ENOENT (/proc). */
function makeDirectory(path: string): void {
  if (fs.existsSync(path) && fs.statSync(path).isDirectory()) return
  const parent = dirname(path)
  if (parent !== path) makeDirectory(parent)
  try {
    fs.mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!(fs.existsSync(path) && fs.statSync(path).isDirectory())) throw error
  }
}

class RealFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  size(): number {
    return fs.fstatSync(this.#descriptor).size
  }

  read(target: Buffer, offset: number, length: number, position: number): number {
    return fs.readSync(this.#descriptor, target, offset, length, position)
  }

  write(data: Buffer, position: number): void {
    let written = 0
    while (written < data.length) {
      const count = fs.writeSync(this.#descriptor, data, written, data.length - written, position + written)
      assert(count > 0, `${this.path}: the system took no byte and gave no error`)
      written += count
    }
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#descriptor, size)
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => fs.fdatasync(this.#descriptor, error => error === null ? resolve() : reject(error)))
  }

  close(): void {
    fs.closeSync(this.#descriptor)
  }
}

/** Of a socket's address on Linux. Node 20 fills an abstract name up with NULs, later ones take it as it is, and the kernel holds the two for different names: it is filled here. */
const ABSTRACT_NAME_BYTES = 108

async function lockByName(path: string): Promise<DiskLock | undefined> {
  const name = `millrace-${createHash('sha256').update(fs.realpathSync.native(path)).digest('hex').slice(0, 32)}`
  const address = process.platform === 'linux' ? `\0${name}`.padEnd(ABSTRACT_NAME_BYTES, '\0') : process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
  const server = createServer(socket => socket.destroy())
  const held = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => error.code === 'EADDRINUSE' ? resolve(false) : reject(error))
    server.listen(address, () => resolve(true))
  })
  if (!held) return undefined
  server.unref()
  const owner = join(path, 'lock')
  fs.writeFileSync(owner, JSON.stringify({ pid: process.pid, since: new Date().toISOString() }), { mode: 0o600 })
  return { release: () => void server.close() }
}
