/**
 * Commands as data: one table gives parsing, `--help`, `did you mean` and completion.
 *
 * X1. An unknown option, a missing argument or a bad value is `USAGE` (exit 2) and names what was expected.
 * X2. Every command understands `--json` and `--help`; one that talks to a cluster understands `--bootstrap`.
 * X3. `run` returns the exit code; it throws `MillraceError` for what went wrong outside.
 */
import { parseArgs } from 'node:util'
import { MillraceError } from '../base/errors.ts'
import type { Output } from './render.ts'

export interface OptionSpec {
  /** A `number` is whole, and at least `min`. */
  readonly type: 'string' | 'number' | 'boolean'
  /** Of a number: 0 where it is left out. */
  readonly min?: number
  readonly max?: number
  readonly short?: string
  readonly describe: string
  /** What stands for the value in help: `HOST:PORT`. */
  readonly value?: string
  readonly default?: string | number | boolean
  readonly multiple?: boolean
}

export interface Positional {
  readonly name: string
  readonly describe: string
  readonly optional?: boolean
  /** The last one may be given more than once. */
  readonly many?: boolean
}

export interface Command {
  /** `['topic', 'ls']` */
  readonly path: readonly string[]
  readonly summary: string
  readonly positionals: readonly Positional[]
  readonly options: Readonly<Record<string, OptionSpec>>
  readonly examples: readonly string[]
  run(call: Call): Promise<number>
}

/** A command by its words; what it takes and does is loaded when it is wanted. */
export interface CommandEntry {
  /** The same as its command's. */
  readonly path: readonly string[]
  load(): Promise<Command>
}

/** One parsed call of a command. */
export interface Call {
  readonly output: Output
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
  positional(name: string): string | undefined
  required(name: string): string
  /** Every value of a positional that may be given more than once. */
  many(name: string): readonly string[]
  text(option: string): string | undefined
  texts(option: string): readonly string[]
  number(option: string): number | undefined
  flag(option: string): boolean
}

export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  json: { type: 'boolean', describe: 'one JSON document (or one a line) on stdout, nothing else' },
  help: { type: 'boolean', short: 'h', describe: 'this text' },
}

export const CLUSTER_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  bootstrap: { type: 'string', short: 'b', value: 'HOST:PORT', describe: 'a broker to ask first; default $MILLRACE_BOOTSTRAP, else localhost:9092' },
  'command-config': { type: 'string', value: 'FILE', describe: "how to connect, in Kafka's properties (security.protocol, ssl.*, sasl.*); default $MILLRACE_COMMAND_CONFIG" },
}

/** `--cluster N`, of commands that start a broker. */
export const KAFKA_OPTION: Readonly<Record<string, OptionSpec>> = {
  cluster: { type: 'number', value: 'N', describe: "Apache Kafka as the broker: N of its brokers on this machine (millrace engines install kafka@4.1), replication 3 where N is 3 or more", min: 1, max: 9 },
}

export const PORT_MAX = 65_535

export function defineCommand(command: Command): Command {
  return command
}

export function usage(message: string): MillraceError {
  return new MillraceError('USAGE', message)
}

/** Finds the command that `args` begin with. */
export function findCommand<Named extends { readonly path: readonly string[] }>(commands: readonly Named[], args: readonly string[]): { command: Named, rest: string[] } {
  const found = commands.filter(command => command.path.every((word, index) => args[index] === word)).sort((a, b) => b.path.length - a.path.length)[0]
  if (found !== undefined) return { command: found, rest: args.slice(found.path.length) }
  const words = args.filter(arg => !arg.startsWith('-')).slice(0, 2)
  const group = commands.filter(command => command.path[0] === words[0])
  if (group.length > 0) {
    const names = group.map(command => command.path[1] ?? '')
    if (words[1] === undefined) throw usage(`'millrace ${words[0]}' needs one of: ${names.join(', ')}.`)
    throw usage(`'millrace ${words.join(' ')}' does not exist.${didYouMean(words[1], names)} There are: ${names.join(', ')}.`)
  }
  const names = [...new Set(commands.map(command => command.path[0] ?? ''))]
  throw usage(`'millrace ${words[0] ?? args[0] ?? ''}' does not exist.${didYouMean(words[0] ?? '', names)} There are: ${names.join(', ')}.`)
}

