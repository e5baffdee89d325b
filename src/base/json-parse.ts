/**
 * `JSON.parse` whose names can be trusted: V8 from 12.8 on (Node 24, 26) may take a name that is written with an escape for another name of an
 * object that it saw before (https://github.com/nodejs/node/issues/63785), so that `{"\u0061": 1}` loses its `a` and what a record means depends on the
 * records before it.
 *
 * N1. Any text means what ECMA-404 says, whatever was parsed before; of a repeated name the last value counts; `__proto__` is a name like any other.
 * N2. The engine's parser decides what is JSON and makes the value; only a text in which a name has an escape is read again, here.
 */

/** The value of a JSON text. Throws `SyntaxError`, as `JSON.parse` does. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return text.includes('\\') && hasEscapedName(text) ? readAgain(text) : value
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** Of a text that is JSON. */
function hasEscapedName(text: string): boolean {
  for (let at = text.indexOf('"'); at !== -1;) {
    const after = afterString(text, at)
    if (text.charCodeAt(afterSpace(text, after)) === COLON && text.slice(at, after).includes('\\')) return true
    at = text.indexOf('"', after)
  }
  return false
}

/** The position after the string whose quote is at `at`. */
function afterString(text: string, at: number): number {
  for (let pos = at + 1; ; pos++) {
    const code = text.charCodeAt(pos)
    if (code === QUOTE) return pos + 1
    if (code === BACKSLASH) pos++
  }
}

function afterSpace(text: string, at: number): number {
  let pos = at
  for (let code = text.charCodeAt(pos); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; code = text.charCodeAt(pos)) pos++
  return pos
}

/** An object or array that is being read, and the name of the value that comes next in it. */
interface Container {
  readonly made: Record<string, unknown> | unknown[]
  name: string
}

const PUNCTUATION = /[\s,:[\]{}]/g

/** The value of a text that is JSON, without recursion: the engine's parser knows no limit of depth either. */
function readAgain(text: string): unknown {
  const open: Container[] = []
  let root: unknown
  const put = (value: unknown): void => {
    const into = open.at(-1)
    if (into === undefined) root = value
    else if (Array.isArray(into.made)) into.made.push(value)
    else Object.defineProperty(into.made, into.name, { value, enumerable: true, configurable: true, writable: true })
  }
  for (let at = afterSpace(text, 0); at < text.length; at = afterSpace(text, at)) {
    const start = at++
    switch (text[start]) {
      case '{': case '[': {
        const made = text[start] === '{' ? {} : []
        put(made)
        open.push({ made, name: '' })
        break
      }
      case '}': case ']': open.pop(); break
      case ',': case ':': break
      case '"': {
        at = afterString(text, start)
        const string = JSON.parse(text.slice(start, at)) as string // Checked by the parse before.
        const into = open.at(-1)
        if (into !== undefined && text.charCodeAt(afterSpace(text, at)) === COLON) into.name = string
        else put(string)
        break
      }
      default:
        PUNCTUATION.lastIndex = start
        at = PUNCTUATION.exec(text)?.index ?? text.length
        put(JSON.parse(text.slice(start, at)))
    }
  }
  return root
}
