/**
 * Slots: numbered state directories, each held by one process at a time.
 *
 * ```
 * <data directory>/id                         8 hex digits, made once: tells machines apart
 * <data directory>/<app>/<task>/slot-<n>/     a process takes the first free one
 *                               slot-<n>/<shard>/   its stores
 * ```
 *
 * The transactional id of a worker is made of its slot (`transactionalIdOf`), so that a process that is started again
 * takes the slot, and with it the transactional id, of the one that died, and fences it (rule E1).
 *
 * S1. A slot is locked for the life of the process; the kernel lets go of the lock when the process dies.
 * S2. Two data directories never make the same transactional id: the directory's id is part of it.
 */
import { join } from 'node:path'
import { MillraceError } from '../base/errors.ts'
import { unusableDirectory } from '../base/unusable-directory.ts'
import type { DiskLock, Env } from '../env/env.ts'
import { readFile, writeFile } from '../env/whole-file.ts'

export interface Slot {
  /** `<directory id>-<number>`. */
  readonly name: string
  readonly number: number
  readonly directory: string
  release(): void
}

const SLOTS_MAX = 1_000

export interface SlotOptions {
  readonly dataDirectory: string
  readonly app: string
  readonly task: string
}

/** Rejects with `CONFIG_INVALID` where the directory cannot be used, `DATA_DIR_LOCKED` where all its slots are taken. */
export async function takeSlot(env: Env, options: SlotOptions): Promise<Slot> {
  try {
    return await firstFreeSlot(env, options)
  } catch (error) {
    throw unusableDirectory(options.dataDirectory, error)
  }
}

async function firstFreeSlot(env: Env, options: SlotOptions): Promise<Slot> {
  const directoryId = directoryIdOf(env, options.dataDirectory)
  for (let number = 0; number < SLOTS_MAX; number++) {
    const directory = join(options.dataDirectory, options.app, options.task, `slot-${number}`)
    env.disk.makeDirectory(directory)
    const lock: DiskLock | undefined = await env.disk.lock(directory)
    if (lock !== undefined) return { name: `${directoryId}-${number}`, number, directory, release: () => lock.release() }
  }
  throw new MillraceError('DATA_DIR_LOCKED', `All ${SLOTS_MAX} slots of task ${options.app}.${options.task} in ${options.dataDirectory} are taken by running processes. Stop some, or give this process a data directory of its own.`)
}

/** `<app>.<task>.<slot>.<worker>`. */
export function transactionalIdOf(names: { readonly app: string; readonly task: string; readonly slot: string; readonly worker: number }): string {
  return `${names.app}.${names.task}.${names.slot}.${names.worker}`
}

function directoryIdOf(env: Env, dataDirectory: string): string {
  env.disk.makeDirectory(dataDirectory)
  const path = join(dataDirectory, 'id')
  if (env.disk.exists(path)) {
    const known = readText(env, path)
    if (/^[0-9a-f]{8}$/.test(known)) return known
    // A torn write of a process that died while making it: nothing can depend on it yet.
  }
  writeFile(env.disk, path, Buffer.from(env.random.bytes(4).toString('hex'), 'latin1'))
  return readText(env, path)
}

function readText(env: Env, path: string): string {
  return readFile(env.disk, path).toString('latin1')
}
