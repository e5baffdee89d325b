/**
 * Reads RE2's syntax into a tree; see `topic-pattern.ts` for what becomes of it.
 *
 * Y1. The tree is at most `DEPTH_MAX` deep and a counted repetition at most `REPEAT_MAX`, as in RE2.
 * Y2. Lazy quantifiers and capturing groups are read and make no difference: only whether the whole name matches is asked.
 */
import { Refusal } from './refusal.ts'

const DEPTH_MAX = 200
const REPEAT_MAX = 1000
const SIZE = 128

/** 1 for each character that is in. */
export type CharacterSet = Uint8Array

export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'assert'; readonly holds: (text: string, at: number) => boolean }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'either'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly part: PatternNode; readonly min: number; readonly max: number }

interface Flags {
  readonly ignoreCase: boolean
  readonly dotMatchesNewline: boolean
}

const EMPTY: PatternNode = { kind: 'empty' }
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }
const POSIX: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/, alpha: /[A-Za-z]/, ascii: /[^]/, blank: /[\t ]/, cntrl: /[^ -~]/, digit: /\d/, graph: /[!-~]/, lower: /[a-z]/, print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/, space: /[\t-\r ]/, upper: /[A-Z]/, word: /\w/, xdigit: /[0-9A-Fa-f]/,
}
const PERL: Readonly<Record<string, RegExp>> = { d: /\d/, s: /[\t\n\f\r ]/, w: /\w/ }

/** Refuses with INVALID_REGULAR_EXPRESSION what RE2 would not take. */
export function parsePattern(text: string): PatternNode {
  return new PatternParser(text).parse()
}

class PatternParser {
  readonly #text: string
  #at = 0
  #depth = 0
  #flags: Flags = { ignoreCase: false, dotMatchesNewline: false }

  constructor(text: string) {
    this.#text = text
  }

