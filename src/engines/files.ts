/** Small text files of jobs and engines. */
import { dirname, join } from 'node:path'
import type { Disk } from '../env/env.ts'
import { readFile, writeFile } from '../env/whole-file.ts'

/** Makes the folder, too. */
export function writeText(disk: Disk, path: string, text: string): void {
  disk.makeDirectory(dirname(path))
  writeFile(disk, path, Buffer.from(text))
}

/** The same for what must survive a crash: beside its place, synced, renamed. */
export async function writeTextDurable(disk: Disk, directory: string, name: string, text: string): Promise<void> {
  disk.makeDirectory(directory)
  const beside = join(directory, `${name}.tmp`)
  const file = disk.open(beside, 'create')
  try {
    file.truncate(0)
    file.write(Buffer.from(text), 0)
    await file.datasync()
  } finally {
    file.close()
  }
  disk.rename(beside, join(directory, name))
  await disk.syncDirectory(directory)
}

export function readText(disk: Disk, path: string): string {
  return readFile(disk, path).toString()
}
