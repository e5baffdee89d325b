/**
 * How output looks: tables and colours on a terminal, plain lines elsewhere, JSON where asked.
 *
 * O1. With `--json`, stdout carries JSON only: one document, or one a line for streams. Notes and progress go to stderr.
 * O2. Colours and cursor movement are used only on a terminal, and never with NO_COLOR or CI set.
 * O3. Text from a topic or a peer is printed with its control characters escaped, unless it is asked for raw.
 */
import { styleText } from 'node:util'
import { printable } from '../base/logger.ts'

export interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export interface OutputOptions {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly json: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
}

export type Style = Parameters<typeof styleText>[0]

export class Output {
  readonly json: boolean
  readonly #out: Stream
  readonly #err: Stream
  readonly #colours: boolean
  readonly #live: boolean
  #progressShown = false

  constructor(options: OutputOptions) {
    this.json = options.json
    this.#out = options.stdout
    this.#err = options.stderr
    const plain = options.environment['NO_COLOR'] !== undefined || options.environment['CI'] !== undefined
    this.#colours = !plain && options.stdout.isTTY === true
    this.#live = !plain && options.stderr.isTTY === true
  }

  /** Whether `progress` draws over itself, as on a terminal. */
  get live(): boolean {
    return this.#live
  }

  /** A line for people; nothing with `--json`. */
  line(text = ''): void {
    if (this.json) return
    this.#clearProgress()
    this.#out.write(`${text}\n`)
  }

  /** A document for programs; nothing without `--json`. */
  document(value: unknown): void {
    if (this.json) this.#out.write(`${JSON.stringify(value)}\n`)
  }

  /** As it is, for `topic tail`. */
  raw(text: string): void {
    this.#clearProgress()
    this.#out.write(text)
  }

  /** A remark on stderr. */
  note(text: string): void {
    this.#clearProgress()
    this.#err.write(`${text}\n`)
  }

  /** A line on stderr that is drawn over itself; elsewhere than on a terminal it is printed only when `final`. */
  progress(text: string, options: { readonly final?: boolean } = {}): void {
    if (this.#live) {
      this.#err.write(`\r\u001b[K${text}${options.final === true ? '\n' : ''}`)
      this.#progressShown = options.final !== true
    } else if (options.final === true) this.#err.write(`${text}\n`)
  }

  table(head: readonly string[], rows: readonly (readonly (string | number)[])[], options: { readonly right?: readonly number[] } = {}): void {
    if (this.json) return
    const cells = rows.map(row => row.map(cell => printable(typeof cell === 'number' ? groupDigits(cell) : cell)))
    const widths = head.map((title, column) => Math.max(widthOf(title), ...cells.map(row => widthOf(row[column] ?? ''))))
    const draw = (row: readonly string[]): string => row.map((cell, column) => {
      const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)))
      return options.right?.includes(column) === true ? space + cell : cell + space
    }).join('  ').trimEnd()
    this.line(this.style('bold', draw(head)))
    for (const row of cells) this.line(draw(row))
  }

  style(style: Style, text: string): string {
    return this.#colours ? styleText(style, text) : text
  }

  #clearProgress(): void {
    if (this.#progressShown) this.#err.write('\r\u001b[K')
    this.#progressShown = false
  }
}

/** 1204 → `1,204`. */
export function groupDigits(value: number): string {
  return Number.isFinite(value) ? value.toLocaleString('en-US', { maximumFractionDigits: 1 }) : 'n/a'
}

/** `1 record`, `1,204 records`. */
export function counted(count: number, noun: string): string {
  return `${groupDigits(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? 'B'}`
}

/** Columns a text takes: Chinese and its like take two each. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(character) ? 2 : 1
  return width
}
