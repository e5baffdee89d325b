/**
 * A simulated machine: seeded clock, disk and network, and processes that can be killed on them.
 *
 * The system under test runs unchanged, in one thread, on the `Env` of a `SimProcess`; the test moves virtual time.
 * S1. The same seed and the same calls give the same run, event for event.
 * S2. A killed process runs no more callbacks, its promises never settle, its disk handles throw `ProcessKilled`.
 */
import type { Env } from '../../env/env.ts'
import { loadCompression } from '../../wire/compression.ts'
import { VirtualTime } from './clock.ts'
import type { Owner } from './clock.ts'
import { SimDisk } from './disk.ts'
import type { SimDiskOptions } from './disk.ts'
import { SimNetwork } from './network.ts'
import type { SimNetworkOptions } from './network.ts'
import { seededRandom } from './random.ts'
import type { SeededRandom } from './random.ts'

/** The one thing that real time passes for: it is over before virtual time moves, so that nobody is found waiting for it. */
const compressionLoaded = loadCompression()

export interface SimOptions {
  readonly seed: number
  readonly disk?: SimDiskOptions | undefined
  readonly network?: SimNetworkOptions | undefined
}

export class SimProcess implements Owner {
  readonly name: string
  readonly env: Env
  alive = true
  paused = false
  busyUntilMs = 0
  readonly #sim: Sim

  constructor(sim: Sim, name: string) {
    this.#sim = sim
    this.name = name
    this.env = {
      clock: sim.time.clockFor(this),
      random: sim.random.fork(`${name}/${sim.processesStarted}`),
      disk: sim.disk.viewFor(this, () => this.kill()),
      network: sim.network.viewFor(this),
    }
  }

  /** SIGSTOP: time passes, and what comes for it waits. */
  pause(): void {
    this.paused = true
  }

  /** SIGCONT: it finds all that at once. */
  resume(): void {
    this.paused = false
    this.#sim.time.resume(this)
  }

  /** Called from code of this process: it takes that long. Its clock shows it at once; all else that is due for it waits. */
  spend(ms: number): void {
    this.#sim.time.spend(this, ms)
  }

  /** SIGKILL: nothing of this process runs again; what it wrote stays in the page cache. */
  kill(): void {
    if (!this.alive) return
    this.alive = false
    this.#sim.disk.release(this)
    this.#sim.network.release(this)
  }
}

export class Sim {
  readonly seed: number
  readonly random: SeededRandom
  readonly time: VirtualTime
  readonly disk: SimDisk
  readonly network: SimNetwork
  processesStarted = 0
  #processes: SimProcess[] = []

  constructor(options: SimOptions) {
    this.seed = options.seed
    this.random = seededRandom(options.seed)
    this.time = new VirtualTime()
    this.disk = new SimDisk(this.time, this.random.fork('disk'), options.disk)
    this.network = new SimNetwork(this.time, this.random.fork('network'), options.network)
  }

  /** A new process, with an `Env` of its own. */
  process(name: string): SimProcess {
    this.processesStarted += 1
    const process = new SimProcess(this, name)
    this.#processes.push(process)
    return process
  }

  /** Kills every process and loses what was not synced. */
  powerCut(): void {
    for (const process of this.#processes) process.kill()
    this.#processes = []
    this.disk.powerCut()
  }

  /** Runs virtual time until `promise` settles, and gives its value or throws its error. */
  async run<T>(promise: Promise<T>, options: { readonly timeMaxMs?: number } = {}): Promise<T> {
    await compressionLoaded
    let settled = false
    const watched = promise.finally(() => { settled = true })
    watched.catch(() => {})
    await this.time.runUntil(() => settled, { timeMaxMs: options.timeMaxMs ?? 3_600_000, what: 'the awaited promise' })
    return watched
  }

  /** Runs for `durationMs` of virtual time. */
  async advance(durationMs: number): Promise<void> {
    await compressionLoaded
    return this.time.advance(durationMs)
  }

  async runUntil(done: () => boolean, options?: { readonly timeMaxMs?: number; readonly what?: string }): Promise<void> {
    await compressionLoaded
    return this.time.runUntil(done, options)
  }

  runUntilQuiet(options?: { readonly quietMs?: number; readonly timeMaxMs?: number }): Promise<void> {
    return this.time.runUntilQuiet(options)
  }
}

/** A simulated machine with one process on it: `env` for the system under test, `sim` to drive it. */
export function simEnv(options: SimOptions): { readonly sim: Sim; readonly process: SimProcess; readonly env: Env } {
  const sim = new Sim(options)
  const process = sim.process('main')
  return { sim, process, env: process.env }
}
