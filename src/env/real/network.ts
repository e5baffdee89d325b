/** TCP, and TLS over it, behind the `Network` contract. Nagle's algorithm is off: frames are written whole. */
import * as net from 'node:net'
import * as tls from 'node:tls'
import { MillraceError } from '../../base/errors.ts'
import type { ConnectOptions, Listener, ListenOptions, Network, Socket, SocketHandlers, SocketTls } from '../env.ts'
import { checkContext, clientOptions, refusedByServer, refusedPeer, serverOptions, tlsError, tlsOf } from './tls.ts'

export const realNetwork: Network = { listen, connect }

/** Handshakes under way count too; those that are done are counted by the broker. */
const TLS_CONNECTIONS_MAX = 2048
const READ_BYTES = 64 * 1024

async function listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener> {
  const server = options.tls === undefined ? net.createServer({ noDelay: true }, socket => onConnection(new RealSocket(socket, { reads: readsOf(socket) }))) : tlsServer(options, onConnection)
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') {
        reject(new MillraceError('PORT_IN_USE', `Port ${options.port} on ${options.host} is in use by another process. Stop that process, or choose another port.`, { cause: error, detail: { port: options.port } }))
      } else reject(new MillraceError('CONNECTION_FAILED', `Cannot listen on ${options.host}:${options.port}: ${error.message}`, { cause: error }))
    }
    server.once('error', onError)
    server.listen(options.port, options.host, () => {
      server.off('error', onError)
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : options.port
      resolve({ host: options.host, port, close: () => new Promise(done => server.close(() => done())) })
    })
  })
}

function tlsServer({ tls: wanted, onRefused }: ListenOptions, onConnection: (socket: Socket) => void): tls.Server {
  const options = wanted === undefined ? {} : serverOptions(wanted)
  checkContext('The TLS listener', options)
  const server = tls.createServer({ ...options, noDelay: true }, socket => {
    const reason = refusedPeer(socket)
    if (reason === undefined) return onConnection(new RealSocket(socket, { tls: tlsOf(socket) }))
    onRefused?.(addressOf(socket), reason)
    socket.on('error', () => { /* It is told above why it is cut. */ })
    socket.destroy()
  })
  server.maxConnections = TLS_CONNECTIONS_MAX
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => onRefused?.(addressOf(socket), error.message))
  return server
}

function connect(options: ConnectOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (options.tls !== undefined) checkContext("The client's TLS options", clientOptions(options))
    const reads = new Reads()
    const socket = options.tls === undefined ? net.connect({ host: options.host, port: options.port, noDelay: true, onread: reads }) : tls.connect(clientOptions(options))
    const fail = (error: MillraceError): void => {
      socket.destroy()
      reject(error)
    }
    const failed = (reason: string, cause?: unknown): MillraceError => new MillraceError('CONNECTION_FAILED', `Cannot connect to ${options.host}:${options.port}: ${reason}. Is a broker running there?`, { retriable: true, cause, detail: { host: options.host, port: options.port } })
    const timer = setTimeout(() => fail(failed(`no answer within ${options.timeoutMs} ms`)), options.timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      fail((options.tls === undefined ? undefined : tlsError(options, error)) ?? failed((error as NodeJS.ErrnoException).code ?? error.message, error))
    }
    socket.once('error', onError)
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer)
      socket.off('error', onError)
      if (!(socket instanceof tls.TLSSocket)) return resolve(new RealSocket(socket, { reads }))
      socket.setNoDelay(true)
      resolve(new RealSocket(socket, { tls: tlsOf(socket), explain: code => refusedByServer(options.tls, code) }))
    })
  })
}

function addressOf(socket: net.Socket): string {
  return `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`
}