  parse(): PatternNode {
    const node = this.#either()
    if (this.#at < this.#text.length) throw this.#invalid('unexpected )')
    return node
  }

  #either(): PatternNode {
    const parts = [this.#sequence()]
    while (this.#take('|')) parts.push(this.#sequence())
    const [only] = parts
    return parts.length === 1 && only !== undefined ? only : { kind: 'either', parts }
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = []
    while (this.#at < this.#text.length && !this.#sees('|') && !this.#sees(')')) parts.push(this.#repeated(this.#atom()))
    return { kind: 'sequence', parts }
  }

  #repeated(part: PatternNode): PatternNode {
    const bounds = this.#quantifier()
    if (bounds === undefined) return part
    this.#take('?')
    const start = this.#at
    if (this.#quantifier() !== undefined) throw this.#invalid(`invalid nested repetition operator at ${start}`)
    return { kind: 'repeat', part, min: bounds[0], max: bounds[1] }
  }

  #quantifier(): readonly [min: number, max: number] | undefined {
    if (this.#take('*')) return [0, Infinity]
    if (this.#take('+')) return [1, Infinity]
    if (this.#take('?')) return [0, 1]
    if (!this.#sees('{')) return undefined
    const match = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#text.slice(this.#at, this.#at + 24))
    // Anything else in braces is literal, as in RE2.
    if (match === null) return undefined
    this.#at += match[0].length
    const min = Number(match[1])
    const max = match[2] === undefined ? min : match[3] === '' || match[3] === undefined ? Infinity : Number(match[3])
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX) || min > max) throw this.#invalid(`invalid repetition size ${match[0]}`)
    return [min, max]
  }

  #atom(): PatternNode {
    const character = this.#text[this.#at] ?? ''
    switch (character) {
      case '(':
        return this.#group()
      case '[':
        return { kind: 'set', set: this.#class() }
      case '.':
        this.#at += 1
        return { kind: 'set', set: setOf(code => this.#flags.dotMatchesNewline || code !== 10) }
      case '^':
        this.#at += 1
        return { kind: 'assert', holds: (_text, at) => at === 0 }
      case '$':
        this.#at += 1
        return { kind: 'assert', holds: (text, at) => at === text.length }
      case '\\':
        return this.#escape()
      case '*':
      case '+':
      case '?':
        throw this.#invalid(`missing argument to repetition operator ${character}`)
      default:
        if (character === '{' && this.#quantifier() !== undefined) throw this.#invalid('missing argument to repetition operator {')
        return this.#literal(this.#character())
    }
  }

  #group(): PatternNode {
    this.#at += 1
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) throw this.#invalid(`groups are nested more than ${DEPTH_MAX} deep`)
    const outside = this.#flags
    if (this.#take('?') && !this.#groupHead()) {
      // `(?i)` alone: for what follows, until the group around it ends.
      this.#depth -= 1
      return EMPTY
    }
    const node = this.#either()
    if (!this.#take(')')) throw this.#invalid('missing closing )')
    this.#flags = outside
    this.#depth -= 1
    return node
  }

  /** Behind `(?`. True where a body follows, false where the group was flags alone. */
  #groupHead(): boolean {
    const rest = this.#text.slice(this.#at, this.#at + 300)
    const named = /^P?<([A-Za-z_]\w*)>/.exec(rest)
    if (named !== null) {
      this.#at += named[0].length
      return true
    }
    const flagged = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest)
    if (flagged === null || flagged[0] === ')') throw this.#invalid(`invalid or unsupported group syntax (?${rest.slice(0, 2)}`)
    this.#at += flagged[0].length
    const [on, off] = [flagged[1] ?? '', flagged[2] ?? '']
    const after = (flag: string, now: boolean): boolean => !off.includes(flag) && (now || on.includes(flag))
    this.#flags = { ignoreCase: after('i', this.#flags.ignoreCase), dotMatchesNewline: after('s', this.#flags.dotMatchesNewline) }
    return flagged[3] === ':'
  }

  #escape(): PatternNode {
    const next = this.#text[this.#at + 1]
    switch (next) {
      case 'A':
        this.#at += 2
        return { kind: 'assert', holds: (_text, at) => at === 0 }
      case 'z':
        this.#at += 2
        return { kind: 'assert', holds: (text, at) => at === text.length }
      case 'b':
      case 'B':
        this.#at += 2
        return { kind: 'assert', holds: (text, at) => isWordBoundary(text, at) === (next === 'b') }
      case 'Q':
        return this.#quoted()
      case 'C':
        this.#at += 2
        return { kind: 'set', set: setOf(() => true) }
    }
    const set = this.#classEscape()
    return set === undefined ? this.#literal(this.#characterEscape()) : { kind: 'set', set }
  }

  #quoted(): PatternNode {
    this.#at += 2
    const end = this.#text.indexOf('\\E', this.#at)
    const quoted = end < 0 ? this.#text.slice(this.#at) : this.#text.slice(this.#at, end)
    this.#at = end < 0 ? this.#text.length : end + 2
    return { kind: 'sequence', parts: [...quoted].map(character => this.#literal(character.codePointAt(0) ?? 0)) }
  }

  /** `\d`, `\pL`, `\p{Lu}` and their opposites; `undefined` where it is another escape. */
  #classEscape(): CharacterSet | undefined {
    const next = this.#text[this.#at + 1] ?? ''
    const perl = PERL[next.toLowerCase()]
    if (perl !== undefined) {
      this.#at += 2
      return matching(perl, next !== next.toLowerCase())
    }
    if (next !== 'p' && next !== 'P') return undefined
    const match = /^\\[pP](?:\{(\^?)([A-Za-z_]{1,40})\}|([A-Z]))/.exec(this.#text.slice(this.#at, this.#at + 50))
    if (match === null) throw this.#invalid('invalid character class range')
    this.#at += match[0].length
    return matching(this.#unicode(match[2] ?? match[3] ?? ''), (next === 'P') !== (match[1] === '^'))
  }

  #unicode(name: string): RegExp {
    if (name === 'Any') return /[^]/
    // One character at a time is tried against these: no expression of the client's own is.
    for (const property of [`\\p{General_Category=${name}}`, `\\p{Script=${name}}`]) {
      try {
        return new RegExp(property, 'u')
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error
      }
    }
    throw this.#invalid(`invalid character class \\p{${name}}`)
  }

  /** The code point of an escape that stands for one character. */
  #characterEscape(): number {
    const rest = this.#text.slice(this.#at, this.#at + 16)
    const hex = /^\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(rest)
    const octal = /^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest)
    const numbered = hex ?? octal
    if (numbered !== null) {
      this.#at += numbered[0].length
      return hex === null ? Number.parseInt(numbered[1] ?? '0', 8) : Number.parseInt(hex[1] ?? hex[2] ?? '0', 16)
    }
    const next = rest[1]
    if (next === undefined) throw this.#invalid('trailing backslash at end of expression')
    const control = CONTROL_ESCAPES[next]
    if (control === undefined && /[0-9A-Za-z]/.test(next)) throw this.#invalid(`invalid escape sequence \\${next}`)
    this.#at += 1
    if (control === undefined) return this.#character()
    this.#at += 1
    return control
  }

  #class(): CharacterSet {
    this.#at += 1
    const negated = this.#take('^')
    const set = new Uint8Array(SIZE)
    for (let isFirst = true; isFirst || !this.#sees(']'); isFirst = false) {
      if (this.#at >= this.#text.length) throw this.#invalid('missing closing ]')
      const whole = this.#posixClass() ?? (this.#sees('\\') ? this.#classEscape() : undefined)
      if (whole !== undefined) {
        for (let code = 0; code < SIZE; code++) if (whole[code] === 1) set[code] = 1
        continue
      }
      const from = this.#classCharacter()
      const isRange = this.#sees('-') && this.#text[this.#at + 1] !== ']' && this.#at + 1 < this.#text.length
      if (isRange) this.#at += 1
      const to = isRange ? this.#classCharacter() : from
      if (to < from) throw this.#invalid('invalid character class range')
      for (let code = from; code <= Math.min(to, SIZE - 1); code++) set[code] = 1
    }
    this.#at += 1
    const folded = this.#flags.ignoreCase ? foldCase(set) : set
    return negated ? folded.map(bit => 1 - bit) : folded
  }

  #classCharacter(): number {
    return this.#sees('\\') ? this.#characterEscape() : this.#character()
  }

  #posixClass(): CharacterSet | undefined {
    const match = /^\[:(\^?)([a-z]+):\]/.exec(this.#text.slice(this.#at, this.#at + 20))
    if (match === null) return undefined
    const named = POSIX[match[2] ?? '']
    if (named === undefined) throw this.#invalid(`invalid character class ${match[0]}`)
    this.#at += match[0].length
    return matching(named, match[1] === '^')
  }

  #literal(code: number): PatternNode {
    const set = setOf(each => each === code)
    return { kind: 'set', set: this.#flags.ignoreCase ? foldCase(set) : set }
  }

  #character(): number {
    const code = this.#text.codePointAt(this.#at) ?? 0
    this.#at += code > 0xffff ? 2 : 1
    return code
  }

  #sees(character: string): boolean {
    return this.#text[this.#at] === character
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false
    this.#at += 1
    return true
  }

  #invalid(why: string): Refusal {
    return new Refusal('INVALID_REGULAR_EXPRESSION', `SubscribedTopicRegex \`${this.#text}\` is not a valid regular expression: ${why}.`)
  }
}

function setOf(holds: (code: number) => boolean): CharacterSet {
  return Uint8Array.from({ length: SIZE }, (_, code) => holds(code) ? 1 : 0)
}

function matching(one: RegExp, negated: boolean): CharacterSet {
  return setOf(code => one.test(String.fromCharCode(code)) !== negated)
}

function foldCase(set: CharacterSet): CharacterSet {
  return setOf(code => {
    const character = String.fromCharCode(code)
    return [character, character.toLowerCase(), character.toUpperCase()].some(each => set[each.charCodeAt(0)] === 1)
  })
}

function isWordBoundary(text: string, at: number): boolean {
  const isWord = (index: number): boolean => index >= 0 && index < text.length && /\w/.test(text[index] ?? '')
  return isWord(at - 1) !== isWord(at)
}