export function parseCall(command: Command, args: readonly string[], output: Output, signal: AbortSignal): Call {
  const specs: Readonly<Record<string, OptionSpec>> = { ...command.options, ...COMMON_OPTIONS }
  const { values, positionals } = parseStrictly(command, specs, args)
  const names = command.positionals.map(positional => positional.name)
  const many = command.positionals.at(-1)?.many === true
  if (positionals.length > names.length && !many) throw usage(`'${positionals[names.length]}' is one argument too many. Usage: ${usageLine(command)}`)
  command.positionals.forEach((positional, index) => {
    if (positional.optional !== true && positionals[index] === undefined) throw usage(`${positional.name} is missing: ${positional.describe}. Usage: ${usageLine(command)}`)
  })
  for (const [name, spec] of Object.entries(specs)) if (spec.type === 'number') asNumber(name, spec, values[name])
  const valueOf = (name: string): unknown => {
    if (specs[name] === undefined) throw new Error(`${command.path.join(' ')} declares no option '${name}'`)
    return values[name] ?? specs[name].default
  }
  return {
    output,
    signal,
    positional: name => positionals[names.indexOf(name)],
    required(name) {
      const value = positionals[names.indexOf(name)]
      if (value === undefined) throw new Error(`${command.path.join(' ')} declares no required ${name}`)
      return value
    },
    many: name => positionals.slice(names.indexOf(name)),
    text: name => asText(valueOf(name)),
    texts: name => [valueOf(name) ?? []].flat().map(String),
    number: name => asNumber(name, specs[name] ?? {}, valueOf(name)),
    flag: name => valueOf(name) === true,
  }
}

function asText(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value)
}

function asNumber(name: string, spec: Pick<OptionSpec, 'min' | 'max'>, value: unknown): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  const { min = 0, max } = spec
  const isIn = Number.isSafeInteger(number) && number >= min && number <= (max ?? Infinity)
  if (String(value).trim() === '' || !isIn) throw usage(`--${name} takes a whole number ${max === undefined ? `from ${min} on` : `from ${min} to ${max}`}, not '${String(value)}'.`)
  return number
}

function parseStrictly(command: Command, specs: Readonly<Record<string, OptionSpec>>, args: readonly string[]): { values: Record<string, unknown>, positionals: string[] } {
  const options = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, {
    type: spec.type === 'boolean' ? 'boolean' as const : 'string' as const,
    ...(spec.short === undefined ? {} : { short: spec.short }),
    ...(spec.multiple === true ? { multiple: true } : {}),
  }]))
  try {
    return parseArgs({ args: joinNegative(args, specs), options, allowPositionals: true, strict: true })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const message = error instanceof Error ? error.message : String(error)
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw usage(`${message.split('\n')[0]?.replace(/\.$/, '')}. Usage: ${usageLine(command)}`)
    const name = /'(-[^'=\s]*)/.exec(message)?.[1] ?? ''
    const names = Object.keys(specs).map(option => `--${option}`)
    throw usage(`${name} is no option of 'millrace ${command.path.join(' ')}'.${didYouMean(name, names)} Options: ${names.join(' ')}.`)
  }
}

/** `-o -5m`: a value that begins with a dash belongs to the option before it. */
function joinNegative(args: readonly string[], specs: Readonly<Record<string, OptionSpec>>): string[] {
  const joined: string[] = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? ''
    const next = args[index + 1]
    const name = Object.entries(specs).find(([long, spec]) => arg === `--${long}` || (spec.short !== undefined && arg === `-${spec.short}`))
    if (name !== undefined && name[1].type !== 'boolean' && next !== undefined && /^-\d/.test(next)) {
      joined.push(`--${name[0]}=${next}`)
      index++
    } else joined.push(arg)
  }
  return joined
}

export function usageLine(command: Command): string {
  const positionals = command.positionals.map(shownPositional)
  return ['millrace', ...command.path, ...positionals, '[options]'].join(' ')
}

/** `NAME`, `[NAME]`, `NAME …` */
export function shownPositional(positional: Positional): string {
  return `${positional.optional === true ? `[${positional.name}]` : positional.name}${positional.many === true ? ' …' : ''}`
}

/** ` Did you mean 'x'?`, or nothing where no name is near. */
export function didYouMean(word: string, names: readonly string[]): string {
  const near = names.map(name => ({ name, distance: editDistance(word, name) })).sort((a, b) => a.distance - b.distance)[0]
  return near !== undefined && near.distance <= Math.max(2, Math.floor(word.length / 3)) ? ` Did you mean '${near.name}'?` : ''
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