/** Node's `onread`: the system's bytes go straight to where the handlers want them. */
class Reads {
  handlers: SocketHandlers | undefined
  readonly buffer = (): Buffer => this.handlers?.space?.() ?? Buffer.allocUnsafeSlow(READ_BYTES)
  readonly callback = (length: number, into: Uint8Array): boolean => {
    this.handlers?.data(Buffer.from(into.buffer, into.byteOffset, length))
    return true
  }
}

/**
 * `onread` for a socket that a server has accepted, for which Node has no option: what its constructor would have done. Where a Node does it in another way,
 * `undefined`, and chunks come in memory of their own.
 */
function readsOf(socket: net.Socket): Reads | undefined {
  const { buffer, generator, callback } = onreadSymbols
  const handle: unknown = '_handle' in socket ? socket._handle : undefined
  if (buffer === undefined || generator === undefined || callback === undefined || typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle) || typeof handle.useUserBuffer !== 'function') return undefined
  const reads = new Reads()
  const first = reads.buffer()
  Object.assign(socket, { [buffer]: first, [generator]: reads.buffer, [callback]: reads.callback })
  handle.useUserBuffer(first)
  return reads
}

/** The types of Node have `onread` only where a socket connects. */
const probeOptions: net.SocketConstructorOpts & { readonly onread: Reads } = { onread: new Reads() }
const onreadSymbols = symbolsOf(new net.Socket(probeOptions))

function symbolsOf(socket: net.Socket): { readonly buffer: symbol | undefined, readonly generator: symbol | undefined, readonly callback: symbol | undefined } {
  const named = (name: string): symbol | undefined => Object.getOwnPropertySymbols(socket).find(({ description }) => description === name)
  return { buffer: named('kBuffer'), generator: named('kBufferGen'), callback: named('kBufferCb') }
}

interface SocketParts {
  readonly tls?: SocketTls
  /** What the peer's TLS alert means; it may come as late as this. */
  readonly explain?: (code: string) => string
  readonly reads?: Reads | undefined
}

class RealSocket implements Socket {
  readonly remoteAddress: string
  readonly localAddress: string
  readonly localPort: number
  readonly tls: SocketTls | undefined
  readonly #socket: net.Socket
  readonly #reads: Reads | undefined
  #failure: Error | undefined

  constructor(socket: net.Socket, { tls: tlsState, explain, reads }: SocketParts = {}) {
    this.#socket = socket
    this.#reads = reads
    this.tls = tlsState
    this.remoteAddress = addressOf(socket)
    this.localAddress = socket.localAddress ?? '?'
    this.localPort = socket.localPort ?? 0
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const { code = '' } = error
      this.#failure = explain !== undefined && /^ERR_SSL_.*ALERT/.test(code) ? new MillraceError('TLS_FAILED', explain(code), { cause: error }) : error
    })
  }

  get bytesQueued(): number {
    return this.#socket.writableLength
  }

  setHandlers(handlers: SocketHandlers): void {
    if (this.#reads === undefined) this.#socket.on('data', chunk => handlers.data(chunk))
    else this.#reads.handlers = handlers
    this.#socket.on('drain', () => handlers.drain())
    this.#socket.once('close', () => handlers.close(this.#failure))
    // A peer that has closed its half gets what is queued, then the end; Node does that by itself (allowHalfOpen is off).
  }

  write(chunks: readonly Buffer[], onTaken?: () => void): boolean {
    if (this.#socket.destroyed) return false
    // Of what is cut off by a `destroy` Node says that it was written.
    const written = onTaken === undefined ? undefined : (error?: Error | null): void => { if ((error === undefined || error === null) && !this.#socket.destroyed) onTaken() }
    const last = chunks.length - 1
    if (last === 0 && chunks[0] !== undefined) return this.#socket.write(chunks[0], written)
    this.#socket.cork()
    let belowMark = true
    for (const [index, chunk] of chunks.entries()) belowMark = this.#socket.write(chunk, index === last ? written : undefined)
    // Uncork in the same turn: corked chunks leave as one writev.
    this.#socket.uncork()
    return belowMark
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
