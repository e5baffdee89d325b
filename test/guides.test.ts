/** Code that a guide shows is code that is compiled or run elsewhere, line by line: an example, or a program of decision 0001. */
import { strict as assert } from 'node:assert'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../src/cli/commands/index.ts'
import { RULES } from '../src/topology/contracts/broken.ts'
import { ROOT } from './support/need.ts'

const folder = join(ROOT, 'docs', 'guide')

function filesIn(path: string): string[] {
  return statSync(path).isDirectory() ? readdirSync(path).flatMap(name => filesIn(join(path, name))) : [path]
}

/** Lines without their indentation, so that a piece of a method may be shown. */
const flat = (code: string): string => code.split('\n').map(line => line.trim()).filter(line => line !== '').join('\n')
const sources = [...filesIn(join(ROOT, 'examples')).filter(path => /\.(ts|java|sql)$/.test(path)), join(ROOT, 'docs', 'decisions', '0001-public-api.md')].map(path => flat(readFileSync(path, 'utf8')))
const isCommand = (words: string): boolean => COMMANDS.some(command => words.startsWith(command.path.join(' ')))

for (const name of readdirSync(folder).sort()) {
  const text = readFileSync(join(folder, name), 'utf8')

  test(`docs/guide/${name}: its code is that of a program that is compiled`, () => {
    const blocks = [...text.matchAll(/```(?:ts|java|sql)\n([\s\S]*?)```/g)].map(match => flat(match[1] ?? ''))
    assert.ok(blocks.length >= 3)
    for (const block of blocks) assert.ok(sources.some(source => source.includes(block)), block)
  })

  test(`docs/guide/${name}: its links, options and rules exist`, () => {
    for (const [, link] of text.matchAll(/\]\((?!#)([^)#]+)[^)]*\)/g)) assert.ok(existsSync(join(folder, link ?? '')), link)
    for (const [, rule] of text.matchAll(/[Rr]ule `([\w-]+)`/g)) assert.ok(RULES.some(each => each === rule), rule)
    for (const [, words] of text.matchAll(/npx millrace ([a-z]+(?: [a-z]+){0,2})/g)) assert.ok(isCommand(words ?? ''), words)
  })
}
