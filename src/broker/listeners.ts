/**
 * Where the broker is reached: the addresses it listens on, and the connections it has.
 *
 * L1. What a listener asks of those who come is in its settings (`security/listener-settings.ts`); `localhost` may mean 127.0.0.1 or
 *     ::1, so both are taken where the machine has both.
 * L2. At most `CONNECTIONS_MAX` connections, `CONNECTIONS_PER_HOST_MAX` of one address; more are closed as they come.
 */
import type { Logger } from '../base/logger.ts'
import type { Env, Listener, Socket } from '../env/env.ts'
import type { FrameMemory } from '../wire/frame-assembler.ts'
import type { Clients } from './clients.ts'
import { Connection } from './connection.ts'
import type { FrameOutcome } from './connection.ts'
import { FRAME_BYTES_MAX } from './options.ts'
import type { ListenerSettings } from './security/listener-settings.ts'
import { Session } from './security/session.ts'
import type { Users } from './security/users.ts'

const CONNECTIONS_MAX = 1024
/** Every client of a laptop comes from the same address. */
const CONNECTIONS_PER_HOST_MAX = 1000

export interface ListenersOptions {
  readonly env: Env
  readonly logger: Logger
  readonly clients: Clients
  readonly users: Users
  readonly sessionLifetimeMs: number
  /** Where frames lie; memory of their own where it is not said. */
  readonly frameMemory?: FrameMemory | undefined
  readonly onFrame: (frame: Buffer, connection: Connection) => Promise<FrameOutcome> | FrameOutcome
  readonly onSent: (chunks: readonly Buffer[]) => void
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

  /** Gives the settings with the port that was taken. Rejects with `PORT_IN_USE`, or `CONFIG_INVALID` where the certificate is no good. */
  async listen(wanted: ListenerSettings): Promise<ListenerSettings> {
    const { env: { network }, logger } = this.#options
    const { host, tls } = wanted
    const onRefused = (from: string, reason: string): void => logger.warn('refused a connection: the TLS handshake failed', { from, reason })
    let settings = wanted
    const accept = (socket: Socket): void => this.#accept(socket, settings)
    const first = await network.listen({ host, port: wanted.port, tls, onRefused }, accept)
    settings = { ...wanted, port: first.port }
    this.#listeners.push(first)
    if (host === '127.0.0.1' || host === 'localhost') {
      try {
        this.#listeners.push(await network.listen({ host: '::1', port: first.port, tls, onRefused }, accept))
      } catch (error) {
        logger.debug('not listening on ::1', { error: error instanceof Error ? error.message : String(error) })
      }
    }
    return settings
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

  #accept(socket: Socket, listener: ListenerSettings): void {
    const { env, clients, logger, users, sessionLifetimeMs } = this.#options
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
      clock: env.clock, session: new Session({ env, users, listener, tls: socket.tls, lifetimeMs: sessionLifetimeMs }), frameBytesMax: FRAME_BYTES_MAX, frameMemory: this.#options.frameMemory, buffered: this.#buffered,
      onFrame: this.#options.onFrame, onSent: this.#options.onSent,
      onClose: (connection, why) => {
        this.#connections.delete(connection.id)
        clients.closed(connection.id)
        logger.debug('connection closed', { from: socket.remoteAddress, why })
      },
    }))
  }
}
