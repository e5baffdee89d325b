import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import { Refusal } from './refusal.ts'
import { TopicPattern } from './topic-pattern.ts'

test('the whole name must match', () => {
  const cases: readonly (readonly [pattern: string, matching: readonly string[], other: readonly string[]])[] = [
    ['orders', ['orders'], ['orders-1', 'my-orders', 'Orders', '']],
    ['orders.*', ['orders', 'orders-1'], ['my-orders']],
    ['^orders-\\d+$', ['orders-12'], ['orders-', 'orders-1x']],
    ['a|b.c|', ['a', 'bxc', ''], ['b', 'ab']],
    ['(?i)Orders(?-i)X', ['ordersX', 'ORDERSX'], ['ordersx']],
    ['(?i:o)rders', ['Orders', 'orders'], ['ORDERS']],
    ['(?P<name>a)(?<other>b)(?:c)', ['abc'], ['ab']],
    ['[a-c]{2,3}x{0}', ['ab', 'abc'], ['a', 'abcx', 'abcd']],
    ['a{,2}', ['a{,2}'], ['aa']],
    ['[^a-y_]+?', ['z', 'ZZ9'], ['a', 'z_']],
    ['[]x-]+', ['-x'], ['y']],
    ['[[:alpha:]_[:digit:]]+', ['ab_9'], ['a-b']],
    ['\\Qa.b\\E.', ['a.bc'], ['axbc']],
    ['\\x61\\x{62}\\143', ['abc'], ['ab']],
    ['\\bt\\w+\\b\\.\\S\\D', ['topic.ab'], ['topic.a1']],
    ['\\p{Lu}\\PL', ['A1'], ['a1', 'AA']],
    ['(a*)*b', ['b', 'aaab'], ['a']],
    ['ä+', [], ['a']],
    ['\\Atopic\\z', ['topic'], ['topic2']],
  ]
  for (const [text, matching, other] of cases) {
    const pattern = new TopicPattern(text)
    for (const name of matching) assert.ok(pattern.matches(name), `${text} matches ${name}`)
    for (const name of other) assert.ok(!pattern.matches(name), `${text} does not match ${name}`)
  }
})

test('what RE2 refuses is refused, and what is too large or too slow', () => {
  for (const text of ['(a', 'a)', '[a', '*a', 'a**', 'a*+', 'a{2}{3}', 'a{1001}', 'a{3,2}', '(?=a)', '(?!a)', '(?<=a)', '(a)\\1', '\\', '\\y', '(?P<1>a)', '[b-a]', '[[:nope:]]', '\\p{Nope}', '(?>a)',
    '((a{100}){100}){100}', `${'('.repeat(300)}a${')'.repeat(300)}`, 'a'.repeat(5000)]) {
    assert.throws(() => new TopicPattern(text), (error: unknown) => error instanceof Refusal && error.error === 'INVALID_REGULAR_EXPRESSION', text.slice(0, 40))
  }
  const slow = new TopicPattern('(.?){900}(.?){700}')
  assert.throws(() => slow.resolve(Array.from({ length: 1000 }, () => 'a'.repeat(249))), { error: 'INVALID_REGULAR_EXPRESSION' })
})

test('an expression that would take JavaScript exponential time is answered', () => {
  const pattern = new TopicPattern('(a+)+(a|a)*(a|aa)+$x')
  assert.equal(pattern.matches('a'.repeat(249)), false)
})

test('random expressions agree with those of JavaScript', () => {
  const random = seededRandom()
  const pick = (from: readonly string[]): string => from[random.below(from.length)] ?? ''
  const make = (depth: number): string => {
    if (depth === 0) return pick(['a', 'b', '.', '[ab]', '[^a]', '\\d', 'c', ''])
    const parts = [`${make(depth - 1)}${make(depth - 1)}`, `(${make(depth - 1)}|${make(depth - 1)})`, `(${make(depth - 1)})${pick(['*', '+', '?', '{1,2}', '{2}', '*?'])}`]
    return pick(parts)
  }
  for (let round = 0; round < 400; round++) {
    const text = make(random.below(4))
    const pattern = new TopicPattern(text)
    const theirs = new RegExp(`^(?:${text})$`)
    for (let each = 0; each < 20; each++) {
      const name = Array.from({ length: random.below(6) }, () => pick(['a', 'b', 'c', '1'])).join('')
      assert.equal(pattern.matches(name), theirs.test(name), `${text} on ${name}, ${random.seedText}`)
    }
  }
})
