/** What a JVM prints when something was thrown. Pure. */

/** The innermost cause of a Java stack trace, in one line. */
export function causeOf(trace: string | undefined): string | undefined {
  const lines = (trace ?? '').split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('at ') && !line.startsWith('... '))
  const causes = lines.filter(line => line.startsWith('Caused by: '))
  return (causes.at(-1)?.slice('Caused by: '.length) ?? lines.find(line => !line.startsWith('<Exception'))) ?? undefined
}

const COMPILER_ERROR = /\.java:\d+: error: /
const THROWN = /^(?:Exception in thread "[^"]*" |Caused by: |Error: |[\w.$]+(?:Exception|Error)\b)/

/** Why a JVM ended, from the last lines of its standard error: what its compiler says of a source file, else the innermost cause of what was thrown. */
export function endOf(lines: readonly string[]): string | undefined {
  const refused = lines.find(line => COMPILER_ERROR.test(line))
  if (refused !== undefined) return refused.trim()
  const from = lines.findIndex(line => THROWN.test(line))
  return from === -1 ? undefined : causeOf(lines.slice(from).join('\n'))?.replace(/^Exception in thread "[^"]*" /, '')
}

const ERROR_LINE = /(?:^|\s|\[)ERROR\b[\s\]]*(?<said>.*)/
const TRACE_LINE = /^\s+at |^\s*\.\.\. \d+ |^Caused by: |^[\w.$]+(?:Exception|Error)\b/
const TRACE_LINES_MAX = 400

/** The last error in a JVM's log, read line by line: the innermost cause of the trace behind an ERROR line, else what that line says. */
export class ErrorLog {
  #said: string | undefined
  #trace: string[] = []
  /** The lines that come now may belong to the last error's trace. */
  #isOpen = false

  take(line: string): void {
    const said = ERROR_LINE.exec(line)?.groups?.['said']
    if (said !== undefined) {
      this.#said = said
      this.#trace = []
      this.#isOpen = true
    } else if (this.#isOpen && TRACE_LINE.test(line) && this.#trace.length < TRACE_LINES_MAX) this.#trace.push(line)
    else this.#isOpen = false
  }

  /** Of what starts anew. */
  forget(): void {
    this.#said = undefined
    this.#trace = []
    this.#isOpen = false
  }

  get last(): string | null {
    return causeOf(this.#trace.join('\n')) ?? this.#said ?? null
  }
}
