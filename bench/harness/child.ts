/**
 * A process of a measurement, with everything it says in a file. Children of it are found through /proc and ended with it, by their ids.
 *
 * P1. Whatever ends the harness, what it started is killed.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { treeOf } from './usage.ts'

export interface Child {
  readonly pid: number
  isAlive(): boolean
  /** The end of what it said. */
  lastWords(): string
  /** SIGTERM; after `graceMs` SIGKILL, to it and to what it started. */
  end(graceMs: number): Promise<void>
}

const alive = new Set<number>()
process.on('exit', () => { for (const pid of alive) for (const each of treeOf(pid)) signal(each, 'SIGKILL') })

export function startChild(command: string, args: readonly string[], options: { readonly log: string, readonly env?: Readonly<Record<string, string>> | undefined, readonly cwd?: string | undefined }): Child {
  const log = openSync(options.log, 'a')
  const child = spawn(command, [...args], { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', log, log] })
  closeSync(log)
  const { pid } = child
  if (pid === undefined) throw new Error(`${command} cannot be started`)
  alive.add(pid)
  let isOver = false
  const over = new Promise<void>(resolve => {
    child.once('error', () => { isOver = true; resolve() })
    child.once('close', () => { isOver = true; alive.delete(pid); resolve() })
  })
  return {
    pid,
    isAlive: () => !isOver,
    lastWords: () => readFileSync(options.log, 'utf8').slice(-3_000),
    async end(graceMs) {
      const tree = treeOf(pid)
      signal(pid, 'SIGTERM')
      await Promise.race([over, sleep(graceMs, undefined, { ref: false })])
      for (const each of tree) signal(each, 'SIGKILL')
      await over
    },
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}
