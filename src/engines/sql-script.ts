/**
 * A SQL script cut into the statements that Flink's SQL Gateway and Spark take one by one, each with its place in the file. Pure.
 *
 * Q1. A semicolon ends a statement unless it stands in a string ('…'), an identifier (`…`), a comment (-- …, /* … *\/) or a statement set
 *     (EXECUTE STATEMENT SET BEGIN … END).
 * Q2. A statement's text is that of the file from its first word on, so a line and column that the parser gives can be found in the file.
 */
export interface Statement {
  readonly text: string
  /** Of its first character in the file, from 1. */
  readonly line: number
  readonly column: number
}

/** What may hide a semicolon. */
const TOKEN = /'(?:[^']|'')*'|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\/|;|\b(?:BEGIN|CASE|END)\b/gi
const STATEMENT_SET = /^EXECUTE\s+STATEMENT\s+SET\s+$/i

export function statementsOf(script: string): Statement[] {
  const statements: Statement[] = []
  let from = 0
  let isSet = false
  /** A CASE has an END of its own. */
  let cases = 0
  const take = (to: number): void => {
    const place = firstWord(script, from, to)
    if (place < to) statements.push({ text: script.slice(place, to).trimEnd(), ...positionOf(script, place) })
    from = to + 1
  }
  for (const match of script.matchAll(TOKEN)) {
    const [token] = match
    if (/^begin$/i.test(token)) isSet ||= STATEMENT_SET.test(script.slice(firstWord(script, from, match.index), match.index))
    else if (/^case$/i.test(token)) cases++
    else if (/^end$/i.test(token)) {
      if (cases > 0) cases--
      else isSet = false
    }
    else if (token === ';' && !isSet) take(match.index)
  }
  take(script.length)
  return statements
}

/** Where the error at `line` and `column` of a statement is in its file. */
export function placeInFile(statement: Statement, line: number, column: number): { readonly line: number; readonly column: number } {
  return { line: statement.line + line - 1, column: line === 1 ? statement.column + column - 1 : column }
}

/** Past spaces and comments. */
function firstWord(script: string, from: number, to: number): number {
  const skip = /(?:\s|--[^\n]*|\/\*[\s\S]*?\*\/)*/y
  skip.lastIndex = from
  skip.exec(script)
  return Math.min(skip.lastIndex, to)
}

function positionOf(script: string, at: number): { readonly line: number; readonly column: number } {
  const before = script.slice(0, at).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}
