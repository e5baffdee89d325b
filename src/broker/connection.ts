/**
 * One client's connection: bytes to frames, frames to answers, answers back in the order of the requests.
 *
 *   reading ──socket closed, bad frame, cut──▶ closed
 *
 * N1. On the word of a size field at most `TRUSTED_BYTES` are allocated (and not touched before bytes arrive), beyond it twice of what has arrived.
 * N2. A size ≤ 0 or over `frameBytesMax` closes the connection (also "GET " and a TLS hello read as a size).
 *     Together all connections hold at most `BUFFERED_BYTES_MAX` of unfinished requests: who goes beyond with a large one is closed.
 * N3. Answers leave in the order of the requests, however long each takes.
 * N4. At most `REQUESTS_MAX` requests are under way and `QUEUED_BYTES_MAX` bytes of answers queued: beyond, the socket is not read.
 * N5. A connection that sends no whole request or has not logged in within `HANDSHAKE_MS`, leaves one half sent for `PARTIAL_FRAME_MS`, or is idle
 *     for `IDLE_MS` is closed.
 * N6. Before it has logged in, its requests are at most `UNAUTHENTICATED_BYTES_MAX` long and one at a time.
 */
import type { Clock, Socket, Timer } from '../env/env.ts'
import { FrameAssembler } from '../wire/frame-assembler.ts'
import type { FrameMemory } from '../wire/frame-assembler.ts'
import type { Session } from './security/session.ts'

const TRUSTED_BYTES = 1024 * 1024
const REQUESTS_MAX = 100
const QUEUED_BYTES_MAX = 32 * 1024 * 1024
const BUFFERED_BYTES_MAX = 256 * 1024 * 1024
/** Beyond the common limit smaller requests than this still get through. */
const BUFFERED_BYTES_ALWAYS = 4 * 1024 * 1024
const HANDSHAKE_MS = 10_000
/** Kafka's `sasl.server.max.receive.size`. */
const UNAUTHENTICATED_BYTES_MAX = 524_288
const PARTIAL_FRAME_MS = 30_000
const IDLE_MS = 10 * 60_000

/** What became of a frame: the chunks of its answer, `none` (no answer), `close`, or the last answer that is given. */
export type FrameOutcome = readonly Buffer[] | 'none' | 'close' | LastAnswer

export interface LastAnswer {
  readonly last: readonly Buffer[]
  /** Why the connection ends behind it. */
  readonly why: string
}

export interface ConnectionHost {
  readonly clock: Clock
  readonly session: Session
  readonly frameBytesMax: number
  /** Where frames lie; memory of their own where it is not said. */
  readonly frameMemory?: FrameMemory | undefined
  /** What all connections together have received and not begun to handle. */
  readonly buffered: { bytes: number }
  /** Starts the request at once; the outcome may come later, or at once. */
  onFrame(frame: Buffer, connection: Connection): Promise<FrameOutcome> | FrameOutcome
  /** The system has copied these chunks of answers. */
  onSent(chunks: readonly Buffer[]): void
  onClose(connection: Connection, why: string): void
}

interface Slot {
  outcome: FrameOutcome | undefined
}

export class Connection {
  readonly id: number
  readonly socket: Socket
  readonly #host: ConnectionHost
  readonly #frames: FrameAssembler
  #bytes = 0
  #slots: Slot[] = []
  #closed = false
  #paused = false
  #reading = false
  #closeCallbacks = new Set<() => void>()
  #timer: Timer | undefined = undefined
  #lastFrameAt: number
  #framesRead = 0

