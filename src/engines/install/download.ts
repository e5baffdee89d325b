/**
 * One file over HTTP: resumable, checked while it streams, never under its final name before it is whole.
 *
 * D1. Bytes go to `<path>.part`; a later call, in this process or another, goes on where it ends (HTTP Range).
 * D2. The file gets its name after its size and SHA-256 were found right and its bytes were forced to disk.
 * D3. Wrong content is not kept. Where it began with bytes of an earlier run, it is fetched once more from its first byte,
 *     since those may be what is wrong.
 * D4. What may pass by itself (a cut, silence for `idleMs`, 408, 425, 429, 5xx) is tried again, with growing pauses:
 *     `attemptsMax` times in a row without a new byte, `ATTEMPTS_TOTAL_MAX` times in all. The rest fails at once.
 * D5. On abort the part stays as it is, and the call rejects with the signal's reason.
 */
import { MillraceError, messageOf } from '../../base/errors.ts'
import type { Clock, Disk, DiskFile, Random } from '../../env/env.ts'
import { type Digest, sha256 } from './digest.ts'

export type Fetch = (url: string, options: { readonly headers: Record<string, string>, readonly signal: AbortSignal }) => Promise<Response>

export interface DownloadWorld {
  readonly fetch: Fetch
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  /** Silence after which a connection is given up. */
  readonly idleMs: number
  /** Tries in a row that brought no byte. */
  readonly attemptsMax: number
  /** First pause between tries; doubled each time up to `RETRY_PAUSE_MS_MAX`. */
  readonly retryPauseMs: number
}

export interface Download {
  /** As people know it: `kafka-clients-4.1.0.jar`. */
  readonly name: string
  readonly url: string
  /** Absolute; its folder exists. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  readonly signal: AbortSignal
  /** Bytes gained, negative where some were thrown away. Bytes of an earlier run count when they are taken up. */
  onBytes(count: number): void
  /** Called before a pause, with why. */
  onRetry(reason: string): void
}

const RETRY_PAUSE_MS_MAX = 10_000
const ATTEMPTS_TOTAL_MAX = 100
const READ_BYTES = 1 << 20

/** What may pass by itself. */
class Passing extends Error {
  readonly pauseMs: number | undefined
  constructor(message: string, pauseMs?: number) {
    super(message)
    this.pauseMs = pauseMs
  }
}

export async function download(order: Download, world: DownloadWorld): Promise<void> {
  const part = new Part(order, world.disk)
  try {
    // Twice at most: D3.
    for (;;) {
      const resumed = part.bytes > 0
      await fillPart(part, order, world)
      if (part.hex() === order.sha256) return await part.finish()
      part.remove()
      if (!resumed) throw damaged(order, `its SHA-256 is not the locked ${order.sha256.slice(0, 16)}…`)
      part.restart()
    }
  } finally {
    part.close()
  }
}

async function fillPart(part: Part, order: Download, world: DownloadWorld): Promise<void> {
  let barren = 0
  for (let attempt = 1; part.bytes < order.bytes; attempt++) {
    const before = part.bytes
    try {
      await fetchInto(part, order, world)
    } catch (error) {
      order.signal.throwIfAborted()
      if (!(error instanceof Passing)) throw error
      barren = part.bytes > before ? 0 : barren + 1
      if (barren >= world.attemptsMax || attempt >= ATTEMPTS_TOTAL_MAX) throw unreachable(order, `${error.message}; gave up after ${attempt} tries`, error)
      order.onRetry(error.message)
      const growing = Math.min(RETRY_PAUSE_MS_MAX, world.retryPauseMs * 2 ** Math.max(0, barren - 1))
      await pause(world.clock, error.pauseMs ?? growing * (0.5 + world.random.next() / 2), order.signal)
    }
  }
}

/** One request. Throws `Passing` where another may do better. */
async function fetchInto(part: Part, order: Download, world: DownloadWorld): Promise<void> {
  order.signal.throwIfAborted()
  const controller = new AbortController()
  const abort = (): void => controller.abort(order.signal.reason)
  order.signal.addEventListener('abort', abort, { once: true })
  let timer = world.clock.setTimer(() => controller.abort(new Passing(`no answer for ${world.idleMs / 1000} s`)), world.idleMs)
  const alive = (): void => {
    timer.cancel()
    timer = world.clock.setTimer(() => controller.abort(new Passing(`no data for ${world.idleMs / 1000} s`)), world.idleMs)
  }
  try {
    const headers = { 'accept-encoding': 'identity', ...(part.bytes > 0 ? { range: `bytes=${part.bytes}-` } : {}) }
    const response = await world.fetch(order.url, { headers, signal: controller.signal })
    alive()
    checkStatus(response, part, order)
    if (response.body === null) throw new Passing('the answer had no body')
    for await (const chunk of response.body) {
      alive()
      part.write(chunk)
    }
    if (part.bytes < order.bytes) throw new Passing(`the connection was cut after ${part.bytes} of ${order.bytes} bytes`)
  } catch (error) {
    if (error instanceof Passing || error instanceof MillraceError) throw error
    if (controller.signal.reason instanceof Passing) throw controller.signal.reason
    order.signal.throwIfAborted()
    throw networkError(error)
  } finally {
    timer.cancel()
    order.signal.removeEventListener('abort', abort)
    // Whatever of the body was not read is not wanted.
    controller.abort()
  }
}

