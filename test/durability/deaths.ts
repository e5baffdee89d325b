/**
 * Ways for a broker to die, one after the other under traffic that goes on: `kill` (SIGKILL at random moments, a third of them while it recovers),
 * `write` (SIGKILL before its N-th change of the disk, by strace, N = 1, 2, 3 …) and `power` (an ext4 file system on a loop device is shut down
 * without its journal, so that nothing unsynced survives, and mounted again).
 *
 *   node dist/test/durability/deaths.js --how kill|write|power --deaths 500 [--seed 1]
 *
 * `write` needs strace, `power` needs root, mkfs.ext4 and python3. Prints one line of JSON; ends with 1 where the recount does not balance.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { realEnv } from '../../src/env/real/env.ts'
import { freePorts } from '../support/kafka.ts'
import { ROOT } from '../support/need.ts'
import { mustRun, runCommand, startProcess } from '../support/processes.ts'
import type { Started } from '../support/processes.ts'
import { seededRandom } from '../support/seeded-random.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { Traffic } from './traffic.ts'
import type { Account } from './traffic.ts'

export const HOWS = ['kill', 'write', 'power'] as const
export type How = typeof HOWS[number]

export interface Deaths {
  readonly how: How
  readonly seed: number
  readonly deaths: number
  /** Of them before the broker served again. */
  readonly duringRecovery: number
  readonly seconds: number
  readonly readyMs: { readonly p50: number; readonly max: number }
  readonly account: Account
}

export interface DeathsOptions {
  readonly how: How
  readonly deaths: number
  readonly seed: number
  /** Minutes after which no further death is begun. */
  readonly minutesMax?: number
  /** `os` is a defect planted under `power`: it acknowledges what is not on the disk. */
  readonly durability?: 'sync' | 'os'
  readonly log?: (line: string) => void
}

export const isBalanced = ({ account }: Deaths): boolean => account.acknowledged > 0 && account.transactions.committed > 0 && account.lost + account.doubled + account.broken === 0

const MAIN = join(ROOT, 'dist', 'src', 'broker', 'main.js')
/** What changes a disk. */
const WRITES = 'pwrite64,ftruncate,fdatasync,fsync,rename,unlink'
/** FS_IOC_SHUTDOWN, without a flush of the journal, as soon as a line comes. */
const SHUT_DOWN = 'import fcntl, os, struct, sys\nfd = os.open(sys.argv[1], os.O_RDONLY)\nassert os.fstat(fd).st_dev != os.stat("/").st_dev\nprint("ready", flush=True)\nsys.stdin.readline()\nfcntl.ioctl(fd, 0x8004587d, struct.pack("I", 2))\n'

export async function deaths(options: DeathsOptions): Promise<Deaths> {
  const random = seededRandom(options.seed)
  const startedAt = performance.now()
  const disk = options.how === 'power' ? await PowerDisk.make() : plainDisk()
  const [port = 0] = await freePorts(1)
  const broker = new Broker(port, join(disk.path, 'data'), options)
  const ready: number[] = []
  let count = 0
  let duringRecovery = 0
  try {
    ready.push(await broker.start())
    const traffic = await Traffic.start(`127.0.0.1:${port}`)
    const until = performance.now() + (options.minutesMax ?? 60) * 60_000
    while (count < options.deaths && performance.now() < until) {
      const isEarly = await dieOnce(broker, disk, { how: options.how, number: count, random, traffic })
      if (isEarly) duringRecovery++
      count++
      ready.push(await broker.start())
      if (count % 25 === 0) options.log?.(`${count} of ${options.deaths} deaths, ${traffic.acknowledged} acknowledged, ready in ${Math.round(ready.at(-1) ?? 0)} ms`)
    }
    await traffic.stop()
    const account = await traffic.account()
    ready.sort((a, b) => a - b)
    return {
      how: options.how, seed: options.seed, deaths: count, duringRecovery, seconds: Math.round((performance.now() - startedAt) / 1000),
      readyMs: { p50: Math.round(ready[Math.floor(ready.length / 2)] ?? 0), max: Math.round(ready.at(-1) ?? 0) }, account,
    }
  } finally {
    await broker.kill()
    await disk.remove()
  }
}

/** Gives whether the broker died before it served. */
async function dieOnce(broker: Broker, disk: DiskUnder, { how, number, random, traffic }: { how: How; number: number; random: SeededRandom; traffic: Traffic }): Promise<boolean> {
  await realEnv.clock.sleep(random.below(400))
  if (how === 'write') {
    await broker.kill()
    return broker.dieBefore(1 + number)
  }
  if (how === 'power') {
    await traffic.duringCut(async () => {
      await disk.cut()
      await broker.kill()
    })
    await disk.mount()
    return false
  }
  await broker.kill()
  if (number % 3 !== 2) return false
  // And once more, while it starts.
  return broker.killStarting(random.below(300))
}

