/**
 * A TCP proxy in front of one broker that knows where a Kafka request begins and ends, and can hold one back: the network that
 * delivers a frame long after its sender has given it up.
 *
 * ```ts
 * const proxy = await FrameProxy.start(port)
 * const cluster = await Cluster.connect(proxy.env, …)         // Whatever address metadata names, connections go through the proxy.
 * const held = proxy.hold(endTxn)                              // Of the next such request the sender sees its connection break.
 * const answer = await (await held).release()                  // It reaches the broker now, on the connection that it was sent on.
 * ```
 */
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { Env } from '../../src/env/env.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { decodeResponse, decodeResponseHeader } from '../../src/wire/frames.ts'
import type { Api, ResponseOf } from '../../src/wire/schema.ts'

export interface HeldFrame<A extends Api> {
  readonly version: number
  /** Lets the broker have it; resolves with what the broker answers. */
  release(): Promise<ResponseOf<A>>
}

interface Hold {
  readonly apiKey: number
  take(frame: Buffer, upstream: Upstream): void
}

/** The broker's side of a connection; outlives the client's side while it holds a frame. */
interface Upstream {
  readonly socket: Socket
  /** Whole answers, without their size, once the client is gone. */
  onAnswer: ((frame: Buffer) => void) | undefined
}

export class FrameProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #holds: Hold[] = []
  readonly env: Env

  private constructor(server: Server, port: number) {
    this.#server = server
    const { network } = realEnv
    this.env = { ...realEnv, network: { listen: network.listen.bind(network), connect: options => network.connect({ ...options, host: '127.0.0.1', port }) } }
  }

  static async start(brokerPort: number): Promise<FrameProxy> {
    const server = createServer()
    await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
    const proxy = new FrameProxy(server, address.port)
    server.on('connection', client => proxy.#join(client, brokerPort))
    return proxy
  }

  /** Holds the next request of `api`. */
  hold<A extends Api>(api: A): Promise<HeldFrame<A>> {
    return new Promise(resolve => {
      this.#holds.push({
        apiKey: api.key,
        take: (frame, upstream) => {
          const version = frame.readInt16BE(6)
          resolve({ version, release: () => release(api, version, frame, upstream) })
        },
      })
    })
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>(resolve => { this.#server.close(() => resolve()) })
  }

  #join(client: Socket, brokerPort: number): void {
    const upstream: Upstream = { socket: connect(brokerPort, '127.0.0.1'), onAnswer: undefined }
    for (const socket of [client, upstream.socket]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      // Either side may break at any time: that is what it is for.
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    let holding = false
    const requests = new Frames(frame => {
      const hold = holding ? undefined : this.#holds.find(one => one.apiKey === frame.readInt16BE(4))
      if (hold === undefined) {
        // What was sent behind a held frame on its connection is lost with it.
        if (!holding) upstream.socket.write(frame)
        return
      }
      holding = true
      this.#holds = this.#holds.filter(one => one !== hold)
      hold.take(frame, upstream)
      client.destroy()
    })
    const answers = new Frames(frame => upstream.onAnswer?.(frame.subarray(4)))
    client.on('data', chunk => requests.add(chunk))
    client.on('close', () => { if (!holding) upstream.socket.destroy() })
    upstream.socket.on('data', chunk => {
      if (holding) answers.add(chunk)
      else client.write(chunk)
    })
    upstream.socket.on('close', () => client.destroy())
  }
}

function release<A extends Api>(api: A, version: number, frame: Buffer, upstream: Upstream): Promise<ResponseOf<A>> {
  return new Promise((resolve, reject) => {
    upstream.onAnswer = answer => {
      const { correlationId, reader } = decodeResponseHeader(answer)
      if (correlationId !== frame.readInt32BE(8)) return
      // Decoded by this very API's table.
      resolve(decodeResponse(api, version, reader) as ResponseOf<A>)
      upstream.socket.destroy()
    }
    upstream.socket.once('close', () => reject(new Error(`the broker closed the connection on the late ${api.name}`)))
    upstream.socket.write(frame)
  })
}

/** Cuts a stream into frames, their sizes included. */
class Frames {
  readonly #onFrame: (frame: Buffer) => void
  #received = Buffer.alloc(0)

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  add(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 4) {
      const end = this.#received.readInt32BE(0) + 4
      if (this.#received.length < end) return
      const frame = this.#received.subarray(0, end)
      this.#received = this.#received.subarray(end)
      this.#onFrame(frame)
    }
  }
}
