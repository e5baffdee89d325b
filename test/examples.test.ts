import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { test } from 'node:test'
import { App } from '../src/dsl/app.ts'
import { build } from '../src/topology/build.ts'
import { describe, describeText } from '../src/topology/describe.ts'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..')
const root = join(dist, '..')
const names = readdirSync(join(root, 'examples')).filter(name => /^\d\d-.*\.ts$/.test(name)).sort()

test('there are examples, numbered without gaps', () => {
  assert.ok(names.length >= 12)
  assert.deepEqual(names.map(name => Number(name.slice(0, 2))), names.map((_, index) => index + 1))
})

for (const name of names) {
  test(`examples/${name} exports an app that can be planned and described, without any effect`, async () => {
    const module: { readonly default?: unknown } = await import(pathToFileURL(join(dist, 'examples', name.replace(/\.ts$/, '.js'))).href)
    assert.ok(module.default instanceof App, 'the default export is no app')
    const plan = build(module.default)
    assert.ok(plan.tasks.length > 0)
    assert.match(describeText(describe(plan)), /^app /)
  })
}

// ---------------------------------------------------------------- decision 0001 shows the examples, and counts honestly

const decision = readFileSync(join(root, 'docs/decisions/0001-public-api.md'), 'utf8')
const blocks = [...decision.matchAll(/```(\w+)( kafkats)?\n([\s\S]*?)```/g)].map(([, language = '', kafkats = '', code = '']) => ({ language: language + kafkats, code }))

function sizeOf(code: string): readonly [lines: number, characters: number] {
  const lines = code.split('\n').map(line => line.trim()).filter(line => line !== '')
  return [lines.length, lines.reduce((sum, line) => sum + line.length, 0)]
}

test('the programs of decision 0001 are the examples 02 to 06', () => {
  const shown = blocks.filter(block => block.language === 'ts').map(block => block.code.trim())
  const files = names.slice(1, 6).map(name => readFileSync(join(root, 'examples', name), 'utf8').split('\n').filter(line => !/^(import|\/\*\*)/.test(line)).join('\n').trim())
  assert.deepEqual(shown, files)
})

test('the sizes in decision 0001 are those of the programs in it, and ours is the shortest each time', () => {
  const rows = [...decision.matchAll(/^\| [^|]+ \|((?: (?:\d+ · \d+|not possible) \|)+)$/gm)].map(([, cells = '']) => cells.split('|').map(cell => cell.trim()).filter(cell => cell !== ''))
  assert.equal(rows.length, 5)
  const [starts, programs] = [blocks.slice(0, 3), blocks.slice(3)]
  const [startStreams, startFlink, startKafkats] = starts.map(block => sizeOf(block.code))
  let at = 0
  const size = (start: readonly [number, number] | undefined): string => {
    const [lines, characters] = sizeOf(programs[at++]?.code ?? '')
    return `${lines + (start?.[0] ?? 0)} · ${characters + (start?.[1] ?? 0)}`
  }
  for (const row of rows) {
    const expected = [size(undefined), size(startStreams), size(startFlink)]
    assert.deepEqual(row.slice(0, 3), expected)
    assert.equal(row[3], programs[at]?.language === 'ts kafkats' ? size(startKafkats) : 'not possible')
    const characters = row.filter(cell => cell !== 'not possible').map(cell => Number(cell.split(' · ')[1]))
    assert.equal(Math.min(...characters), characters[0], 'ours is not the shortest')
  }
})
