/** Small text files of jobs: configurations that are made anew at each start. */
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
