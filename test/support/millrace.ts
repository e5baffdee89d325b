/** The command line as a user runs it: `node dist/src/cli/main.js …`, and a broker of its own on a free port. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './need.ts'
import { type Ran, type RunOptions, runCommand, type Started, startProcess } from './processes.ts'

export const MAIN = join(ROOT, 'dist', 'src', 'cli', 'main.js')

export function millrace(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runCommand(process.execPath, [MAIN, ...args], options)
}

export function startMillrace(args: readonly string[], options: RunOptions = {}): Started {
  return startProcess(process.execPath, [MAIN, ...args], options)
}

export interface TestBroker {
  readonly bootstrap: string
  readonly directory: string
  readonly process: Started
  /** SIGTERM; the exit code. The data stays until `remove`. */
  stop(): Promise<number | null>
  remove(): void
}

/** Starts `millrace broker start` on a free port; `directory` to start again on old data. */
export async function startTestBroker(options: { readonly directory?: string, readonly args?: readonly string[] } = {}): Promise<TestBroker> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'millrace-broker-'))
  const started = startMillrace(['broker', 'start', '--port', '0', '--data', directory, '--json', ...options.args ?? []])
  const [, address] = await started.waitFor(/"address":"([^"]+)"/)
  return {
    bootstrap: address ?? '',
    directory,
    process: started,
    stop: async () => (await started.kill('SIGTERM')).exitCode,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
