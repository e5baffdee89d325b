/**
 * Runs named child processes: starts them, keeps them running, kills them when asked, stops them in order.
 *
 * V1. A child is `starting`, `running`, `waiting` (for its backoff), `failed` or `stopped`: one value, no flags.
 * V2. A child that ends by itself is started again after a backoff that doubles from 100 ms to 5 s and is reset once it has run 10 s.
 *     One that ended five times in a row before that is `failed`: said once, with the last words of the child, and tried again each 5 s. It stays
 *     `failed` until a try has run 10 s. A SIGKILL does not count: it is somebody's wish, not the child's fault.
 * V3. Children have an IPC channel where they speak Node: one says `{ ready }` when it serves, and ends when the channel closes,
 *     so that a supervisor that was killed leaves no orphan. Others are ready when they were started, and the kernel ends them then (orphan-guard.ts).
 * V4. Only processes started here are ever signalled, by their process id.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { ERROR_CODES, type ErrorCode, MillraceError } from '../base/errors.ts'
import { type Logger, printable } from '../base/logger.ts'
import type { Readiness } from '../engines/engine.ts'
import { endOf } from '../engines/java-trace.ts'
import type { Happened } from '../http/happened.ts'
import { guarded } from './orphan-guard.ts'

// The table's own keys.
const CODES = Object.keys(ERROR_CODES) as ErrorCode[]
const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 5000
const STEADY_MS = 10_000
const QUICK_ENDS_MAX = 5
const STOP_MS_MAX = 25_000
const PROBE_MS = 250
const STOP_ORDER: readonly (readonly ChildSpec['kind'][])[] = [['ledger', 'process', 'engine'], ['tasks'], ['broker']]
const LINE_CHARACTERS_MAX = 240

export interface ChildSpec {
  readonly name: string
  readonly kind: 'broker' | 'tasks' | 'process' | 'engine' | 'ledger'
  /** The one task that it runs, where there is one. */
  readonly task?: string | undefined
  /** `node` for a script of ours (with IPC), else any program. */
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
  /** Waits for `{ ready: … }` over IPC before it counts as running. */
  readonly ipc: boolean
  /** Without IPC: when it counts as running; as soon as it was started, without it. */
  readonly ready?: { readonly when: Readiness; readonly msMax: number } | undefined
  /** Each line of its stdout; lines of stderr go to the log. */
  readonly onLine?: ((line: string) => void) | undefined
  /** Takes the lines of stderr instead of the log: of programs that say more than a person wants to read. */
  readonly onErrorLine?: ((line: string) => void) | undefined
  /** What it says over IPC besides `ready`. */
  readonly onMessage?: ((message: object) => void) | undefined
}

export type ChildState = 'starting' | 'running' | 'waiting' | 'failed' | 'stopped'

/** Other times than those of V2: for tests. */
export interface SupervisorTimes {
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  readonly steadyMs: number
}

const TIMES: SupervisorTimes = { backoffMsMin: BACKOFF_MS_MIN, backoffMsMax: BACKOFF_MS_MAX, steadyMs: STEADY_MS }

export interface ChildStatus {
  readonly name: string
  readonly kind: ChildSpec['kind']
  readonly task: string | null
  readonly state: ChildState
  readonly pid: number | null
  readonly restarts: number
  readonly kills: number
  /** Milliseconds from the last end to being ready again; `null` before the first restart. */
  readonly gapMs: number | null
  readonly lastExit: string | null
  /** Its last words where it ended by itself and not well: an error frame, in lines. `null` once it has run steadily again. */
  readonly error: string | null
}

export class Supervisor {
  readonly #logger: Logger
  readonly #times: SupervisorTimes
  readonly #children = new Map<string, Child>()
  #onEvent: (text: string, happened: Happened) => void = () => {}

  constructor(logger: Logger, times: SupervisorTimes = TIMES) {
    this.#logger = logger
    this.#times = times
  }

  /** Told in one line of each start, end and kill. */
  onEvent(callback: (text: string, happened: Happened) => void): void {
    this.#onEvent = callback
  }

