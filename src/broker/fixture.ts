/**
 * `broker()`: a broker for a test, in one line. Any Kafka client of any language connects to it.
 *
 * It is the broker of `millrace broker start`, in this process: no container, no JVM, nothing on the disk unless it is asked for.
 */
import { assert } from '../base/assert.ts'
import type { Env } from '../env/env.ts'
import { MovableClock } from '../env/movable-clock.ts'
import { realEnv } from '../env/real/env.ts'
import { Broker } from './broker.ts'
import type { BrokerDescription } from './broker.ts'
import { Control } from './control.ts'
import { MEMORY_DIRECTORY, memoryEnv } from './in-memory.ts'
import type { BrokerOptions } from './options.ts'

/** All that a broker can be started with, and these; without any of it: in memory, on a free port of this machine. */
export interface FixtureOptions extends Omit<BrokerOptions, 'directory' | 'control'> {
  /** Absolute path of a directory that keeps the data. Default: memory, gone at the end. */
  readonly data?: string | undefined
  /** What the memory holds of logs at most. Default 1 GiB. */
  readonly memoryBytesMax?: number | undefined
  /** `stands`: the broker's time moves by `advance` alone. Default `goes`: by itself, and `advance` moves it ahead. */
  readonly time?: 'goes' | 'stands' | undefined
  /** The world that it runs in; default the real one. */
  readonly env?: Env | undefined
}

export interface BrokerFixture extends AsyncDisposable {
  /** `127.0.0.1:PORT`, for `bootstrap.servers`. */
  readonly bootstrap: string
  readonly port: number
  /** Delays, drops, fails, answers and cuts requests by API. They stay over a `restart`. */
  readonly faults: Control
  /** Topics, groups, clients, requests, and what was asked for and is not served. */
  describe(): BrokerDescription
  /**
   * Moves the broker's time ahead by `ms`: sessions, transactions, retention and waiting fetches are as they would be then. Records get the broker's time
   * where their topic says `message.timestamp.type=LogAppendTime`.
   */
  advance(ms: number): Promise<void>
  /** Stops and starts again on the same port and data, as a rolling restart does: connections are cut, groups and open transactions survive. */
  restart(): Promise<void>
  /** Stops it. Again at no cost. */
  close(): Promise<void>
}

/**
 * Starts a broker for a test. In memory it is ready in a few milliseconds. Rejects as `Broker.start` does.
 *
 * @example
 *   import { broker } from 'millrace/broker'
 *
 *   const kafka = await broker()                                       // Any client: bootstrap.servers = kafka.bootstrap
 *   kafka.faults.fail('Produce', 'NOT_LEADER_OR_FOLLOWER', { times: 2 }) // The next two are to be sent again.
 *   kafka.faults.cut('EndTxn', { when: 'after', times: 1 })            // Committed, and its producer never hears of it.
 *   await kafka.advance(45_000)                                        // Members that sent no heartbeat are out.
 *   await kafka.close()
 */
export async function broker(options: FixtureOptions = {}): Promise<BrokerFixture> {
  const { data, memoryBytesMax, time = 'goes', env: world = realEnv, ...rest } = options
  const clock = new MovableClock(world.clock, { stands: time === 'stands' })
  const kept = data === undefined ? memoryEnv(world, { bytesMax: memoryBytesMax, users: typeof rest.users === 'string' ? rest.users : undefined }) : world
  const faults = new Control()
  const start = (where: Pick<BrokerOptions, 'port' | 'listen'>): Promise<Broker> => Broker.start({ ...kept, clock }, {
    ...rest, ...where, directory: data ?? MEMORY_DIRECTORY, control: faults,
    // There is nothing that an fsync could keep in memory, and nothing to wait for.
    durability: rest.durability ?? (data === undefined ? 'os' : 'sync'),
  })
  let running = await start(rest.listen === undefined ? { port: rest.port ?? 0 } : { listen: rest.listen })
  const { port } = running
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => closing ??= (clock.start(), running.close())
  return {
    bootstrap: running.address, port, faults,
    describe: () => running.describe(),
    advance: ms => clock.advance(ms),
    async restart() {
      assert(closing === undefined, 'a fixture that was closed is not started again: call broker() for a new one')
      let stopped = false
      const stop = running.close().finally(() => { stopped = true })
      // Its end may wait for time to pass.
      while (time === 'stands' && !stopped) await clock.advance(1)
      await stop
      running = await start(rest.listen === undefined ? { port } : { listen: running.listeners.map(listener => `${listener.protocol}://${listener.host}:${listener.port}`) })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
