/** Every `npx millrace …` that a document, an example or a help text shows is a command that exists, with options that it has. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../src/cli/commands/index.ts'
import { checkCommand, shownCommands } from './support/documented-commands.ts'
import { ROOT } from './support/need.ts'
import { mustRun } from './support/processes.ts'

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

test('the first `npx millrace` of a clone runs what `npm ci` built, and builds nothing once more', async t => {
  const cache = mkdtempSync(join(tmpdir(), 'millrace-npx-'))
  t.after(() => rmSync(cache, { recursive: true, force: true }))
  const built = statSync(join(ROOT, 'dist', 'src', 'cli', 'main.js')).mtimeMs
  const ran = await mustRun('npx', ['millrace', '--version'], { cwd: ROOT, env: { npm_config_cache: cache, npm_config_offline: 'true' }, timeoutMs: 120_000 })
  assert.match(ran.stdout, /^\d+\.\d+\.\d+$/m)
  assert.equal(statSync(join(ROOT, 'dist', 'src', 'cli', 'main.js')).mtimeMs, built)
})

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