  /** Starts a child; resolves with what it said in `ready` (undefined without IPC), rejects if it ends before that. */
  async start(spec: ChildSpec): Promise<unknown> {
    const child = new Child(spec, this.#logger.child({ process: spec.name }), (text, happened) => this.#onEvent(text, happened), this.#times)
    this.#children.set(spec.name, child)
    return child.start()
  }

  /** Stops it and forgets it. */
  async release(name: string): Promise<void> {
    await this.#children.get(name)?.stop()
    this.#children.delete(name)
  }

  /** Starts it again with other arguments; the name stays. */
  async replace(spec: ChildSpec): Promise<unknown> {
    await this.#children.get(spec.name)?.stop()
    return this.start(spec)
  }

  list(): ChildStatus[] {
    return [...this.#children.values()].map(child => child.status())
  }

  /** SIGKILL; the supervisor starts it again. False where it is not running. */
  kill(name: string): boolean {
    return this.#children.get(name)?.kill() ?? false
  }

  /** Stops all: what feeds the tasks, the tasks, the broker. What does not end within 25 s is killed; returns the names of those. */
  async stop(): Promise<string[]> {
    const killed: string[] = []
    for (const kinds of STOP_ORDER) {
      const members = [...this.#children].filter(([, child]) => kinds.includes(child.kind))
      await Promise.all(members.map(async ([name, child]) => { if (await child.stop() === 'killed') killed.push(name) }))
    }
    return killed
  }
}

class Child {
  readonly #spec: ChildSpec
  readonly #logger: Logger
  readonly #event: (text: string, happened: Happened) => void
  readonly #times: SupervisorTimes
  #state: ChildState = 'stopped'
  #process: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #steadyTimer: NodeJS.Timeout | undefined
  #backoffMs: number
  /** In a row, by itself, before it was steady (V2). */
  #quickEnds = 0
  #restarts = 0
  #kills = 0
  #endedAt: number | undefined
  #gapMs: number | null = null
  #lastExit: string | null = null
  #errors: string[] = []
  #error: string | null = null

  constructor(spec: ChildSpec, logger: Logger, event: (text: string, happened: Happened) => void, times: SupervisorTimes) {
    this.#spec = spec
    this.#logger = logger
    this.#event = event
    this.#times = times
    this.#backoffMs = times.backoffMsMin
  }

  get kind(): ChildSpec['kind'] {
    return this.#spec.kind
  }

  status(): ChildStatus {
    return { name: this.#spec.name, kind: this.#spec.kind, task: this.#spec.task ?? null, state: this.#state, pid: this.#process?.pid ?? null, restarts: this.#restarts, kills: this.#kills, gapMs: this.#gapMs, lastExit: this.#lastExit, error: this.#error }
  }

  start(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#spawn(resolve, reason => {
      this.#state = 'stopped'
      this.#clearTimers()
      reject(startFailure(this.#spec, reason, this.#errors))
    }))
  }

  kill(): boolean {
    if (this.#process === undefined || this.#state === 'stopped') return false
    this.#kills++
    this.#event(`${this.#spec.name} killed (SIGKILL, pid ${this.#process.pid ?? '?'})`, { kind: 'killed', values: { name: this.#spec.name, pid: this.#process.pid ?? '?' } })
    return this.#process.kill('SIGKILL')
  }

  async stop(): Promise<'ended' | 'killed'> {
    this.#state = 'stopped'
    this.#clearTimers()
    const running = this.#process
    if (running === undefined) return 'ended'
    let killed = false
    await new Promise<void>(resolve => {
      const timer = setTimeout(() => { killed = true; running.kill('SIGKILL') }, STOP_MS_MAX)
      running.once('close', () => { clearTimeout(timer); resolve() })
      running.kill('SIGTERM')
    })
    return killed ? 'killed' : 'ended'
  }

  #spawn(ready: (said: unknown) => void, failed: ((reason: string) => void) | undefined): void {
    const spec = this.#spec
    if (this.#state !== 'failed') this.#state = 'starting'
    const started = Date.now()
    const env = { ...process.env, ...spec.env }
    const { command, args } = spec.ipc ? spec : guarded(spec.command, spec.args, env['PATH'])
    const child = spawn(command, [...args], {
      cwd: spec.cwd, env,
      // A terminal's Ctrl-C goes to the whole foreground group; children get a group of their own, so that the supervisor decides the order.
      detached: true, stdio: spec.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    let isReady = false
    const becomeReady = (said: unknown): void => {
      if (isReady || this.#process !== child) return
      isReady = true
      if (this.#state === 'starting') this.#state = 'running'
      this.#steadyTimer = setTimeout(() => this.#steady(), Math.max(0, started + this.#times.steadyMs - Date.now())).unref()
      if (this.#endedAt !== undefined) {
        this.#gapMs = Date.now() - this.#endedAt
        const gap = (this.#gapMs / 1000).toFixed(1)
        if (this.#state !== 'failed') this.#event(`${spec.name} is back after ${gap} s (pid ${child.pid ?? '?'})`, { kind: 'back', values: { name: spec.name, seconds: gap, pid: child.pid ?? '?' } })
      }
      ready(said)
    }
    child.on('message', message => {
      if (typeof message !== 'object' || message === null) return
      if ('ready' in message) becomeReady(message.ready)
      else spec.onMessage?.(message)
    })
    const heard = this.#watchReadiness(child, () => becomeReady(undefined))
    splitLines(child.stdout, line => {
      heard(line)
      spec.onLine?.(line)
    })
    splitLines(child.stderr, line => {
      this.#errors = [...this.#errors.slice(-29), line]
      heard(line)
      if (spec.onErrorLine === undefined) this.#logger.info(line)
      else spec.onErrorLine(line)
    })
    child.once('error', error => this.#ended(child, `could not be started: ${error.message}`, started, isReady ? undefined : failed))
    child.once('close', (code, signal) => this.#ended(child, signal ?? `exit code ${code}`, started, isReady ? undefined : failed))
  }

  /** Of a child without IPC: calls `ready` when it is; what it returns is to be told every line. */
  #watchReadiness(child: ChildProcess, ready: () => void): (line: string) => void {
    if (this.#spec.ipc) return () => {}
    const { when, msMax } = this.#spec.ready ?? { when: { kind: 'started' }, msMax: Infinity }
    if (when.kind === 'started') {
      child.once('spawn', ready)
      return () => {}
    }
    const late = setTimeout(() => {
      this.#errors = [...this.#errors, `✖ TIMEOUT  it was not ready within ${msMax / 1000} s, and is ended`]
      child.kill('SIGKILL')
    }, msMax)
    let over = false
    const end = (): void => {
      over = true
      clearTimeout(late)
    }
    child.once('close', end)
    const isReady = (): void => {
      if (over) return
      end()
      ready()
    }
    if (when.kind === 'line') return line => { if (when.pattern.test(line)) isReady() }
    const probe = async (): Promise<void> => {
      if (over) return
      if (await when.check().catch(() => false)) return isReady()
      setTimeout(() => { void probe() }, PROBE_MS)
    }
    void probe()
    return () => {}
  }

  #ended(child: ChildProcess, how: string, startedMs: number, failed: ((reason: string) => void) | undefined): void {
    if (this.#process !== child) return
    this.#process = undefined
    clearTimeout(this.#steadyTimer)
    this.#lastExit = how
    this.#endedAt = Date.now()
    if (this.#state === 'stopped') return
    if (failed !== undefined) return failed(how)
    this.#restarts++
    if (how !== 'SIGKILL') this.#error = frameOf(this.#errors) ?? how
    this.#errors = []
    const { backoffMsMin, backoffMsMax, steadyMs } = this.#times
    const wasSteady = Date.now() - startedMs > steadyMs
    if (wasSteady) this.#quickEnds = 0
    else if (how !== 'SIGKILL') this.#quickEnds++
    this.#backoffMs = wasSteady ? backoffMsMin : Math.min(this.#backoffMs * 2, backoffMsMax)
    if (this.#quickEnds >= QUICK_ENDS_MAX) this.#fail(how)
    else {
      this.#state = 'waiting'
      this.#event(`${this.#spec.name} ended (${how}), starts again in ${this.#backoffMs} ms`, { kind: 'ended', values: { name: this.#spec.name, how, ms: this.#backoffMs } })
    }
    this.#timer = setTimeout(() => this.#spawn(() => {}, undefined), this.#backoffMs)
  }

  /** V2: something that starting again does not mend. Said when it begins, not at each try. */
  #fail(how: string): void {
    this.#backoffMs = this.#times.backoffMsMax
    if (this.#state === 'failed') return
    this.#state = 'failed'
    const reason = this.#error?.split('\n')[0]
    const text = `${this.#spec.name} FAILED: it ended ${this.#quickEnds} times in a row soon after its start (${how})${reason === undefined ? '' : `: ${reason}`}. It is tried again each ${this.#backoffMs / 1000} s.`
    this.#logger.error(text)
    this.#event(text, { kind: 'broken', values: { name: this.#spec.name, times: this.#quickEnds, reason: reason ?? how, seconds: this.#backoffMs / 1000 } })
  }

  #steady(): void {
    this.#quickEnds = 0
    this.#error = null
    if (this.#state !== 'failed') return
    this.#state = 'running'
    this.#event(`${this.#spec.name} has recovered: it has run for ${this.#times.steadyMs / 1000} s`, { kind: 'recovered', values: { name: this.#spec.name, seconds: this.#times.steadyMs / 1000 } })
  }

  #clearTimers(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#steadyTimer)
  }
}

/** Of the last words of a child: from the last line that names an error of ours on, else a JVM's reason, else the last one. */
function frameOf(said: readonly string[]): string | undefined {
  const from = said.findLastIndex(line => line.includes('✖ '))
  const ofJvm = from === -1 ? endOf(said) : undefined
  const lines = ofJvm !== undefined ? [ofJvm] : from === -1 ? said.filter(line => line.trim() !== '').slice(-1) : said.slice(from)
  return lines.length === 0 ? undefined : lines.map(line => printable(line).slice(0, LINE_CHARACTERS_MAX)).join('\n').trim()
}

/** With the code that a child of ours gave as its last words, so that the whole ends with the exit code that the part would end with. */
function startFailure(spec: ChildSpec, reason: string, said: readonly string[]): MillraceError {
  const spoken = said.flatMap(line => /✖ ([A-Z_]+) {2}/.exec(line)?.[1] ?? []).at(-1)
  const code = CODES.find(each => each === spoken) ?? (spec.ipc ? 'INTERNAL' : 'CONFIG_INVALID')
  const ofJvm = spoken === undefined ? endOf(said) : undefined
  const hint = reason.includes('ENOENT') ? `. Is '${spec.command}' installed, and on PATH?` : ''
  return new MillraceError(code, [`${spec.name} ended at its start: ${reason}${hint}${ofJvm === undefined ? '' : `: ${ofJvm}`}`, ...said].join('\n'))
}

function splitLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = ''
  stream?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  stream?.on('end', () => { if (rest !== '') onLine(rest) })
}
