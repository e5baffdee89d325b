/** What the README shows is true: its app compiles, its commands and files exist. */
import { strict as assert } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findCommand } from '../src/cli/command.ts'
import { COMMANDS } from '../src/cli/commands/index.ts'
import { ROOT } from './support/need.ts'

const LINES_MAX = 45
const readmes = ['README.md', 'README.zh-CN.md'].map(name => ({ name, text: readFileSync(join(ROOT, name), 'utf8') }))

for (const { name, text } of readmes) {
  test(`${name}: its app is the one that is compiled, and it fits one screen`, () => {
    const shown = /```ts\n([\s\S]*?)```/.exec(text)?.[1]
    const compiled = readFileSync(join(ROOT, 'test', 'types', 'readme.ts'), 'utf8').split('\n').slice(1).join('\n')
    assert.equal(shown, compiled)
    assert.ok(text.split('\n').length <= LINES_MAX, `${text.split('\n').length} lines`)
    for (const part of ['docs/images/status.png', 'npm ci && npm start', 'npm ci && npm test', '--bootstrap', 'Windows', 'macOS', 'TLS']) assert.ok(text.includes(part), part)
    assert.ok(text.includes(name === 'README.md' ? '[中文](README.zh-CN.md)' : '[English](README.md)'))
  })
}

for (const { name, text } of readmes) {
  test(`${name}: every linked file exists, every command exists`, () => {
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(match => match[1] ?? '')
    assert.ok(links.length > 5)
    for (const link of links) if (!/^https?:/.test(link)) assert.ok(existsSync(join(ROOT, link)), link)
    const commands = [...text.matchAll(/`npx millrace ([a-z]+(?: [a-z]+)?)/g)].map(match => (match[1] ?? '').split(' '))
    assert.ok(commands.length > 1)
    for (const words of commands) {
      // `topic|group|lag …` names groups of commands: the first word has to begin one.
      if (COMMANDS.some(command => command.path[0] === words[0])) continue
      assert.fail(`millrace ${words.join(' ')}: ${findCommand(COMMANDS, words).command.path.join(' ')}`)
    }
    const scripts: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    assert.ok(typeof scripts === 'object' && scripts !== null && 'scripts' in scripts && typeof scripts.scripts === 'object' && scripts.scripts !== null)
    for (const [, script] of text.matchAll(/npm run ([\w:-]+)/g)) assert.ok((script ?? '') in scripts.scripts, `npm run ${script}`)
  })
}
