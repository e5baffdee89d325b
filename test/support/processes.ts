/**
 * Child processes of tests: started, watched and stopped by process id, their output kept for the failure message.
 * Time limits only end what hangs: they are far above what anything takes on two busy cores.
 */
import { type ChildProcess, spawn } from 'node:child_process'

export interface Ran {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Buffer | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
  readonly timeoutMs?: number | undefined
}

/** Runs a command to its end; does not throw for a bad exit code. After `timeoutMs` (120 s) it is killed. */
export function runCommand(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const started = startProcess(command, args, options)
  if (options.input !== undefined) started.child.stdin?.end(options.input)
  else started.child.stdin?.end()
  const timer = setTimeout(() => started.child.kill('SIGKILL'), options.timeoutMs ?? 120_000)
  return started.exited.finally(() => clearTimeout(timer))
}

/** As `runCommand`, but throws with the command's output unless it ended with exit code 0. */
export async function mustRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await runCommand(command, args, options)
  if (ran.exitCode !== 0) throw new Error(`${command} ${args.slice(0, 8).join(' ')} ended with ${ran.exitCode ?? ran.signal}\n${ran.stdout.slice(-4000)}\n${ran.stderr.slice(-4000)}`)
  return ran
}

export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  readonly exited: Promise<Ran>
  stdout(): string
  stderr(): string
  /** Resolves when a line of output (either stream) matches; rejects with the output when the process ends first or after `timeoutMs`. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>
  kill(signal?: NodeJS.Signals): Promise<Ran>
}

const running = new Set<ChildProcess>()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

export function startProcess(command: string, args: readonly string[], options: RunOptions = {}): Started {
  const child = spawn(command, [...args], { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  running.add(child)
  let stdout = ''
  let stderr = ''
  const watchers = new Set<() => void>()
  child.stdin?.on('error', () => { /* the process ended before it read everything; its exit code says so */ })
  child.stdout?.on('data', (chunk: Buffer) => { stdout += chunk.toString(); for (const watcher of watchers) watcher() })
  child.stderr?.on('data', (chunk: Buffer) => { stderr += chunk.toString(); for (const watcher of watchers) watcher() })
  const exited = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode, signal) => {
      running.delete(child)
      resolve({ exitCode, signal, stdout, stderr })
    })
  })
  return {
    child,
    pid: child.pid ?? -1,
    exited,
    stdout: () => stdout,
    stderr: () => stderr,
    waitFor(pattern, timeoutMs = 90_000) {
      return new Promise((resolve, reject) => {
        const stop = (): void => { watchers.delete(look); clearTimeout(timer) }
        const fail = (why: string): void => { stop(); reject(new Error(`${command}: ${why} before ${pattern}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`)) }
        const look = (): void => {
          const match = stdout.match(pattern) ?? stderr.match(pattern)
          if (match !== null) { stop(); resolve(match) }
        }
        const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs)
        watchers.add(look)
        exited.then(() => { look(); fail('it ended') }, error => fail(String(error)))
        look()
      })
    },
    kill(signal = 'SIGKILL') {
      child.kill(signal)
      return exited
    },
  }
}
