/**
 * The connections of one client: one per broker and lane, opened when first needed.
 *
 * L1. At most one connection exists per broker and lane; those who ask while it is being opened share the attempt.
 * L2. After a failed attempt a broker is not tried again before its backoff is over; asking meanwhile fails at once with
 *     the last reason, so that the caller's own retry decides what to do with the time.
 * L3. After `close` nothing is opened any more.
 */
import { MillraceError } from '../base/errors.ts'
import type { Env } from '../env/env.ts'
import { backoffMs } from './backoff.ts'
import type { BackoffOptions } from './backoff.ts'
import { BrokerConnection } from './broker-connection.ts'
import type { BrokerConnectionOptions } from './broker-connection.ts'
import type { BrokerNode } from './types.ts'

/** Names a connection beside others to the same broker: `main`, `fetch-0`, `produce`, `group:…`. */
export type Lane = string

interface Trouble {
  readonly failures: number
  /** On the monotonic clock. */
  readonly notBefore: number
  readonly error: unknown
}

export class ConnectionPool {
  readonly #env: Env
  readonly #options: Omit<BrokerConnectionOptions, 'host' | 'port'>
  readonly #backoff: BackoffOptions
  readonly #lanes = new Map<string, Promise<BrokerConnection>>()
  readonly #open = new Set<BrokerConnection>()
  readonly #troubles = new Map<string, Trouble>()
  #closed = false

  constructor(env: Env, options: Omit<BrokerConnectionOptions, 'host' | 'port'>, backoff: BackoffOptions) {
    this.#env = env
    this.#options = options
    this.#backoff = backoff
  }

  /** Rejects with `CONNECTION_FAILED`, or with what the handshake failed with. */
  get(node: BrokerNode, lane: Lane): Promise<BrokerConnection> {
    const key = `${node.id}@${node.host}:${node.port}/${lane}`
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    if (this.#closed) return Promise.reject(closedError())
    const trouble = this.#troubles.get(addressOf(node))
    if (trouble !== undefined && trouble.notBefore > this.#env.clock.monotonic()) return Promise.reject(trouble.error)
    const opening = this.#openLane(node, key)
    this.#lanes.set(key, opening)
    return opening
  }

  /** Whether a connection to the node exists or may be tried now. */
  isUsable(node: BrokerNode): boolean {
    const trouble = this.#troubles.get(addressOf(node))
    return trouble === undefined || trouble.notBefore <= this.#env.clock.monotonic()
  }

  isConnected(node: BrokerNode): boolean {
    for (const broker of this.#open) if (broker.nodeId === node.id) return true
    return false
  }

  /** Closes one lane to every broker. */
  closeLane(lane: Lane): void {
    for (const [key, opening] of this.#lanes) {
      if (key.slice(key.indexOf('/') + 1) !== lane) continue
      this.#lanes.delete(key)
      opening.then(broker => broker.connection.close('its user closed'), () => {})
    }
  }

  close(): void {
    this.#closed = true
    this.#lanes.clear()
    for (const broker of this.#open) broker.connection.close('the client closed')
  }

  async #openLane(node: BrokerNode, key: string): Promise<BrokerConnection> {
    const address = addressOf(node)
    try {
      const broker = await BrokerConnection.open(this.#env, node.id, { ...this.#options, host: node.host, port: node.port })
      this.#troubles.delete(address)
      if (this.#closed || !this.#lanes.has(key)) {
        broker.connection.close('the client closed')
        throw closedError()
      }
      this.#open.add(broker)
      broker.connection.onClose(() => {
        this.#open.delete(broker)
        this.#lanes.delete(key)
      })
      return broker
    } catch (error) {
      this.#lanes.delete(key)
      const failures = (this.#troubles.get(address)?.failures ?? -1) + 1
      const notBefore = this.#env.clock.monotonic() + backoffMs(failures, this.#backoff, this.#env.random)
      if (!this.#closed) this.#troubles.set(address, { failures, notBefore, error })
      throw error
    }
  }
}

export function closedError(): MillraceError {
  return new MillraceError('CONNECTION_CLOSED', 'The Kafka client is closed.')
}

function addressOf(node: BrokerNode): string {
  return `${node.host}:${node.port}`
}
