/**
 * Installs distributions into an `EngineStore`: fetches what is missing, four files at a time, and marks each when whole.
 *
 * I1. One install at a time in a folder: another waits for the lock, which the system drops with its holder.
 * I2. A distribution is marked only after all its jars and packages are in place (S2); distributions are done in the order
 *     given, so that what is finished stays finished when a later one fails.
 * I3. A jar that another distribution brought is not fetched again.
 * I4. At the first failure, or on abort, what else is under way is stopped, its parts kept, and the first reason thrown.
 */
import { MillraceError } from '../../base/errors.ts'
import type { Clock, Disk, DiskLock } from '../../env/env.ts'
import { download, diskError, type DownloadWorld, type Fetch } from './download.ts'
import { bytesOf, type JarLock, jarFile, jarPath, type Manifest, megabytes, titleOf, type WheelLock } from './manifest.ts'
import type { EngineStore } from './store.ts'

export interface InstallWorld extends DownloadWorld {
  /** Installs exactly these packages into `directory`, which is fresh; rejects with `MillraceError`. */
  readonly installWheels: (wheels: readonly WheelLock[], directory: string, signal: AbortSignal) => Promise<void>
}

export interface InstallPlan {
  readonly manifest: Manifest
  /** Of all that it consists of. */
  readonly bytes: number
  /** Of which is here already, parts of files included. */
  readonly hereBytes: number
  readonly missing: readonly JarLock[]
}

export interface InstallProgress {
  readonly manifest: Manifest
  /** Here now, of `bytes`. */
  readonly doneBytes: number
  readonly bytes: number
  readonly jarsDone: number
  readonly jars: number
}

export interface InstallEvents {
  /** For each distribution, before anything is fetched; jars that two of them share count in both. */
  planned(plan: InstallPlan): void
  progress(progress: InstallProgress): void
  retry(file: string, reason: string): void
  /** Another install holds the folder. */
  waiting(): void
  /** Python packages come now, by pip. */
  wheels(manifest: Manifest): void
  done(result: InstallResult): void
}

export interface InstallResult {
  readonly manifest: Manifest
  /** Fetched by this call. */
  readonly fetchedBytes: number
  readonly elapsedMs: number
}

export interface InstallOptions {
  readonly store: EngineStore
  readonly manifests: readonly Manifest[]
  /** Base URL of a Maven repository, without a slash at its end. */
  readonly repository: string
  readonly world: InstallWorld
  readonly signal: AbortSignal
  readonly events: InstallEvents
}

/** Files fetched at once: enough to hide the latency of small ones, few enough to be a polite guest. */
const PARALLEL_MAX = 4
const LOCK_POLL_MS = 250

/** What Node itself gives, for `InstallWorld`. */
export function realDownloads(env: Pick<DownloadWorld, 'disk' | 'clock' | 'random'>, fetch: Fetch): DownloadWorld {
  return { ...env, fetch, idleMs: 30_000, attemptsMax: 5, retryPauseMs: 500 }
}

/** Counts what there is to do; touches nothing. */
export function planInstall(store: EngineStore, manifest: Manifest, disk: Disk): InstallPlan {
  const missing = store.missingJars(manifest)
  const partBytes = (jar: JarLock): number => {
    const part = `${store.pathOf(jar)}.part`
    return disk.exists(part) ? Math.min(jar.bytes, disk.size(part)) : 0
  }
  const wheelBytes = store.hasWheels(manifest) ? 0 : manifest.wheels.reduce((sum, wheel) => sum + wheel.bytes, 0)
  const bytes = bytesOf(manifest)
  return { manifest, bytes, missing, hereBytes: bytes - wheelBytes - missing.reduce((sum, jar) => sum + jar.bytes - partBytes(jar), 0) }
}

/** Rejects with `DOWNLOAD_FAILED`, `DOWNLOAD_DAMAGED`, `DISK_FULL`, `CONFIG_INVALID`, or the signal's reason. */
export async function installDistributions(options: InstallOptions): Promise<InstallResult[]> {
  const { store, world } = options
  try {
    world.disk.makeDirectory(store.directory)
  } catch (error) {
    throw diskError(error, store.directory)
  }
  const lock = await takeLock(options)
  try {
    // Sizes first, of all of them, before the first byte.
    for (const manifest of options.manifests) options.events.planned(planInstall(store, manifest, world.disk))
    const results: InstallResult[] = []
    for (const manifest of options.manifests) {
      const result = await installOne(manifest, options)
      options.events.done(result)
      results.push(result)
    }
    return results
  } finally {
    lock.release()
  }
}

async function takeLock(options: InstallOptions): Promise<DiskLock> {
  const { disk, clock } = options.world
  for (let told = false; ; told = true) {
    options.signal.throwIfAborted()
    const lock = await disk.lock(options.store.directory).catch((error: unknown) => { throw diskError(error, options.store.directory) })
    if (lock !== undefined) return lock
    if (!told) options.events.waiting()
    await clock.sleep(LOCK_POLL_MS)
  }
}

