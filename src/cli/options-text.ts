/** The table of options on a terminal: `millrace topology --options`, `millrace plan --options`. */
import type { OptionRow, OptionUnit } from '../topology/options.ts'
import type { OptionSpec } from './command.ts'
import { formatBytes, groupDigits, type Output } from './render.ts'

export const SET_OPTION: OptionSpec = { type: 'string', value: 'TARGET.option=VALUE', multiple: true, describe: 'an option of a task or a topic, over what the app declares; may be given several times (they stand in: millrace topology --options)' }
export const OPTIONS_OPTION: OptionSpec = { type: 'boolean', describe: 'also the options of tasks and topics that govern speed and safety, with what each costs' }

export function showOptions(output: Output, options: readonly OptionRow[]): void {
  output.line()
  output.table(['OPTION', 'VALUE', 'DEFAULT', 'RANGE'], options.map(({ name, unit, value, default: usual, min, max }) => [
    name, value === null ? '-' : valueText(unit, value), usual === null ? 'its own' : valueText(unit, usual), `${valueText(unit, min)} … ${valueText(unit, max)}`,
  ]), { right: [1, 2] })
  output.line()
  for (const { option, engine, governs, costs } of new Map(options.map(row => [`${row.engine} ${row.option}`, row])).values()) {
    output.line(`${output.style('bold', option)} (${engine})   ${governs}.`)
    output.line(`    ${costs}.`)
  }
  output.line("VALUE -: not declared. Set it where the task or topic is declared, or with 'millrace start … --set TARGET.option=VALUE'.")
}

export function valueText(unit: OptionUnit, value: number): string {
  if (unit === 'bytes') return formatBytes(value)
  return unit === 'ms' ? `${groupDigits(value)} ms` : groupDigits(value)
}
