#!/usr/bin/env node
/**
 * The command line's entry: finds the command, parses, runs, and turns what happened into an exit code.
 *
 * The first Ctrl-C (or SIGTERM) asks the command to end cleanly; a second one ends the process at once with 130.
 */
import { readFileSync } from 'node:fs'
import { exitCodeOf, MillraceError, messageOf } from '../base/errors.ts'
import { findCommand, parseCall } from './command.ts'
import { COMMANDS, loadAll } from './commands/index.ts'
import { helpOf, overview } from './help.ts'
import { Output } from './render.ts'
import { useCommandConfig } from './security.ts'

const args = process.argv.slice(2)
const output = new Output({ stdout: process.stdout, stderr: process.stderr, json: args.includes('--json'), environment: process.env })
// A reader that closes its end early (`| head`) is no failure.
process.stdout.on('error', error => { if ('code' in error && error.code === 'EPIPE') process.exit(0) })

process.exitCode = await main()
// What a slow reader has not taken yet is not lost.
await Promise.all([process.stdout, process.stderr].map(stream => new Promise(resolve => stream.write('', resolve))))
// Timers and sockets of a finished command must not keep the shell waiting; whoever owns state has closed it by now.
process.exit()

async function main(): Promise<number> {
  try {
    if (args.length === 0 || (args.length === 1 && /^(-h|--help|help)$/.test(args[0] ?? ''))) {
      process.stdout.write(`${overview(await loadAll(), version())}\n`)
      return args.length === 0 ? 2 : 0
    }
    if (args[0] === '--version' || args[0] === '-V') {
      process.stdout.write(`${version()}\n`)
      return 0
    }
    const { command: found, rest } = findCommand(COMMANDS, args)
    const command = await found.load()
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(`${helpOf(command)}\n`)
      return 0
    }
    const call = parseCall(command, rest, output, endOnSignal())
    if (command.options['command-config'] !== undefined) useCommandConfig(call)
    return await command.run(call)
  } catch (error) {
    report(error)
    return exitCodeOf(error)
  }
}

function report(error: unknown): void {
  if (error instanceof MillraceError) {
    output.note(`✖ ${error.code}  ${error.message}`)
    output.document({ error: { code: error.code, message: error.message, retriable: error.retriable, detail: error.detail } })
    if (process.env['MILLRACE_STACKS'] !== undefined) output.note(error.stack ?? '')
  } else {
    // Not one of ours: a bug, or user code that threw outside the runtime. The stack is what helps.
    output.note(error instanceof Error ? error.stack ?? messageOf(error) : messageOf(error))
    output.document({ error: { code: 'INTERNAL', message: messageOf(error) } })
  }
}

function endOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort()
    })
  }
  return controller.signal
}

function version(): string {
  // package.json stands two folders above dist/src/cli, also where the package is installed.
  const file: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  return typeof file === 'object' && file !== null && 'version' in file ? String(file.version) : '?'
}
