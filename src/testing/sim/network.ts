/**
 * Sockets between the simulated processes of one run: bytes travel through virtual time.
 *
 * W1. A connection keeps order; chunks are copied, and may arrive cut into pieces or glued together.
 * W2. `partition` holds traffic between two processes until it is healed (TCP retransmits); `resetAll` breaks connections.
 * W3. A killed process's sockets are closed with an error at the other end, after the latency.
 */
import { MillraceError } from '../../base/errors.ts'
import type { ConnectOptions, Listener, ListenOptions, Network, Socket, SocketHandlers } from '../../env/env.ts'
import type { Owner, VirtualTime } from './clock.ts'
import type { SeededRandom } from './random.ts'

export interface SimNetworkOptions {
  /** One-way delay of a chunk, in virtual ms. */
  readonly latencyMs?: (() => number) | undefined
  /** Deliver chunks in random pieces (default true). */
  readonly cutChunks?: boolean | undefined
}

/** A `write` answers `false` above this, as Node's does. */
const HIGH_WATER_BYTES = 1_048_576

interface Listening {
  readonly owner: Owner
  readonly onConnection: (socket: Socket) => void
}

export class SimNetwork {
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  readonly #latencyMs: () => number
  readonly #cutChunks: boolean
  readonly #listeners = new Map<number, Listening>()
  readonly #sockets = new Set<SimSocket>()
  readonly #cut = new Map<Owner, Set<Owner>>()
  #portNext = 30_000

  constructor(time: VirtualTime, random: SeededRandom, options: SimNetworkOptions = {}) {
    this.#time = time
    this.#random = random
    this.#latencyMs = options.latencyMs ?? (() => 0.05 + 0.1 * random.next())
    this.#cutChunks = options.cutChunks ?? true
  }

  viewFor(owner: Owner): Network {
    return {
      listen: (options, onConnection) => this.#listen(options, onConnection, owner),
      connect: options => this.#connect(options, owner),
    }
  }

