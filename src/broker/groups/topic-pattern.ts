/**
 * The regular expressions by which members subscribe to topics (KIP-848): RE2's syntax, matched in time linear in the name.
 *
 *   text ──PatternParser──▶ Node ──compile──▶ instructions ──TopicPattern.matches──▶ whole name or not
 *
 * P1. JavaScript's own expressions are never used on what a client sends: they can take exponential time.
 * P2. What RE2 has not (back references, look-around, possessive quantifiers) is refused, as by Apache Kafka, with a reason.
 * P3. An expression has at most `TEXT_MAX` characters and `INSTRUCTIONS_MAX` instructions; `resolve` takes at most `STEPS_MAX` steps
 *     over all names together. Beyond any of these it is refused.
 * P4. Names of topics are ASCII, so sets of characters are tables of 128; any other character in an expression matches nothing.
 */
import { Refusal } from './refusal.ts'
import { parsePattern } from './topic-pattern-parser.ts'
import type { CharacterSet, PatternNode } from './topic-pattern-parser.ts'

const TEXT_MAX = 4096
const INSTRUCTIONS_MAX = 5000
const STEPS_MAX = 50_000_000

type Instruction =
  | { readonly kind: 'character'; readonly set: CharacterSet }
  | { readonly kind: 'split'; first: number; second: number }
  | { readonly kind: 'jump'; to: number }
  | { readonly kind: 'assert'; readonly holds: (text: string, at: number) => boolean }
  | { readonly kind: 'match' }

export class TopicPattern {
  readonly text: string
  readonly #program: readonly Instruction[]
  /** Which round last put an instruction on the list: clears both lists without touching them. */
  readonly #marks: Int32Array
  #round = 0
  #steps = 0

  /** Refuses with INVALID_REGULAR_EXPRESSION what is not valid (P2) or too large (P3). */
  constructor(text: string) {
    this.text = text
    if (text.length > TEXT_MAX) throw new Refusal('INVALID_REGULAR_EXPRESSION', `SubscribedTopicRegex is longer than ${TEXT_MAX} characters.`)
    this.#program = compile(text, parsePattern(text))
    this.#marks = new Int32Array(this.#program.length)
  }

  /** The names that match as a whole, in their order. */
  resolve(names: Iterable<string>): string[] {
    this.#steps = 0
    const found: string[] = []
    for (const name of names) if (this.matches(name)) found.push(name)
    return found
  }

  matches(name: string): boolean {
    let current: number[] = []
    this.#nextRound()
    this.#follow(0, name, 0, current)
    for (let at = 0; at < name.length; at++) {
      const next: number[] = []
      this.#nextRound()
      const code = name.charCodeAt(at)
      for (const index of current) {
        const instruction = this.#program[index]
        if (instruction?.kind === 'character' && instruction.set[code] === 1) this.#follow(index + 1, name, at + 1, next)
      }
      if (next.length === 0) return false
      current = next
    }
    return current.some(index => this.#program[index]?.kind === 'match')
  }

  #nextRound(): void {
    this.#round += 1
  }

  /** Adds to `list` what consumes a character, or matches, and can be reached from `start` without consuming one. */
  #follow(start: number, text: string, at: number, list: number[]): void {
    const stack = [start]
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (this.#marks[index] === this.#round) continue
      this.#marks[index] = this.#round
      this.#steps += 1
      if (this.#steps > STEPS_MAX) throw new Refusal('INVALID_REGULAR_EXPRESSION', `SubscribedTopicRegex \`${this.text}\` takes too long to match against all topics.`)
      const instruction = this.#program[index]
      if (instruction === undefined) continue
      if (instruction.kind === 'jump') stack.push(instruction.to)
      else if (instruction.kind === 'split') stack.push(instruction.second, instruction.first)
      else if (instruction.kind === 'assert') {
        if (instruction.holds(text, at)) stack.push(index + 1)
      } else list.push(index)
    }
  }
}

function compile(text: string, node: PatternNode): Instruction[] {
  const program: Instruction[] = []
  const push = (instruction: Instruction): number => {
    if (program.length >= INSTRUCTIONS_MAX) throw new Refusal('INVALID_REGULAR_EXPRESSION', `SubscribedTopicRegex \`${text}\` is not a valid regular expression: it is too large.`)
    return program.push(instruction) - 1
  }
  const emit = (part: PatternNode): void => {
    switch (part.kind) {
      case 'empty':
        return
      case 'set':
        push({ kind: 'character', set: part.set })
        return
      case 'assert':
        push({ kind: 'assert', holds: part.holds })
        return
      case 'sequence':
        for (const each of part.parts) emit(each)
        return
      case 'either':
        return emitEither(part.parts)
      case 'repeat':
        return emitRepeat(part)
    }
  }
  const emitEither = (parts: readonly PatternNode[]): void => {
    const ends: { to: number }[] = []
    for (const [index, each] of parts.entries()) {
      const isLast = index === parts.length - 1
      const split = { kind: 'split' as const, first: 0, second: 0 }
      if (!isLast) split.first = push(split) + 1
      emit(each)
      if (isLast) break
      const jump = { kind: 'jump' as const, to: 0 }
      push(jump)
      ends.push(jump)
      split.second = program.length
    }
    for (const end of ends) end.to = program.length
  }
  const emitRepeat = ({ part, min, max }: Extract<PatternNode, { kind: 'repeat' }>): void => {
    for (let count = 0; count < min; count++) emit(part)
    if (max === Infinity) {
      const split = { kind: 'split' as const, first: 0, second: 0 }
      const start = push(split)
      split.first = start + 1
      emit(part)
      push({ kind: 'jump', to: start })
      split.second = program.length
      return
    }
    const splits: { second: number }[] = []
    for (let count = min; count < max; count++) {
      const split = { kind: 'split' as const, first: 0, second: 0 }
      split.first = push(split) + 1
      splits.push(split)
      emit(part)
    }
    for (const split of splits) split.second = program.length
  }
  emit(node)
  push({ kind: 'match' })
  return program
}
