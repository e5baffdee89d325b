/** `--help`: made from the command table, so that it cannot lag behind it. */
import { COMMON_OPTIONS, type Command, shownPositional, usageLine } from './command.ts'

export function helpOf(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(([name, spec]): [string, string] => [
    `${spec.short === undefined ? '    ' : `-${spec.short}, `}--${name}${spec.type === 'boolean' ? '' : ` ${spec.value ?? (spec.type === 'number' ? 'N' : 'TEXT')}`}`,
    `${spec.describe}${spec.default === undefined || spec.default === false ? '' : ` (default ${spec.default})`}`,
  ])
  return [
    `${usageLine(command)}`, '', `  ${command.summary}`, '',
    ...command.positionals.length === 0 ? [] : [...columns(command.positionals.map(positional => [positional.name, positional.describe])), ''],
    'Options', ...columns(options),
    ...command.examples.length === 0 ? [] : ['', 'Examples', ...command.examples.map(example => `  ${example}`)],
  ].join('\n')
}

export function overview(commands: readonly Command[], version: string): string {
  return [
    `millrace ${version}: link stream computing tasks with Kafka`, '',
    ...columns(commands.map(command => [[...command.path, ...command.positionals.map(shownPositional)].join(' '), command.summary])), '',
    'millrace COMMAND --help says more. Exit codes: 0 ok, 1 user code, 2 usage, 3 cannot connect, 4 compatibility, 5 data loss prevented.',
  ].join('\n')
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(44, Math.max(0, ...rows.map(([left]) => left.length)))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
