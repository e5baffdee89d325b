/** Every `npx millrace …` that a document, an example or a help text shows is a command that exists, with options that it has. */
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findCommand, parseCall } from '../src/cli/command.ts'
import { COMMANDS } from '../src/cli/commands/index.ts'
import { Output } from '../src/cli/render.ts'
import { ROOT } from './support/need.ts'

const FOLDERS = ['docs', 'demo', 'examples', 'ledger']
const silent = { write: () => true }
const output = new Output({ stdout: silent, stderr: silent, json: false, environment: {} })

function filesIn(path: string): string[] {
  return statSync(path).isDirectory() ? readdirSync(path).flatMap(name => filesIn(join(path, name))) : [path]
}

const documents = [
  ...readdirSync(ROOT).filter(name => name.endsWith('.md')).map(name => join(ROOT, name)),
  ...FOLDERS.flatMap(folder => filesIn(join(ROOT, folder))).filter(path => /\.(md|ts|py|mjs)$/.test(path)),
]

/** The words of a shown command line, up to a remark; `a|b …` are several commands, of which the first words are shown. */
function shownCommands(text: string): { readonly words: readonly string[], readonly isWhole: boolean }[] {
  return [...text.matchAll(/npx millrace ([^`\n]*)/g)].flatMap(([, line = '']) => {
    const [command = ''] = line.replaceAll('\\|', '|').split(/ {2,}| [#(&]|[;。，]/)
    const words = command.trim().split(/\s+/).filter(word => word !== '')
    const isWhole = !words.includes('…')
    return (words[0] ?? '').split('|').map(first => ({ words: [first, ...words.slice(1).filter(word => word !== '…')], isWhole }))
  })
}

async function check(words: readonly string[], isWhole: boolean): Promise<void> {
  if (!isWhole && words.length === 1 && COMMANDS.some(command => command.path[0] === words[0])) return
  const { command, rest } = findCommand(COMMANDS, words)
  if (isWhole) parseCall(await command.load(), rest, output, new AbortController().signal)
}

let shown = 0
for (const path of documents) {
  const commands = shownCommands(readFileSync(path, 'utf8'))
  shown += commands.length
  if (commands.length === 0) continue
  test(`${path.slice(ROOT.length + 1)}: its commands exist`, async () => {
    for (const { words, isWhole } of commands) {
      await assert.doesNotReject(check(words, isWhole), `millrace ${words.join(' ')}`)
    }
  })
}

test('some are shown, and one that does not exist would be found', async () => {
  assert.ok(shown >= 8, `${shown} commands in ${documents.length} files`)
  await assert.rejects(check(['start', 'app.js', '--no-such-option'], true), /no option/)
  await assert.rejects(check(['stop', 'app.js'], true), /does not exist/)
})

test("the examples of each command's help are calls that it takes", async () => {
  for (const { load } of COMMANDS) {
    const command = await load()
    for (const example of command.examples) {
      // Alone, behind a variable, behind a pipe, or in `$(…)`.
      const call = /(?:^|\| |\$\(|=\S+ )(millrace [^|)]*)/.exec(example)?.[1] ?? ''
      const words = (call.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map(word => word.replace(/^['"]|['"]$/g, ''))
      await assert.doesNotReject(check(words.slice(1), true), example)
    }
  }
})
