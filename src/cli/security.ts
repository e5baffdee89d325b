/** The security of this process's clients: a properties file in Kafka's names, given by `--command-config` or $MILLRACE_COMMAND_CONFIG. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { MillraceError, messageOf } from '../base/errors.ts'
import type { SecurityOptions } from '../client/security.ts'
import { securityOfProperties } from '../client/security-properties.ts'
import type { Call } from './command.ts'

const VARIABLE = 'MILLRACE_COMMAND_CONFIG'

/** Kept in the environment, so that the processes that this command starts connect in the same way. Call it before anything connects. */
export function useCommandConfig(call: Call): void {
  const named = call.text('command-config')
  if (named !== undefined) process.env[VARIABLE] = resolve(named)
}

/** Of a command that starts a broker itself: that one asks nothing of this machine. */
export function forgetCommandConfig(): void {
  delete process.env[VARIABLE]
}

/** `undefined`: plain text. Throws `USAGE` for a file that cannot be read and `CONFIG_INVALID` for what is wrong in it. */
export function commandSecurity(): SecurityOptions | undefined {
  const path = process.env[VARIABLE]
  return path === undefined || path === '' ? undefined : securityOfProperties(contents(path).toString('utf8'), contents, Date.now)
}

function contents(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new MillraceError('USAGE', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}
