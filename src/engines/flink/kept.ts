/**
 * What a `flink()` task keeps of its job in `job.json`, and where the next job goes on from.
 *
 * K1. Written beside its place, synced, renamed: over a crash it says what it said before, or what it says now.
 * K2. A savepoint of a clean stop goes before any checkpoint. A checkpoint whose metadata is complete may have its transactions committed, and an older one must not be
 *     used: so the newest is looked for among the files, where they can be read from here, and asked of the cluster as long as it knows the job.
 * K3. Of a cluster that has forgotten the job, and whose files cannot be read from here, only what was heard last is known: `isSure` is false.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Disk } from '../../env/env.ts'
import { readText, writeTextDurable } from '../files.ts'

export interface Kept {
  readonly jobId: string
  /** What it was started from: a checkpoint or savepoint of a job before it. */
  readonly from: string | null
  /** Set by a clean stop. */
  readonly savepoint: string | null
  /** The last one that its cluster told of; of a cluster on this machine the files tell. */
  readonly checkpoint?: string | null | undefined
}

export interface ResumePoint {
  /** `undefined`: from the beginning. */
  readonly path: string | undefined
  readonly isSure: boolean
}

export class KeptJob {
  readonly #disk: Disk
  readonly #directory: string

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  read(): Kept | undefined {
    const path = join(this.#directory, 'job.json')
    return this.#disk.exists(path) ? JSON.parse(readText(this.#disk, path)) as Kept : undefined // Written by this class only.
  }

  async write(kept: Kept): Promise<void> {
    await writeTextDurable(this.#disk, this.#directory, 'job.json', JSON.stringify(kept))
  }

  /** Of a job on a cluster of this machine. */
  localResumePoint(): ResumePoint {
    const kept = this.read()
    return { path: kept === undefined ? undefined : kept.savepoint ?? newestIn(this.#disk, join(this.#directory, 'checkpoints', kept.jobId)) ?? kept.from ?? undefined, isSure: true }
  }

  /** Of a job on somebody else's cluster; `told`: its last checkpoint by the cluster's own word, `undefined` where that has forgotten the job. */
  remoteResumePoint(told: string | null | undefined): ResumePoint {
    const kept = this.read()
    if (kept === undefined) return { path: undefined, isSure: true }
    if (kept.savepoint !== null) return { path: kept.savepoint, isSure: true }
    if (told !== undefined) return { path: told ?? kept.from ?? undefined, isSure: true }
    const heard = kept.checkpoint ?? undefined
    const folder = heard === undefined ? undefined : folderHere(this.#disk, heard)
    const newest = folder === undefined ? undefined : newestIn(this.#disk, folder)
    return newest === undefined ? { path: heard ?? kept.from ?? undefined, isSure: false } : { path: newest, isSure: true }
  }
}

/** `file:///…/chk-7` of the newest complete checkpoint in `folder`. */
function newestIn(disk: Disk, folder: string): string | undefined {
  const numbers = disk.exists(folder)
    ? disk.list(folder).flatMap(name => /^chk-(\d+)$/.exec(name)?.[1] ?? []).map(Number).filter(number => disk.exists(join(folder, `chk-${number}`, '_metadata')))
    : []
  return numbers.length === 0 ? undefined : `file://${join(folder, `chk-${Math.max(...numbers)}`)}`
}

/** Where checkpoints of its job lie, if that can be read from this machine. */
function folderHere(disk: Disk, checkpoint: string): string | undefined {
  const path = checkpoint.startsWith('file:/') ? fileURLToPath(checkpoint) : checkpoint.startsWith('/') ? checkpoint : undefined
  if (path === undefined) return undefined
  return disk.exists(dirname(path)) ? dirname(path) : undefined
}
