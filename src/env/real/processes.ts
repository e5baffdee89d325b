/** Child processes: started without a shell, their output handed over by lines, stopped by process id. */
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>
  readonly directory: string | undefined
  readonly onLine: (stream: 'stdout' | 'stderr', line: string) => void
}

export interface ChildEnd {
  readonly code: number | null
  readonly signal: string | null
  /** Why it could not be started at all. */
  readonly problem: string | undefined
}

export interface Child {
  /** -1 where it could not be started. */
  readonly pid: number
  readonly ended: Promise<ChildEnd>
  signal(name: 'SIGTERM' | 'SIGKILL'): void
}

const LINE_MAX = 8_192

export function startChild(options: ChildOptions): Child {
  const child = spawn(options.command, [...options.args], {
    cwd: options.directory, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'], shell: false,
  })
  byLines(child.stdout, line => options.onLine('stdout', line))
  byLines(child.stderr, line => options.onLine('stderr', line))
  // A child must not outlive the process that watches it.
  const onExit = (): void => { child.kill('SIGKILL') }
  process.once('exit', onExit)
  const ended = new Promise<ChildEnd>(resolve => {
    child.once('error', error => resolve({ code: null, signal: null, problem: error.message }))
    child.once('close', (code, signal) => resolve({ code, signal, problem: undefined }))
  }).finally(() => process.off('exit', onExit))
  return { pid: child.pid ?? -1, ended, signal: name => void child.kill(name) }
}

function byLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(0, LINE_MAX)
    for (const line of lines) onLine(line.slice(0, LINE_MAX))
  })
  stream.on('end', () => { if (rest !== '') onLine(rest) })
}
