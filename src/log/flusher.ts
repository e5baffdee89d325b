/**
 * Group commit: one round of `fdatasync` over everything dirty, one round in flight, what arrives meanwhile waits for the next.
 *
 * ```
 *  append append append ──▶ round 1: fdatasync of each dirty segment ──▶ done: durable offsets move, waiters resolve
 *               append append ──────────────(wait)─────────────────▶ round 2 …
 * ```
 * G1. A round covers what was written before it began; it never counts what was written while it ran.
 * G2. An fsync error is final: every waiter, every later round and every later append is refused. Pages whose fsync failed
 *     may be marked clean although they never reached the disk, so trying again would acknowledge lost data.
 * G3. Under `sync` a round begins by itself, one turn after the first dirty byte (so that a turn's appends share it);
 *     under `interval` by time or bytes; under `os` only when asked (`flushNow`: roll, checkpoint, close).
 * G4. Under `sync`, what nobody waits for (`lazy`) starts no round: it joins the next one, and has one of its own after `LAZY_MS`.
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import type { Clock, Disk, DiskFile, Timer } from '../env/env.ts'
import type { Durability } from './types.ts'

/** What one target wants synced in a round. */
export interface FlushWork {
  readonly files: readonly DiskFile[]
  readonly directories: readonly string[]
  /** Called when all of it is durable. */
  done(): void
}

export interface FlushTarget {
  /** Takes what is dirty now; `undefined` where nothing is. */
  beginFlush(): FlushWork | undefined
  /** The disk failed: reject waiters, refuse appends. Called once. */
  failFlush(error: MillraceError): void
}

export interface FlusherOptions {
  readonly clock: Clock
  readonly disk: Disk
  readonly durability: Durability
  /** Called once, when the disk has failed. */
  readonly onFailure: (error: MillraceError) => void
  /** Called at the begin of a round that has work; its file is synced with the round (the commit marks). */
  readonly roundFile?: (() => DiskFile | undefined) | undefined
  /** Called after each completed round. */
  readonly onRound?: (() => void) | undefined
}

/** How long a lazy append may stay without a round. */
const LAZY_MS = 50

export class Flusher {
  readonly durability: Durability
  /** Rounds completed, for metrics and tests. */
  rounds = 0
  #failure: MillraceError | undefined
  readonly #options: FlusherOptions
  readonly #targets = new Set<FlushTarget>()
  #dirty = new Set<FlushTarget>()
  #dirtyBytes = 0
  /** Something that is dirty is waited for. */
  #urgent = false
  #round: Promise<void> | undefined
  #scheduled = false
  #timer: Timer | undefined
  #afterRound: (() => void)[] = []

  constructor(options: FlusherOptions) {
    this.#options = options
    this.durability = options.durability
  }

  get failure(): MillraceError | undefined {
    return this.#failure
  }

  add(target: FlushTarget): void {
    this.#targets.add(target)
  }

  remove(target: FlushTarget): void {
    this.#targets.delete(target)
    this.#dirty.delete(target)
  }

  /** `target` has written `bytes`; begins a round when the policy says so (`lazy`: G4). */
  markDirty(target: FlushTarget, bytes: number, options: { readonly lazy?: boolean | undefined } = {}): void {
    this.#dirty.add(target)
    this.#dirtyBytes += bytes
    const { durability } = this
    if (durability.kind === 'sync') {
      if (options.lazy === true) return this.#scheduleWithin(LAZY_MS)
      this.#urgent = true
      this.#schedule()
    } else if (durability.kind === 'interval') {
      if (this.#dirtyBytes >= durability.bytes) this.#schedule()
      else this.#scheduleWithin(durability.ms)
    }
  }

  /** Resolves when everything written before the call is durable; rejects if the disk failed. */
  async flushNow(): Promise<void> {
    while (this.#round !== undefined) await this.#round
    if (this.#failure !== undefined) throw this.#failure
    if (this.#dirty.size > 0) await this.#begin()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Runs `callback` when no round is in flight: files that a round may be syncing are closed so. */
  whenIdle(callback: () => void): void {
    if (this.#round === undefined) callback()
    else this.#afterRound.push(callback)
  }

  /** Takes the disk out of service (G2), also for errors seen outside of a round. */
  fail(cause: unknown): MillraceError {
    if (this.#failure !== undefined) return this.#failure
    const error = new MillraceError('DISK_FAILED', `The data directory's disk failed: ${messageOf(cause)}. Nothing after the last acknowledged record is safe; check the disk, then start again.`, { cause })
    this.#failure = error
    this.#timer?.cancel()
    for (const target of this.#targets) target.failFlush(error)
    this.#options.onFailure(error)
    return error
  }

  #scheduleWithin(delayMs: number): void {
    this.#timer ??= this.#options.clock.setTimer(() => {
      this.#timer = undefined
      this.#urgent = true
      this.#schedule()
    }, delayMs)
  }

  #schedule(): void {
    if (this.#scheduled || this.#round !== undefined || this.#failure !== undefined) return
    this.#scheduled = true
    this.#options.clock.defer(() => {
      this.#scheduled = false
      if (this.#round === undefined && this.#failure === undefined && this.#dirty.size > 0) void this.#begin()
    })
  }

  #begin(): Promise<void> {
    const round = this.#run().finally(() => {
      this.#round = undefined
      const callbacks = this.#afterRound
      this.#afterRound = []
      for (const callback of callbacks) callback()
      if (this.#dirty.size === 0 || this.durability.kind !== 'sync') return
      if (this.#urgent) this.#schedule()
      else this.#scheduleWithin(LAZY_MS)
    })
    this.#round = round
    return round
  }

  async #run(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#urgent = false
    const targets = this.#dirty
    this.#dirty = new Set()
    this.#dirtyBytes = 0
    const works: FlushWork[] = []
    const syncs: Promise<void>[] = []
    try {
      for (const target of targets) {
        const work = target.beginFlush()
        if (work === undefined) continue
        works.push(work)
        for (const file of work.files) syncs.push(file.datasync())
        for (const directory of work.directories) syncs.push(this.#options.disk.syncDirectory(directory))
      }
      const roundFile = works.length > 0 ? this.#options.roundFile?.() : undefined
      if (roundFile !== undefined) syncs.push(roundFile.datasync())
      await Promise.all(syncs)
    } catch (error) {
      await Promise.allSettled(syncs)
      this.fail(error)
      return
    }
    if (this.#failure !== undefined) return
    this.rounds += 1
    for (const work of works) work.done()
    this.#options.onRound?.()
  }
}
