/** Holds docs/reference to the source: each step and each rule of `millrace plan` has a row, and each row is one. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { app, text, topic } from 'millrace'
import { Stream, Table } from '../src/dsl/stream.ts'
import { SessionStream, TimeWindowStream } from '../src/dsl/windowed.ts'
import { ADVICE_RULES } from '../src/planner/advice-facts.ts'
import { RULES } from '../src/topology/contracts/broken.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const page = readFileSync(join(root, 'docs/reference/operators.md'), 'utf8')

/** Names of the steps in the tables of a section. */
function rows(section: string): string[] {
  const part = page.split('\n## ').find(each => each.startsWith(section))
  assert.ok(part !== undefined, `no section ${section}`)
  // A step that streams and tables both have stands in the table of each.
  return [...new Set([...part.matchAll(/^\| `(\w+)\([^`]*\)`/gm)].map(([, name = '']) => name))].sort()
}

function methods(...classes: readonly { readonly prototype: object }[]): string[] {
  return [...new Set(classes.flatMap(each => Object.getOwnPropertyNames(each.prototype)))].filter(name => name !== 'constructor').sort()
}

test('every step of a stream and of a table has a row', () => {
  assert.deepEqual(rows('Streams'), methods(Stream, Table))
})

test('every step of a windowed stream has a row', () => {
  assert.deepEqual(rows('Windows').filter(name => name !== 'window'), methods(TimeWindowStream, SessionStream))
})

test('every way to read has a row', () => {
  const tools: string[] = []
  app('a').task('t', given => {
    tools.push(...Object.keys(given))
    given.read(topic('t', { key: text, value: text }))
  })
  assert.deepEqual(rows('Reading'), tools.sort())
})

test('words of the glossary are in order and explained once', () => {
  const glossary = readFileSync(join(root, 'docs/reference/glossary.md'), 'utf8')
  const words = [...glossary.matchAll(/^\| ([a-z][^|]*?) \| (.*) \|$/gm)].map(([, word = '']) => word).filter(word => word !== 'word')
  assert.ok(words.length > 20)
  assert.deepEqual(words, [...new Set(words)].sort())
})

test('every rule of millrace plan has a row, in the order of the code', () => {
  const plan = readFileSync(join(root, 'docs/reference/plan.md'), 'utf8')
  assert.deepEqual([...plan.matchAll(/^\| `([a-z][a-z-]*)` \|/gm)].map(([, name = '']) => name), [...RULES])
})

test('every rule of millrace advise has a row, and a planted case in its tests', () => {
  const advise = readFileSync(join(root, 'docs/reference/advise.md'), 'utf8')
  assert.deepEqual([...advise.matchAll(/^\| `(\w[\w-]*)` \|/gm)].map(([, rule = '']) => rule).sort(), [...ADVICE_RULES].sort())
  const tests = readFileSync(join(root, 'src/planner/advice.test.ts'), 'utf8')
  for (const rule of ADVICE_RULES) assert.ok(tests.includes(`'${rule}'`), rule)
})
