/**
 * The programme on the real system: brokers that are processes and die by SIGKILL, at a random moment or at the N-th call of a kind;
 * and a file system that loses power under a running broker.
 *
 * R1. Power cuts: ext4 on a loop device in memory, `FS_IOC_SHUTDOWN` without a log flush, then unmounted and mounted again: what was not
 *     synced is gone, what is asked of the file system in between is EIO. Refused where the directory is on the root's device, or not on a loop.
 * R2. Death at the N-th call: `strace -e inject=CALL:signal=KILL:when=N`. strace counts by thread, so the pool of libuv has one.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Broker } from '../../src/broker/broker.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { seededRandom } from '../../src/testing/sim/random.ts'
import { startProcess } from '../support/processes.ts'
import type { Started } from '../support/processes.ts'
import { WireClient } from '../support/wire-client.ts'
import { Lanes } from './lanes.ts'

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'src', 'broker', 'main.js')
/** After so many deaths a new, empty directory: everything is read at every start. */
const ROUNDS_OF_A_DIRECTORY = 20
const GODOWN = `
import fcntl, os, struct, sys
for line in sys.stdin:
    path = line.strip()
    mounts = [m.split() for m in open('/proc/mounts')]
    source = [m[0] for m in mounts if m[1] == path]
    if os.stat(path).st_dev == os.stat('/').st_dev or not source or not source[-1].startswith('/dev/loop'):
        print('refused', flush=True)
        continue
    fd = os.open(path, os.O_RDONLY)
    fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))
    os.close(fd)
    print('cut', flush=True)
`

export interface RealOutcome {
  deaths: number
  records: number
  transactions: number
  wrong: string[]
  /** Of power cuts: those after which something acknowledged could not have been only in the page cache. */
  seconds: number
}

export interface RealOptions {
  readonly seed: number
  readonly deaths: number
  readonly secondsMax: number
  readonly say: (line: string) => void
}

const sleep = (ms: number): Promise<void> => new Promise(resolve => void setTimeout(resolve, ms))

function startProgram(directory: string, wrapper: readonly string[] = []): Started {
  const [command = process.execPath, ...before] = [...wrapper, process.execPath]
  return startProcess(command, [...before, MAIN, '--port', '0', '--data', directory], { env: { UV_THREADPOOL_SIZE: wrapper.length > 0 ? '1' : '4' } })
}

async function portOf(broker: Started): Promise<{ readonly port: number; readonly pid: number }> {
  const [, port, pid] = await broker.waitFor(/"address":"[^"]*:(\d+)".*"pid":(\d+)/)
  return { port: Number(port), pid: Number(pid) }
}

const connect = (port: number): Promise<WireClient> => WireClient.connect(realEnv, port)

async function connectThree(port: number): Promise<[WireClient, WireClient, WireClient]> {
  return [await connect(port), await connect(port), await connect(port)]
}

function tally(outcome: RealOutcome, lanes: Lanes): void {
  outcome.records += lanes.acknowledged.records
  outcome.transactions += lanes.acknowledged.transactions
}