async function installOne(manifest: Manifest, options: InstallOptions): Promise<InstallResult> {
  const { store, world, events, signal } = options
  const started = world.clock.monotonic()
  const plan = planInstall(store, manifest, world.disk)
  if (store.isInstalled(manifest)) return { manifest, fetchedBytes: 0, elapsedMs: 0 }
  checkRoom(plan, options)
  const fetchedBytes = await fetchJars(plan, options)
  const wheels = store.hasWheels(manifest) ? [] : manifest.wheels
  if (wheels.length > 0) {
    events.wheels(manifest)
    await placeWheels(manifest, options)
  }
  signal.throwIfAborted()
  try {
    await store.mark(manifest, world.clock.now())
  } catch (error) {
    throw diskError(error, store.markPath(manifest))
  }
  return { manifest, fetchedBytes: fetchedBytes + wheels.reduce((sum, wheel) => sum + wheel.bytes, 0), elapsedMs: world.clock.monotonic() - started }
}

/** Better said before half of it is fetched. */
function checkRoom(plan: InstallPlan, options: InstallOptions): void {
  const { directory } = options.store
  const needed = plan.bytes - plan.hereBytes
  const free = options.world.disk.freeBytes(directory)
  if (needed > free) throw new MillraceError('DISK_FULL', `${titleOf(plan.manifest)} needs ${megabytes(needed)} more, and the disk of ${directory} has ${megabytes(free)} free. Make room, or set MILLRACE_ENGINES to a folder on another disk.`)
}

/** The bytes that came over the network. */
async function fetchJars(plan: InstallPlan, options: InstallOptions): Promise<number> {
  const { store, world, events, repository } = options
  const { manifest, bytes } = plan
  // From each part's bytes on: a download counts a part when it takes it up.
  let doneBytes = bytes - plan.missing.reduce((sum, jar) => sum + jar.bytes, 0)
  const partBytes = plan.hereBytes - doneBytes
  let jarsDone = manifest.jars.length - plan.missing.length
  const tell = (): void => events.progress({ manifest, doneBytes, bytes, jarsDone, jars: manifest.jars.length })
  const first = doneBytes
  await inParallel(largestFirst(plan.missing), options, async (jar, signal) => {
    const path = store.pathOf(jar)
    try {
      world.disk.makeDirectory(path.slice(0, -jarFile(jar).length - 1))
    } catch (error) {
      throw diskError(error, path)
    }
    const onBytes = (count: number): void => { doneBytes += count; tell() }
    await download({ name: jarFile(jar), url: `${repository}/${jarPath(jar)}`, path, bytes: jar.bytes, sha256: jar.sha256, signal, onBytes, onRetry: reason => events.retry(jarFile(jar), reason) }, world)
    jarsDone++
    tell()
  })
  return Math.max(0, doneBytes - first - Math.max(0, partBytes))
}

/** The long ones begin at once, the small ones fill the gaps. */
function largestFirst(jars: readonly JarLock[]): JarLock[] {
  return [...jars].sort((a, b) => b.bytes - a.bytes)
}

/** I4. */
async function inParallel(jars: readonly JarLock[], options: InstallOptions, work: (jar: JarLock, signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const signal = AbortSignal.any([options.signal, controller.signal])
  const queue = [...jars]
  let failure: { readonly error: unknown } | undefined
  await Promise.all(Array.from({ length: PARALLEL_MAX }, async () => {
    for (let jar = queue.shift(); jar !== undefined && !signal.aborted; jar = queue.shift()) {
      try {
        await work(jar, signal)
      } catch (error) {
        failure ??= { error }
        controller.abort()
      }
    }
  }))
  options.signal.throwIfAborted()
  if (failure !== undefined) throw failure.error
}

/** Into a folder that gets its name when it is whole. */
async function placeWheels(manifest: Manifest, options: InstallOptions): Promise<void> {
  const { store, world, signal } = options
  const target = store.pythonPath(manifest)
  const part = `${target}.part`
  world.disk.removeTree(part)
  world.disk.makeDirectory(part)
  try {
    await world.installWheels(manifest.wheels, part, signal)
    world.disk.removeTree(target)
    world.disk.rename(part, target)
  } finally {
    world.disk.removeTree(part)
  }
}

/** Bytes a second over the last few seconds, for a progress line. */
export class Rate {
  readonly #clock: Clock
  #seen: { readonly at: number, readonly bytes: number }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** 0 until two readings are half a second apart. */
  read(bytes: number): number {
    const at = this.#clock.monotonic()
    this.#seen.push({ at, bytes })
    this.#seen = this.#seen.filter(each => at - each.at < 5000)
    const first = this.#seen[0]
    return first === undefined || at - first.at < 500 ? 0 : Math.max(0, (bytes - first.bytes) / (at - first.at) * 1000)
  }
}
