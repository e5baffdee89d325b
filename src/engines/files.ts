/** Small text files of jobs and engines. */
import { dirname } from 'node:path'
import type { Disk } from '../env/env.ts'
import { readFile, writeFile } from '../env/whole-file.ts'

/** Makes the folder, too. */
export function writeText(disk: Disk, path: string, text: string): void {
  disk.makeDirectory(dirname(path))
  writeFile(disk, path, Buffer.from(text))
}

export function readText(disk: Disk, path: string): string {
  return readFile(disk, path).toString()
}
