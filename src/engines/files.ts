/** Whole files of jobs: small texts that are made anew at each start, jars that are handed on. */
import { dirname } from 'node:path'
import type { Disk } from '../env/env.ts'

export function writeText(disk: Disk, path: string, text: string): void {
  disk.makeDirectory(dirname(path))
  const file = disk.open(path, 'create')
  try {
    file.truncate(0)
    file.write(Buffer.from(text), 0)
  } finally {
    file.close()
  }
}

export function readBytes(disk: Disk, path: string): Buffer {
  const file = disk.open(path, 'read')
  try {
    const bytes = Buffer.alloc(file.size())
    let read = 0
    while (read < bytes.length) {
      const count = file.read(bytes, read, bytes.length - read, read)
      if (count === 0) break
      read += count
    }
    return bytes.subarray(0, read)
  } finally {
    file.close()
  }
}

export function readText(disk: Disk, path: string): string {
  return readBytes(disk, path).toString()
}
