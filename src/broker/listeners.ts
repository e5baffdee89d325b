/**
 * Where the broker is reached: the port it listens on, and the connections it has.
 *
 * L1. Only loopback: without authentication nothing else may be listened on (`localhost` may mean 127.0.0.1 or ::1, so both are
 *     taken where the machine has both).
 * L2. At most `CONNECTIONS_MAX` connections, `CONNECTIONS_PER_HOST_MAX` of one address; more are closed as they come.
 */
import { MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Env, Listener, Socket } from '../env/env.ts'
import type { Clients } from './clients.ts'
import { Connection } from './connection.ts'
import type { FrameOutcome } from './connection.ts'
import { FRAME_BYTES_MAX } from './options.ts'

const CONNECTIONS_MAX = 1024
/** Every client of a laptop comes from the same address. */
const CONNECTIONS_PER_HOST_MAX = 1000

export interface ListenersOptions {
  readonly env: Env
  readonly logger: Logger
  readonly clients: Clients
  readonly onFrame: (frame: Buffer, connection: Connection) => Promise<FrameOutcome> | FrameOutcome
}

export class Listeners {
  readonly #options: ListenersOptions
  readonly #connections = new Map<number, Connection>()
  readonly #buffered = { bytes: 0 }
  #listeners: Listener[] = []
  #nextId = 1
  #closing = false

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  /** Rejects with `PORT_IN_USE`, or `CONFIG_INVALID` where the host is not loopback. */
  async listen(host: string, port: number): Promise<number> {
    if (!isLoopback(host)) {
      throw new MillraceError('CONFIG_INVALID', `The broker would listen on ${host}, which others can reach, and this version has no authentication. Listen on 127.0.0.1, and forward the port where others must reach it.`)
    }
    const { network } = this.#options.env
    const first = await network.listen({ host, port }, socket => this.#accept(socket))
    this.#listeners.push(first)
    if (host === '127.0.0.1' || host === 'localhost') {
      try {
        this.#listeners.push(await network.listen({ host: '::1', port: first.port }, socket => this.#accept(socket)))
      } catch (error) {
        this.#options.logger.debug('not listening on ::1', { error: error instanceof Error ? error.message : String(error) })
      }
    }
    return first.port
  }

  get count(): number {
    return this.#connections.size
  }

  /** Stops accepting; then lets answers under way leave, for `graceMs` at most; then closes every connection. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    const { clock } = this.#options.env
    const stopped = Promise.all(this.#listeners.map(listener => listener.close()))
    this.#listeners = []
    const deadline = clock.monotonic() + graceMs
    while (clock.monotonic() < deadline && [...this.#connections.values()].some(connection => connection.pending > 0)) await clock.sleep(5)
    for (const connection of [...this.#connections.values()]) connection.close('the broker stops')
    await stopped
  }

  #accept(socket: Socket): void {
    const { env, clients, logger } = this.#options
    const host = socket.remoteAddress.replace(/:\d+$/, '')
    const ofHost = [...this.#connections.values()].filter(connection => connection.socket.remoteAddress.startsWith(`${host}:`)).length
    if (this.#closing || this.#connections.size >= CONNECTIONS_MAX || ofHost >= CONNECTIONS_PER_HOST_MAX) {
      socket.setHandlers({ data: () => { /* Refused. */ }, drain: () => { /* Nothing is written. */ }, close: () => { /* As wished. */ } })
      socket.destroy()
      if (!this.#closing) logger.warn('refused a connection: too many', { from: socket.remoteAddress, connections: this.#connections.size })
      return
    }
    const id = this.#nextId++
    clients.opened({ connectionId: id, remoteAddress: socket.remoteAddress, connectedAtMs: env.clock.now(), clientId: '', softwareName: '', softwareVersion: '', requests: 0 })
    this.#connections.set(id, new Connection(id, socket, {
      clock: env.clock, frameBytesMax: FRAME_BYTES_MAX, buffered: this.#buffered, onFrame: this.#options.onFrame,
      onClose: (connection, why) => {
        this.#connections.delete(connection.id)
        clients.closed(connection.id)
        logger.debug('connection closed', { from: socket.remoteAddress, why })
      },
    }))
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