function checkStatus(response: Response, part: Part, order: Download): void {
  const { status } = response
  if (status === 206) {
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? []
    if (total !== undefined && Number(total) !== order.bytes) throw wrongSize(part, order, Number(total))
    if (Number(start) === part.bytes) return
    part.restart()
    throw new Passing('the answer began at another byte than was asked for')
  }
  if (status === 200) {
    // The server gives no ranges: from its first byte again.
    part.restart()
    const length = response.headers.get('content-length')
    if (length !== null && Number(length) !== order.bytes) throw wrongSize(part, order, Number(length))
    return
  }
  if (status === 416) {
    part.restart()
    throw new Passing('the server has no such range')
  }
  const after = Number(response.headers.get('retry-after'))
  if ([408, 425, 429].includes(status) || status >= 500) throw new Passing(`the server answered ${status}`, after > 0 ? Math.min(30, after) * 1000 : undefined)
  throw unreachable(order, status === 404 || status === 410 ? `the repository does not have it (${status})` : `the server answered ${status}`)
}

function wrongSize(part: Part, order: Download, bytes: number): MillraceError {
  part.remove()
  return damaged(order, `it has ${bytes} bytes there, and ${order.bytes} are locked`)
}

/** `fetch failed` says nothing; its cause does. */
function networkError(error: unknown): Error {
  const cause = error instanceof Error ? error.cause : undefined
  const code = [cause, error].map(each => typeof each === 'object' && each !== null && 'code' in each && typeof each.code === 'string' ? each.code : undefined).find(each => each !== undefined)
  const known: Readonly<Record<string, string>> = {
    ENOTFOUND: 'its host name is not found', EAI_AGAIN: 'host names cannot be resolved now', ECONNREFUSED: 'the connection was refused',
    ENETUNREACH: 'the network cannot be reached', EHOSTUNREACH: 'the host cannot be reached', ECONNRESET: 'the connection was cut', UND_ERR_SOCKET: 'the connection was cut',
    ETIMEDOUT: 'the connection timed out', UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  }
  const why = code === undefined ? messageOf(cause ?? error) : known[code] === undefined ? `${messageOf(cause)} (${code})` : `${known[code]} (${code})`
  return new Passing(why)
}

function unreachable(order: Download, why: string, cause?: unknown): MillraceError {
  return new MillraceError('DOWNLOAD_FAILED', `Cannot fetch ${order.name} from ${order.url}: ${why}. What was fetched so far is kept; the same command goes on from there. Another repository: MILLRACE_MAVEN=https://…; behind a proxy, Node takes one with NODE_USE_ENV_PROXY=1 (Node 24).`, { cause, retriable: cause !== undefined, detail: { url: order.url } })
}

function damaged(order: Download, why: string): MillraceError {
  return new MillraceError('DOWNLOAD_DAMAGED', `${order.name} from ${order.url} is not the file that was locked: ${why}. Nothing of it was kept. Run the command again; if it stays so, the repository (or a proxy before it) gives out another file: try MILLRACE_MAVEN=https://repo.maven.apache.org/maven2`, { detail: { url: order.url, sha256: order.sha256 } })
}

async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>(resolve => {
    const end = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.setTimer(end, delayMs)
    signal.addEventListener('abort', end, { once: true })
  })
  signal.throwIfAborted()
}

/** `<path>.part`, open, with the digest of what is in it. */
class Part {
  bytes = 0
  readonly #order: Download
  readonly #disk: Disk
  readonly #path: string
  #file: DiskFile | undefined
  #digest: Digest = sha256()

  /** Takes up what an earlier run left. */
  constructor(order: Download, disk: Disk) {
    this.#order = order
    this.#disk = disk
    this.#path = `${order.path}.part`
    this.#file = this.#guarded(() => disk.open(this.#path, 'create'))
    const length = this.#file.size()
    if (length > order.bytes) this.#file.truncate(0)
    else this.#readBack(this.#file, length)
    order.onBytes(this.bytes)
  }

  write(chunk: Uint8Array): void {
    const { bytes } = this.#order
    if (this.bytes + chunk.length > bytes) {
      this.remove()
      throw damaged(this.#order, `it has more than the locked ${bytes} bytes`)
    }
    const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    this.#guarded(() => this.#file?.write(data, this.bytes))
    this.#digest.update(data)
    this.bytes += chunk.length
    this.#order.onBytes(chunk.length)
  }

  /** Empty again. */
  restart(): void {
    this.#file ??= this.#guarded(() => this.#disk.open(this.#path, 'create'))
    this.#file.truncate(0)
    this.#order.onBytes(-this.bytes)
    this.bytes = 0
    this.#digest = sha256()
  }

  hex(): string {
    return this.#digest.hex()
  }

  /** D2. */
  async finish(): Promise<void> {
    try {
      await this.#file?.datasync()
    } catch (error) {
      throw diskError(error, this.#path)
    }
    this.close()
    this.#guarded(() => this.#disk.rename(this.#path, this.#order.path))
  }

  remove(): void {
    this.close()
    this.#disk.unlink(this.#path)
    this.#order.onBytes(-this.bytes)
    this.bytes = 0
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }

  #readBack(file: DiskFile, length: number): void {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, length)))
    while (this.bytes < length) {
      const count = file.read(buffer, 0, buffer.length, this.bytes)
      if (count === 0) break
      this.#digest.update(buffer.subarray(0, count))
      this.bytes += count
    }
  }

  #guarded<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw diskError(error, this.#path)
    }
  }
}

/** A failed write in words: full, forbidden, or whatever the system says. */
export function diskError(error: unknown, path: string): MillraceError {
  if (error instanceof MillraceError) return error
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') return new MillraceError('DISK_FULL', `No space left while writing ${path}. What was fetched so far is kept: make room, or set MILLRACE_ENGINES to a folder on another disk, and run the command again.`, { cause: error })
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return new MillraceError('CONFIG_INVALID', `Cannot write ${path} (${code}). Set MILLRACE_ENGINES to a folder of your own.`, { cause: error })
  return new MillraceError('DISK_FAILED', `Cannot write ${path}: ${messageOf(error)}`, { cause: error })
}
