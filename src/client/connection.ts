/**
 * One TCP connection that carries Kafka frames: pipelined requests out, answers matched by correlation id.
 *
 * K1. An answer is handed out as one contiguous frame without its size, in memory of its own.
 * K2. A frame longer than `responseBytesMax`, or an answer that nobody asked for, closes the connection.
 * K3. A request without an answer in time closes the connection: what comes after it could not be told apart from a stalled peer.
 * K4. After the close every waiting request is rejected, once, with a retriable error; nothing is resolved any more.
 * K5. At most `inFlightMax` requests are unanswered; later ones wait in order and count against their own deadline.
 * K6. While it is held, only what is urgent goes out (a log-in that is renewed); the rest waits in order.
 */
import { MillraceError } from '../base/errors.ts'
import type { Clock, Env, Socket, Timer, TlsClientOptions } from '../env/env.ts'
import { FrameAssembler } from '../wire/frame-assembler.ts'

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly connectTimeoutMs: number
  readonly responseBytesMax: number
  readonly inFlightMax: number
  /** Without it the bytes go in plain text. */
  readonly tls?: TlsClientOptions | undefined
}

interface Pending {
  readonly correlationId: number
  readonly chunks: readonly Buffer[]
  /** On the monotonic clock. */
  readonly deadline: number
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
}

const CORRELATION_ID_BYTES = 4
/** The first two bytes of a TLS alert: its type, and the version's first half. */
const TLS_ALERT = 0x1503
const CORRELATION_ID_MAX = 0x7fff_ffff

export class Connection {
  readonly address: string
  /** What a peer that closes now may have against us; goes into the error. */
  closeHint = ''
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #options: ConnectionOptions
  readonly #inFlight = new Map<number, Pending>()
  #waiting: Pending[] = []
  /** Posts that wait for the socket to drain. */
  readonly #writers: { readonly resolve: () => void, readonly reject: (error: Error) => void }[] = []
  #held = false
  #heldPosts: (() => void)[] = []
  #correlationId = 0
  #timer: Timer | undefined
  #timerAt = Infinity
  #closed: Error | undefined
  #onClose: (error: Error) => void = () => {}
  readonly #frames: FrameAssembler

  private constructor(socket: Socket, clock: Clock, options: ConnectionOptions) {
    this.address = `${options.host}:${options.port}`
    this.#socket = socket
    this.#clock = clock
    this.#options = options
    this.#frames = new FrameAssembler(size => this.#accepts(size), options.responseBytesMax)
    socket.setHandlers({
      space: () => this.#frames.space(),
      data: chunk => this.#receive(chunk),
      drain: () => { for (const writer of this.#writers.splice(0)) writer.resolve() },
      close: error => error instanceof MillraceError ? this.#fail(error) : this.#closeWith(`${error?.message ?? 'the broker closed it'}${this.closeHint}`, error),
    })
  }

  /** Rejects with `CONNECTION_FAILED`. */
  static async open(env: Env, options: ConnectionOptions): Promise<Connection> {
    const socket = await env.network.connect({ host: options.host, port: options.port, timeoutMs: options.connectTimeoutMs, tls: options.tls })
    return new Connection(socket, env.clock, options)
  }

  get closed(): boolean {
    return this.#closed !== undefined
  }

  get inFlight(): number {
    return this.#inFlight.size + this.#waiting.length
  }

  /** Called once, when the connection is no more; replaces what was set before. */
  onClose(callback: (error: Error) => void): void {
    this.#onClose = callback
  }

  /** The id for the next `exchange`; each is used for one request. */
  nextCorrelationId(): number {
    this.#correlationId = this.#correlationId === CORRELATION_ID_MAX ? 0 : this.#correlationId + 1
    return this.#correlationId
  }

  /** Sends a frame (with its size in front) and resolves with the answer's frame (without). The chunks must not change until then. */
  exchange(chunks: readonly Buffer[], correlationId: number, timeoutMs: number, isUrgent: boolean = false): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed)
      const pending: Pending = { correlationId, chunks, deadline: this.#clock.monotonic() + timeoutMs, resolve, reject }
      if (this.#inFlight.size >= this.#options.inFlightMax || (this.#held && !isUrgent)) this.#waiting.push(pending)
      else this.#transmit(pending)
      this.#armTimer(pending.deadline)
    })
  }

