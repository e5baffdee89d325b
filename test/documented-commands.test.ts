/** Every `npx millrace …` that a document, an example or a help text shows is a command that exists, with options that it has. */
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../src/cli/commands/index.ts'
import { checkCommand, shownCommands } from './support/documented-commands.ts'
import { ROOT } from './support/need.ts'

const FOLDERS = ['docs', 'demo', 'examples', 'ledger']

function filesIn(path: string): string[] {
  return statSync(path).isDirectory() ? readdirSync(path).flatMap(name => filesIn(join(path, name))) : [path]
}

const documents = [
  ...readdirSync(ROOT).filter(name => name.endsWith('.md')).map(name => join(ROOT, name)),
  ...FOLDERS.flatMap(folder => filesIn(join(ROOT, folder))).filter(path => /\.(md|ts|py|mjs)$/.test(path)),
]

let shown = 0
for (const path of documents) {
  const commands = shownCommands(readFileSync(path, 'utf8'))
  shown += commands.length
  if (commands.length === 0) continue
  test(`${path.slice(ROOT.length + 1)}: its commands exist`, async () => {
    for (const command of commands) await assert.doesNotReject(checkCommand(command), `millrace ${command.words.join(' ')}`)
  })
}

test('some are shown, and one that does not exist would be found', async () => {
  assert.ok(shown >= 8, `${shown} commands in ${documents.length} files`)
  await assert.rejects(checkCommand({ words: ['start', 'app.js', '--no-such-option'], isWhole: true }), /no option/)
  await assert.rejects(checkCommand({ words: ['stop', 'app.js'], isWhole: true }), /does not exist/)
})

test("the examples of each command's help are calls that it takes", async () => {
  for (const { load } of COMMANDS) {
    const command = await load()
    for (const example of command.examples) {
      // Alone, behind a variable, behind a pipe, or in `$(…)`.
      const call = /(?:^|\| |\$\(|=\S+ )(millrace [^|)]*)/.exec(example)?.[1] ?? ''
      const words = (call.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map(word => word.replace(/^['"]|['"]$/g, ''))
      await assert.doesNotReject(checkCommand({ words: words.slice(1), isWhole: true }), example)
    }
  }
})