/** SIGKILL at random moments of work, and of the start itself. */
export async function randomKills(options: RealOptions): Promise<RealOutcome> {
  const random = seededRandom(options.seed)
  const outcome: RealOutcome = { deaths: 0, records: 0, transactions: 0, wrong: [], seconds: 0 }
  const began = performance.now()
  const isOver = (): boolean => outcome.deaths >= options.deaths || outcome.wrong.length > 0 || performance.now() - began > options.secondsMax * 1000
  while (!isOver()) {
    const directory = mkdtempSync('/dev/shm/millrace-kills-')
    const lanes = new Lanes()
    for (let round = 0; round <= ROUNDS_OF_A_DIRECTORY; round++) {
      const isLast = round === ROUNDS_OF_A_DIRECTORY || isOver()
      const broker = startProgram(directory)
      if (!isLast && random.chance(1 / 6)) {
        await sleep(random.below(400))
        await broker.kill()
        outcome.deaths += 1
        continue
      }
      try {
        const { port } = await portOf(broker)
        const client = await connect(port)
        await lanes.resume(client)
        outcome.wrong.push(...await lanes.verify(client))
        if (!isLast && outcome.wrong.length === 0) {
          let dead = false
          const work = lanes.run(await connectThree(port), () => dead)
          await sleep(random.below(150))
          dead = true
          const killed = broker.kill()
          outcome.deaths += 1
          await work
          await killed
        }
      } catch (error) {
        outcome.wrong.push(`${String(error)} ${broker.stderr()}`)
      }
      await broker.kill()
      if (isLast || outcome.wrong.length > 0) break
    }
    tally(outcome, lanes)
    if (outcome.wrong.length === 0) rmSync(directory, { recursive: true, force: true })
    else outcome.wrong.push(`the directory is kept: ${directory}`)
    options.say(`random kills: ${outcome.deaths}`)
  }
  outcome.seconds = (performance.now() - began) / 1000
  return outcome
}

/** R2: the workload is done anew for each call, and dies at it; until it comes to its end alive. */
export async function killsAtCalls(options: RealOptions & { readonly calls: readonly string[] }): Promise<RealOutcome & { readonly byCall: Readonly<Record<string, number>>; readonly complete: boolean }> {
  const outcome: RealOutcome = { deaths: 0, records: 0, transactions: 0, wrong: [], seconds: 0 }
  const byCall: Record<string, number> = {}
  let complete = true
  const began = performance.now()
  for (const call of options.calls) {
    for (let at = 1; outcome.wrong.length === 0; at++) {
      if (outcome.deaths >= options.deaths || performance.now() - began > options.secondsMax * 1000) {
        complete = false
        break
      }
      const directory = mkdtempSync('/dev/shm/millrace-calls-')
      const lanes = new Lanes()
      const survived = await diesAt(call, at, directory, lanes, outcome)
      tally(outcome, lanes)
      if (outcome.wrong.length === 0) rmSync(directory, { recursive: true, force: true })
      if (survived) break
      outcome.deaths += 1
      byCall[call] = (byCall[call] ?? 0) + 1
    }
    options.say(`kills at ${call}: ${byCall[call] ?? 0}`)
  }
  outcome.seconds = (performance.now() - began) / 1000
  return { ...outcome, byCall, complete }
}