  /** Sends a frame that gets no answer (Produce with acks = 0); resolves when the socket takes more, rejects when it closed before. */
  post(chunks: readonly Buffer[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) reject(this.#closed)
      else if (this.#held) this.#heldPosts.push(() => this.post(chunks).then(resolve, reject))
      else if (this.#socket.write(chunks)) resolve()
      else this.#writers.push({ resolve, reject })
    })
  }

  /** K6. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    while (this.#closed === undefined && this.#inFlight.size < this.#options.inFlightMax) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#transmit(next)
    }
    for (const post of this.#heldPosts.splice(0)) post()
  }

  close(reason: string = 'it was closed here'): void {
    if (this.#closed !== undefined) return
    this.#closeWith(reason, undefined)
    this.#socket.destroy()
  }

  #transmit(pending: Pending): void {
    this.#inFlight.set(pending.correlationId, pending)
    // The socket's own queue is not waited for: what may be queued there is bounded by `inFlightMax` and the callers' byte budgets.
    this.#socket.write(pending.chunks)
  }

  #receive(chunk: Buffer): void {
    this.#frames.push(chunk)
    for (let frame = this.#frames.next(); frame !== undefined && this.#closed === undefined; frame = this.#frames.next()) this.#deliver(frame)
  }

  /** K2. */
  #accepts(size: number): boolean {
    if (this.#closed !== undefined) return false
    if (size >>> 16 === TLS_ALERT && this.#options.tls === undefined) {
      this.#fail(new MillraceError('TLS_FAILED', `${this.address} answers in TLS: it is a TLS port. Speak TLS with it (security.tls in code, security.protocol=SSL or SASL_SSL in a properties file), or name the plain-text port.`))
    } else if (size < CORRELATION_ID_BYTES || size > this.#options.responseBytesMax) {
      this.#fail(new MillraceError('FRAME_MALFORMED', `${this.address} announced an answer of ${size} bytes; at most ${this.#options.responseBytesMax} are accepted. Is it a Kafka broker?`))
    }
    return this.#closed === undefined
  }

  #deliver(frame: Buffer): void {
    const correlationId = frame.readInt32BE(0)
    const pending = this.#inFlight.get(correlationId)
    if (pending === undefined) {
      return this.#fail(new MillraceError('FRAME_MALFORMED', `${this.address} answered request ${correlationId}, which is not open`))
    }
    this.#inFlight.delete(correlationId)
    pending.resolve(frame)
    const next = this.#waiting.length > 0 && !this.#held ? this.#waiting.shift() : undefined
    if (next !== undefined) this.#transmit(next)
  }

  #armTimer(deadline: number): void {
    if (deadline >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = deadline
    this.#timer = this.#clock.setTimer(() => this.#checkDeadlines(), Math.max(1, deadline - this.#clock.monotonic()), { background: true })
  }

  #checkDeadlines(): void {
    this.#timerAt = Infinity
    this.#timer = undefined
    const now = this.#clock.monotonic()
    let earliest = Infinity
    for (const pending of [...this.#inFlight.values(), ...this.#waiting]) {
      if (pending.deadline <= now) {
        return this.#fail(new MillraceError('TIMEOUT', `${this.address} did not answer in time; the connection was closed`, { retriable: true }))
      }
      earliest = Math.min(earliest, pending.deadline)
    }
    if (earliest < Infinity) this.#armTimer(earliest)
  }

  #fail(error: MillraceError): void {
    if (this.#closed !== undefined) return
    this.#settleClosed(error)
    this.#socket.destroy()
  }

  #closeWith(reason: string, cause: Error | undefined): void {
    if (this.#closed !== undefined) return
    this.#settleClosed(new MillraceError('CONNECTION_CLOSED', `The connection to ${this.address} is closed: ${reason}`, { retriable: true, cause }))
  }

  #settleClosed(error: MillraceError): void {
    this.#closed = error
    this.#timer?.cancel()
    const waiting = [...this.#inFlight.values(), ...this.#waiting]
    this.#inFlight.clear()
    this.#waiting = []
    this.#frames.clear()
    for (const pending of [...waiting, ...this.#writers.splice(0)]) pending.reject(error)
    for (const post of this.#heldPosts.splice(0)) post()
    this.#onClose(error)
  }
}
