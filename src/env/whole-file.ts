/** Whole files, read and written in one go: for what is small, or is handed on as it is. Nothing here is durable; see `log/files.ts` for what must be. */
import type { Disk } from './env.ts'

/** The file must exist. Not for /proc, whose files say that they are empty. */
export function readFile(disk: Disk, path: string): Buffer {
  const file = disk.open(path, 'read')
  try {
    const bytes = Buffer.alloc(file.size())
    let at = 0
    while (at < bytes.length) {
      const count = file.read(bytes, at, bytes.length - at, at)
      if (count === 0) break
      at += count
    }
    return bytes.subarray(0, at)
  } finally {
    file.close()
  }
}

/** Replaces a file's bytes, in the page cache only. Its folder must exist. */
export function writeFile(disk: Disk, path: string, bytes: Buffer): void {
  const file = disk.open(path, 'create')
  try {
    file.truncate(0)
    if (bytes.length > 0) file.write(bytes, 0)
  } finally {
    file.close()
  }
}
