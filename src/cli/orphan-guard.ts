/**
 * Ends a child that speaks no IPC with its supervisor, also where that was killed: a JVM that lived on would hold its ports, its group and its transactions
 * against the one that is started next.
 *
 * On Linux the kernel does it (prctl(2), PR_SET_PDEATHSIG): util-linux's `setpriv` sets it and then becomes the program, so the process id is the program's.
 * Elsewhere, and where `setpriv` cannot do it (busybox), such a child outlives a supervisor that dies of SIGKILL.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Started {
  readonly command: string
  readonly args: readonly string[]
}

let isPossible: boolean | undefined

/** What to spawn so that `command` dies with this process. */
export function guarded(command: string, args: readonly string[], path: string | undefined): Started {
  isPossible ??= process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0
  // A program that is not there is spawned as it is, so that the error names it.
  return isPossible && isProgram(command, path) ? { command: 'setpriv', args: ['--pdeathsig', 'KILL', '--', command, ...args] } : { command, args }
}

function isProgram(command: string, path: string | undefined): boolean {
  const candidates = command.includes('/') ? [command] : (path ?? '').split(delimiter).map(folder => join(folder, command))
  return candidates.some(candidate => {
    try {
      accessSync(candidate, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