  constructor(id: number, socket: Socket, host: ConnectionHost) {
    this.id = id
    this.socket = socket
    this.#host = host
    this.#frames = new FrameAssembler(size => this.#accepts(size), TRUSTED_BYTES, host.frameMemory)
    this.#lastFrameAt = host.clock.monotonic()
    socket.setHandlers({
      space: () => this.#frames.space(),
      data: chunk => this.#onData(chunk),
      drain: () => this.#resumeWhereBelow(),
      close: error => this.#onClosed(error === undefined ? 'the client closed it' : error.message),
    })
    this.#watch(HANDSHAKE_MS)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Who is at the other end. */
  get session(): Session {
    return this.#host.session
  }

  /** Requests not answered yet. */
  get pending(): number {
    return this.#slots.length
  }

  onClose(callback: () => void): () => void {
    this.#closeCallbacks.add(callback)
    return () => this.#closeCallbacks.delete(callback)
  }

  /** Cuts the connection; what was not answered never will be. */
  close(why: string): void {
    if (this.#closed) return
    this.socket.destroy()
    this.#onClosed(why)
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return
    this.#frames.push(chunk)
    this.#account()
    if (this.#host.buffered.bytes > BUFFERED_BYTES_MAX && this.#bytes > BUFFERED_BYTES_ALWAYS) return this.close('too many bytes of unfinished requests on all connections')
    this.#readFrames()
  }

  #readFrames(): void {
    if (this.#reading) return
    this.#reading = true
    while (!this.#closed && !this.#paused) {
      const frame = this.#frames.next()
      if (frame === undefined) break
      this.#account()
      this.#lastFrameAt = this.#host.clock.monotonic()
      this.#framesRead += 1
      this.#start(frame)
      if (this.#slots.length >= this.#requestsMax) this.#pause()
    }
    this.#frames.keep()
    this.#reading = false
  }

  /** N2. */
  #accepts(size: number): boolean {
    const bytesMax = this.session.isAuthenticated ? this.#host.frameBytesMax : Math.min(this.#host.frameBytesMax, UNAUTHENTICATED_BYTES_MAX)
    if (size > 0 && size <= bytesMax) return true
    this.close(`a frame of ${size} bytes was announced; at most ${bytesMax} are taken${this.session.isAuthenticated ? '' : ' before the log-in'}`)
    return false
  }

  /** What this connection holds of unfinished requests, in the sum of all. */
  #account(): void {
    const { bytes } = this.#frames
    this.#host.buffered.bytes += bytes - this.#bytes
    this.#bytes = bytes
  }

  get #requestsMax(): number {
    return this.session.isAuthenticated ? REQUESTS_MAX : 1
  }

  #start(frame: Buffer): void {
    const slot: Slot = { outcome: undefined }
    this.#slots.push(slot)
    const outcome = this.#host.onFrame(frame, this)
    if (!(outcome instanceof Promise)) {
      slot.outcome = outcome
      this.#sendReady()
      return
    }
    void outcome.then(settled => {
      slot.outcome = settled
      this.#sendReady()
    })
  }

  #sendReady(): void {
    if (this.#closed) return
    const chunks: Buffer[] = []
    for (;;) {
      const outcome = this.#slots[0]?.outcome
      if (outcome === undefined) break
      this.#slots.shift()
      if (outcome === 'none') continue
      if (outcome === 'close') {
        if (chunks.length > 0) this.socket.write(chunks)
        return this.close('closed by its request')
      }
      if ('last' in outcome) {
        this.socket.write([...chunks, ...outcome.last])
        // Not cut: the answer says why, and is to arrive.
        this.socket.end()
        return this.#onClosed(outcome.why)
      }
      for (const chunk of outcome) chunks.push(chunk)
    }
    if (chunks.length > 0) this.socket.write(chunks, () => this.#host.onSent(chunks))
    if (this.socket.bytesQueued > QUEUED_BYTES_MAX) this.#pause()
    else this.#resumeWhereBelow()
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.socket.pause()
  }

  #resumeWhereBelow(): void {
    if (!this.#paused || this.#closed) return
    if (this.#slots.length >= this.#requestsMax || this.socket.bytesQueued > QUEUED_BYTES_MAX) return
    this.#paused = false
    this.socket.resume()
    // Whole frames may be waiting already.
    this.#readFrames()
  }

  #watch(delayMs: number): void {
    this.#timer = this.#host.clock.setTimer(() => {
      const quietMs = this.#host.clock.monotonic() - this.#lastFrameAt
      if (this.#framesRead === 0) return this.close(`no request came within ${HANDSHAKE_MS} ms`)
      if (!this.session.isAuthenticated) return this.close(`it did not log in within ${HANDSHAKE_MS} ms`)
      if (this.#slots.length === 0 && !this.#paused) {
        if (this.#bytes > 0 && quietMs >= PARTIAL_FRAME_MS) return this.close(`a request was left half sent for ${PARTIAL_FRAME_MS} ms`)
        if (quietMs >= IDLE_MS) return this.close(`idle for ${IDLE_MS} ms`)
      }
      this.#watch(PARTIAL_FRAME_MS)
    }, delayMs, { background: true })
  }

  #onClosed(why: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#host.buffered.bytes -= this.#bytes
    this.#bytes = 0
    this.#frames.clear()
    this.#slots = []
    for (const callback of this.#closeCallbacks) callback()
    this.#closeCallbacks.clear()
    this.#host.onClose(this, why)
  }
}