async function diesAt(call: string, at: number, directory: string, lanes: Lanes, outcome: RealOutcome): Promise<boolean> {
  const traced = startProgram(directory, ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${at}`])
  let survived = false
  try {
    const { port, pid } = await portOf(traced)
    const client = await connect(port)
    await lanes.resume(client)
    const until = lanes.acknowledged
    await lanes.run(await connectThree(port), () => until.records >= 24 && until.transactions >= 4)
    process.kill(pid, 'SIGTERM')
    survived = (await traced.exited).exitCode === 0
  } catch { /* It died before it was ready, or under the client's hands: what was acknowledged is what counts. */ }
  const traces = await traced.exited
  if (!survived && traces.signal !== 'SIGKILL' && traces.exitCode !== 137) outcome.wrong.push(`${call} ${at}: ended with ${traces.exitCode ?? traces.signal}: ${traces.stderr}`)
  const again = startProgram(directory)
  try {
    const { port } = await portOf(again)
    const client = await connect(port)
    await lanes.resume(client)
    outcome.wrong.push(...(await lanes.verify(client)).map(wrong => `${call} ${at}: ${wrong}`))
  } catch (error) {
    outcome.wrong.push(`${call} ${at}: ${String(error)}`)
  }
  await again.kill()
  return survived
}

/** Why power cannot be cut here; `undefined` where it can. */
export function powerCutsImpossible(): string | undefined {
  if (process.getuid?.() !== 0) return 'loop devices need root'
  try {
    statSync('/dev/loop-control')
    for (const command of ['mkfs.ext4', 'python3']) execFileSync('which', [command], { stdio: 'ignore' })
    return undefined
  } catch (error) {
    return `no loop device, mkfs.ext4 or python3: ${String(error)}`
  }
}

/** R1. */
export class CuttableDisk {
  readonly #folder = mkdtempSync('/dev/shm/millrace-power-')
  readonly mount = join(this.#folder, 'disk')
  readonly #image = join(this.#folder, 'disk.img')
  readonly #helper = startProcess('python3', ['-c', GODOWN])

  format(): void {
    execFileSync('truncate', ['-s', '128M', this.#image])
    execFileSync('mkfs.ext4', ['-qF', this.#image])
    mkdirSync(this.mount, { recursive: true })
  }

  attach(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.mount])
  }

  async cut(): Promise<void> {
    const said = this.#helper.stdout().length
    this.#helper.child.stdin?.write(`${this.mount}\n`)
    while (!this.#helper.stdout().slice(said).endsWith('\n')) await sleep(1)
    if (!this.#helper.stdout().slice(said).startsWith('cut')) throw new Error(`the power of ${this.mount} was not cut: it is not on a loop device of its own`)
  }

  async detach(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        execFileSync('umount', [this.mount], { stdio: 'ignore' })
        return
      } catch (error) {
        if (tries > 200) throw error
        await sleep(20)
      }
    }
  }

  async remove(): Promise<void> {
    await this.#helper.kill()
    if (readFileSync('/proc/mounts', 'utf8').includes(this.mount)) await this.detach()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The power goes while a broker (in this process, on the real disk) works. */
export async function powerCuts(options: RealOptions): Promise<RealOutcome> {
  const random = seededRandom(options.seed)
  const outcome: RealOutcome = { deaths: 0, records: 0, transactions: 0, wrong: [], seconds: 0 }
  const disk = new CuttableDisk()
  const began = performance.now()
  const isOver = (): boolean => outcome.deaths >= options.deaths || outcome.wrong.length > 0 || performance.now() - began > options.secondsMax * 1000
  try {
    while (!isOver()) {
      disk.format()
      const lanes = new Lanes()
      for (let round = 0; round <= ROUNDS_OF_A_DIRECTORY && !isOver(); round++) {
        disk.attach()
        const cut = await cutOnce(disk, lanes, round === ROUNDS_OF_A_DIRECTORY ? undefined : random.below(60), outcome)
        if (cut) outcome.deaths += 1
        await disk.detach()
      }
      tally(outcome, lanes)
      options.say(`power cuts: ${outcome.deaths}`)
    }
  } finally {
    await disk.remove()
  }
  outcome.seconds = (performance.now() - began) / 1000
  return outcome
}

async function cutOnce(disk: CuttableDisk, lanes: Lanes, afterMs: number | undefined, outcome: RealOutcome): Promise<boolean> {
  const broker = await Broker.start(realEnv, { directory: join(disk.mount, 'data'), port: 0 })
  const clients: WireClient[] = []
  try {
    const client = await connect(broker.port)
    clients.push(client)
    await lanes.resume(client)
    outcome.wrong.push(...await lanes.verify(client))
    if (afterMs === undefined || outcome.wrong.length > 0) return false
    const three = await connectThree(broker.port)
    clients.push(...three)
    let dead = false
    const work = lanes.run(three, () => dead)
    await sleep(afterMs)
    // Nobody hears an answer from the moment on at which the power goes: a shut down file system is not one that lost it, and may still
    // answer a sync that was under way. What had been answered before is what counts.
    dead = true
    for (const each of clients) each.close()
    await disk.cut()
    await work
    return true
  } catch (error) {
    outcome.wrong.push(String(error))
    return false
  } finally {
    for (const each of clients) each.close()
    await broker.close().catch(() => { /* The disk is gone. */ })
  }
}