class Broker {
  readonly #port: number
  readonly #directory: string
  readonly #options: DeathsOptions
  #process: Started | undefined

  constructor(port: number, directory: string, options: DeathsOptions) {
    this.#port = port
    this.#directory = directory
    this.#options = options
  }

  get #args(): string[] {
    return [MAIN, '--port', String(this.#port), '--data', this.#directory, '--durability', this.#options.durability ?? 'sync']
  }

  /** Resolves with the milliseconds until it served. */
  async start(): Promise<number> {
    const startedAt = performance.now()
    this.#process = startProcess(process.execPath, this.#args)
    await this.#process.waitFor(/"ready":true/)
    return performance.now() - startedAt
  }

  async kill(): Promise<void> {
    await this.#process?.kill('SIGKILL')
    this.#process = undefined
  }

  async killStarting(afterMs: number): Promise<boolean> {
    const starting = startProcess(process.execPath, this.#args)
    await realEnv.clock.sleep(afterMs)
    const ran = await starting.kill('SIGKILL')
    return !ran.stdout.includes('"ready":true')
  }

  /** Starts it so that it dies before its `n`-th change of the disk, while it recovers or serves. */
  async dieBefore(n: number): Promise<boolean> {
    const ran = await runCommand('strace', ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${WRITES}`, '-e', `inject=${WRITES}:signal=KILL:when=${n}`, process.execPath, ...this.#args], { env: { UV_THREADPOOL_SIZE: '1' }, timeoutMs: 60_000 })
    if (ran.signal !== 'SIGKILL' && ran.exitCode !== 137) throw new Error(`strace ended with ${ran.exitCode ?? ran.signal}: ${ran.stderr.slice(-2000)}`)
    return !ran.stdout.includes('"ready":true')
  }
}

interface DiskUnder {
  readonly path: string
  cut(): Promise<void>
  mount(): Promise<void>
  remove(): Promise<void>
}

function plainDisk(): DiskUnder {
  const path = mkdtempSync(join(tmpdir(), 'millrace-deaths-'))
  return { path, cut: () => Promise.resolve(), mount: () => Promise.resolve(), remove: () => Promise.resolve(rmSync(path, { recursive: true, force: true })) }
}

class PowerDisk implements DiskUnder {
  readonly #folder: string
  readonly #image: string
  readonly path: string
  /** Holds the file system open, and shuts it down. */
  #switch: Started | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.#image = join(folder, 'disk.img')
    this.path = join(folder, 'mounted')
  }

  static async make(): Promise<PowerDisk> {
    const disk = new PowerDisk(mkdtempSync('/dev/shm/millrace-power-'))
    mkdirSync(disk.path)
    await mustRun('truncate', ['-s', '512M', disk.#image])
    await mustRun('mkfs.ext4', ['-qF', disk.#image])
    await disk.mount()
    return disk
  }

  /** Nothing that is not on the device by now will ever be. */
  async cut(): Promise<void> {
    if (statSync(this.path).dev === statSync('/').dev) throw new Error(`${this.path} is not mounted: the machine's own disk is not cut off`)
    this.#switch?.child.stdin?.write('\n')
    const ran = await this.#switch?.exited
    if (ran?.exitCode !== 0) throw new Error(`the file system could not be shut down: ${ran?.stderr ?? 'it was not mounted'}`)
  }

  async mount(): Promise<void> {
    if (statSync(this.path).dev !== statSync(this.#folder).dev) await mustRun('umount', [this.path])
    await mustRun('mount', ['-o', 'loop', this.#image, this.path])
    this.#switch = startProcess('python3', ['-c', SHUT_DOWN, this.path])
    await this.#switch.waitFor(/ready/)
  }

  async remove(): Promise<void> {
    await this.#switch?.kill('SIGKILL')
    if (statSync(this.path).dev !== statSync(this.#folder).dev) await runCommand('umount', [this.path])
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

if (process.argv[1]?.endsWith('deaths.js') === true) {
  const { values } = parseArgs({ options: { how: { type: 'string', default: 'kill' }, deaths: { type: 'string', default: '500' }, seed: { type: 'string' }, minutes: { type: 'string', default: '60' }, durability: { type: 'string', default: 'sync' } } })
  const how = HOWS.find(each => each === values.how)
  if (how === undefined) throw new Error(`--how takes ${HOWS.join(', ')}`)
  const run = await deaths({
    how, deaths: Number(values.deaths), seed: values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed), minutesMax: Number(values.minutes),
    durability: values.durability === 'os' ? 'os' : 'sync', log: line => console.error(line),
  })
  console.log(JSON.stringify(run))
  process.exit(isBalanced(run) ? 0 : 1)
}
