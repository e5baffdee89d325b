/**
 * A broker that leaves nothing on the disk: for tests, and for `broker start --memory`.
 *
 * All of it is the broker that keeps its data, on a disk that is memory (`env/memory-disk.ts`); what it writes is gone when its process ends.
 */
import type { Env } from '../env/env.ts'
import { memoryDisk } from '../env/memory-disk.ts'
import { writeFile, readFile } from '../env/whole-file.ts'
import { Users } from './security/users.ts'

/** Where such a broker says its data is (DescribeLogDirs, `describe()`). */
export const MEMORY_DIRECTORY = '/in-memory'
export const MEMORY_BYTES_DEFAULT = 1024 ** 3

export interface MemoryOptions {
  /** Of all logs together; beyond, producers are told to try again (KAFKA_STORAGE_ERROR) until something is deleted. Default 1 GiB. */
  readonly bytesMax?: number | undefined
  /** A file of users on the true disk: read now, and changed in memory only. */
  readonly users?: string | undefined
}

/** `env` with a disk of its own in memory. Throws `CONFIG_INVALID` for a file of users that is not used. */
export function memoryEnv(env: Env, { bytesMax = MEMORY_BYTES_DEFAULT, users }: MemoryOptions = {}): Env {
  const disk = memoryDisk({ bytesMax })
  if (users !== undefined && env.disk.exists(users)) {
    // Looked at where it is: who may read it is said there.
    Users.open(env, users)
    disk.makeDirectory(users.replace(/[/\\][^/\\]*$/, '') || '/')
    writeFile(disk, users, readFile(env.disk, users))
  }
  return { ...env, disk }
}