  /** Holds everything that `from` sends to `to`, and, unless `oneWay`, the other direction too. */
  partition(from: Owner, to: Owner, options: { readonly oneWay?: boolean } = {}): void {
    const add = (a: Owner, b: Owner): void => void (this.#cut.get(a) ?? this.#cut.set(a, new Set()).get(a))?.add(b)
    add(from, to)
    if (options.oneWay !== true) add(to, from)
  }

  /** Lets all held traffic flow again, in order. */
  heal(): void {
    this.#cut.clear()
    for (const socket of this.#sockets) socket.flush()
  }

  /** Breaks every connection of `owner`, or all. */
  resetAll(owner?: Owner): void {
    for (const socket of [...this.#sockets]) if (owner === undefined || socket.owner === owner) socket.reset('connection reset by the simulation')
  }

  /** Called when a process dies: its listeners are gone, its peers see a reset. */
  release(owner: Owner): void {
    for (const [port, listening] of this.#listeners) if (listening.owner === owner) this.#listeners.delete(port)
    for (const socket of [...this.#sockets]) if (socket.owner === owner) socket.vanish()
  }

  isCut(from: Owner, to: Owner): boolean {
    return this.#cut.get(from)?.has(to) ?? false
  }

  /** @internal used by `SimSocket` */
  deliver(owner: Owner, callback: () => void): void {
    this.#time.schedule(owner, 'io', this.#latencyMs(), callback)
  }

  /** @internal used by `SimSocket`: sizes to cut `length` bytes into. */
  pieces(length: number): number[] {
    if (!this.#cutChunks || length < 2 || !this.#random.chance(0.2)) return [length]
    const first = this.#random.between(1, length - 1)
    return [first, length - first]
  }

  /** @internal used by `SimSocket` */
  forget(socket: SimSocket): void {
    this.#sockets.delete(socket)
  }

  #listen(options: ListenOptions, onConnection: (socket: Socket) => void, owner: Owner): Promise<Listener> {
    if (options.tls !== undefined) return Promise.reject(noTls())
    const port = options.port === 0 ? this.#portNext++ : options.port
    if (this.#listeners.has(port)) return Promise.reject(new MillraceError('PORT_IN_USE', `Port ${port} is in use in the simulation.`, { detail: { port } }))
    const listening = { owner, onConnection }
    this.#listeners.set(port, listening)
    return Promise.resolve({
      host: options.host,
      port,
      close: () => {
        if (this.#listeners.get(port) === listening) this.#listeners.delete(port)
        return Promise.resolve()
      },
    })
  }

  #connect(options: ConnectOptions, owner: Owner): Promise<Socket> {
    if (options.tls !== undefined) return Promise.reject(noTls())
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => reject(new MillraceError('CONNECTION_FAILED', `Cannot connect to ${options.host}:${options.port}: ${reason}.`, { retriable: true, detail: { host: options.host, port: options.port } }))
      this.deliver(owner, () => {
        const listening = this.#listeners.get(options.port)
        if (listening === undefined || !listening.owner.alive) return fail('nothing listens there (ECONNREFUSED)')
        if (this.isCut(owner, listening.owner) || this.isCut(listening.owner, owner)) {
          this.#time.schedule(owner, 'timer', options.timeoutMs, () => fail(`no answer within ${options.timeoutMs} ms`))
          return
        }
        const local = new SimSocket(this, owner, { localPort: this.#portNext++, remotePort: options.port })
        const remote = new SimSocket(this, listening.owner, { localPort: options.port, remotePort: local.localPort })
        local.peer = remote
        remote.peer = local
        this.#sockets.add(local).add(remote)
        this.deliver(listening.owner, () => listening.onConnection(remote))
        resolve(local)
      })
    })
  }
}

function noTls(): MillraceError {
  return new MillraceError('TLS_FAILED', 'The simulated network has no TLS: leave tls out, or run on the real one.')
}

type Item = Buffer | 'end'

/** One end of a connection. */
export class SimSocket implements Socket {
  readonly owner: Owner
  readonly remoteAddress: string
  readonly localAddress = '127.0.0.1'
  readonly localPort: number
  peer: SimSocket | undefined
  readonly #network: SimNetwork
  #handlers: SocketHandlers | undefined
  /** Sent and not yet under way, because the link is cut. */
  #held: Item[] = []
  /** Under way. */
  #queue: Item[] = []
  /** Arrived, not yet handed over: paused, or no handlers yet. */
  #arrived: Item[] = []
  #bytesQueued = 0
  #paused = false
  #drainWanted = false
  #state: 'open' | 'ended' | 'closed' = 'open'

  constructor(network: SimNetwork, owner: Owner, ports: { readonly localPort: number; readonly remotePort: number }) {
    this.#network = network
    this.owner = owner
    this.localPort = ports.localPort
    this.remoteAddress = `127.0.0.1:${ports.remotePort}`
  }

  get bytesQueued(): number {
    return this.#bytesQueued
  }

  setHandlers(handlers: SocketHandlers): void {
    this.#handlers = handlers
    // Not from inside the call (env N3): what arrived before is handed over in a turn of its own.
    this.#network.deliver(this.owner, () => this.#handOver())
  }

  write(chunks: readonly Buffer[]): boolean {
    if (this.#state !== 'open') return false
    for (const chunk of chunks) {
      if (chunk.length === 0) continue
      this.#bytesQueued += chunk.length
      // The receiver owns what it gets and may change it: copy.
      const bytes = Buffer.from(chunk)
      let start = 0
      for (const length of this.#network.pieces(bytes.length)) {
        this.#held.push(bytes.subarray(start, start + length))
        start += length
      }
    }
    this.flush()
    if (this.#bytesQueued <= HIGH_WATER_BYTES) return true
    this.#drainWanted = true
    return false
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#network.deliver(this.owner, () => this.#handOver())
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#held.push('end')
    this.flush()
  }

  destroy(): void {
    if (this.#state === 'closed') return
    const peer = this.peer
    this.#close(undefined)
    if (peer !== undefined) this.#network.deliver(peer.owner, () => peer.#close(undefined))
  }

  /** @internal Breaks the connection at both ends. */
  reset(reason: string): void {
    const error = Object.assign(new Error(reason), { code: 'ECONNRESET' })
    const peer = this.peer
    this.#network.deliver(this.owner, () => this.#close(error))
    if (peer !== undefined) this.#network.deliver(peer.owner, () => peer.#close(error))
  }

  /** @internal The process of this end is dead. */
  vanish(): void {
    this.#state = 'closed'
    this.#network.forget(this)
    const peer = this.peer
    if (peer !== undefined) this.#network.deliver(peer.owner, () => peer.#close(Object.assign(new Error('the peer died'), { code: 'ECONNRESET' })))
  }

  /** @internal Sends what is held, unless the link is cut. */
  flush(): void {
    const peer = this.peer
    if (peer === undefined || this.#network.isCut(this.owner, peer.owner)) return
    const items = this.#held
    this.#held = []
    for (const item of items) this.#inFlight(peer, item)
  }

  /** Keeps order whatever latency each piece draws: arrivals take from one queue. */
  #inFlight(peer: SimSocket, item: Item): void {
    this.#queue.push(item)
    this.#network.deliver(peer.owner, () => {
      const next = this.#queue.shift()
      if (next === undefined || peer.#state === 'closed') return
      if (next !== 'end') {
        this.#bytesQueued -= next.length
        if (this.#drainWanted && this.#bytesQueued <= HIGH_WATER_BYTES / 2) {
          this.#drainWanted = false
          this.#network.deliver(this.owner, () => {
            if (this.#state === 'open') this.#handlers?.drain()
          })
        }
      }
      peer.#arrived.push(next)
      peer.#handOver()
    })
  }

  #handOver(): void {
    while (this.#handlers !== undefined && !this.#paused && this.#state !== 'closed') {
      const item = this.#arrived.shift()
      if (item === undefined) return
      if (item === 'end') {
        const peer = this.peer
        this.#close(undefined)
        if (peer !== undefined) this.#network.deliver(peer.owner, () => peer.#close(undefined))
        return
      }
      this.#handlers.data(item)
    }
  }

  #close(error: Error | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#network.forget(this)
    const handlers = this.#handlers
    if (handlers !== undefined) this.#network.deliver(this.owner, () => handlers.close(error))
  }
}
