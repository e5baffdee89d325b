/** TCP behind the `Network` contract. Nagle's algorithm is off: frames are written whole. */
import * as net from 'node:net'
import { MillraceError } from '../../base/errors.ts'
import type { Listener, Network, Socket, SocketHandlers } from '../env.ts'

export const realNetwork: Network = { listen, connect }

function listen(options: { readonly host: string; readonly port: number }, onConnection: (socket: Socket) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ noDelay: true }, socket => onConnection(new RealSocket(socket)))
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

function connect(options: { readonly host: string; readonly port: number; readonly timeoutMs: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: options.host, port: options.port, noDelay: true })
    const fail = (reason: string, cause?: unknown): void => {
      socket.destroy()
      reject(new MillraceError('CONNECTION_FAILED', `Cannot connect to ${options.host}:${options.port}: ${reason}. Is a broker running there?`, { retriable: true, cause, detail: { host: options.host, port: options.port } }))
    }
    const timer = setTimeout(() => fail(`no answer within ${options.timeoutMs} ms`), options.timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      fail((error as NodeJS.ErrnoException).code ?? error.message, error)
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', onError)
      resolve(new RealSocket(socket))
    })
  })
}

class RealSocket implements Socket {
  readonly remoteAddress: string
  readonly localAddress: string
  readonly localPort: number
  readonly #socket: net.Socket
  #failure: Error | undefined

  constructor(socket: net.Socket) {
    this.#socket = socket
    this.remoteAddress = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`
    this.localAddress = socket.localAddress ?? '?'
    this.localPort = socket.localPort ?? 0
    socket.on('error', error => { this.#failure = error })
  }

  get bytesQueued(): number {
    return this.#socket.writableLength
  }

  setHandlers(handlers: SocketHandlers): void {
    this.#socket.on('data', chunk => handlers.data(chunk))
    this.#socket.on('drain', () => handlers.drain())
    this.#socket.once('close', () => handlers.close(this.#failure))
    // A peer that has closed its half gets what is queued, then the end; Node does that by itself (allowHalfOpen is off).
  }

  write(chunks: readonly Buffer[]): boolean {
    if (this.#socket.destroyed) return false
    if (chunks.length === 1 && chunks[0] !== undefined) return this.#socket.write(chunks[0])
    this.#socket.cork()
    let belowMark = true
    for (const chunk of chunks) belowMark = this.#socket.write(chunk)
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
