/** The table of practices, in English and Chinese: every row is there, its commands and its tests exist, and both languages say the same is open. */
import { strict as assert } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkCommand, shownCommands } from './support/documented-commands.ts'
import { ROOT } from './support/need.ts'

const ROWS = 17
const PAGES = [
  { name: 'docs/practices.md', open: '**open**: ' },
  { name: 'docs/practices.zh-CN.md', open: '**未完成**：' },
] as const

interface NamedTest { readonly file: string; readonly name: string }

interface Row {
  readonly number: number
  readonly cells: readonly string[]
  readonly commands: readonly string[]
  readonly tests: readonly NamedTest[]
  /** Which of its cells say that something is open: 2 how, 3 command, 4 test. */
  readonly open: readonly number[]
}

function rowsOf(text: string, open: string): Row[] {
  return text.split('\n').filter(line => /^\| \[\d+\]\(#/.test(line)).map(line => {
    const cells = line.slice(2, -2).split(' | ')
    return {
      number: Number(/^\[(\d+)\]/.exec(line.slice(2))?.[1]), cells,
      commands: [...(cells[3] ?? '').matchAll(/`([^`]+)`/g)].map(match => match[1] ?? '').filter(() => !(cells[3] ?? '').startsWith(open)),
      tests: [...(cells[4] ?? '').matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\) \*([^*]+)\*/g)].map(match => {
        assert.equal(match[1], match[2], 'the link names its file')
        return { file: match[2] ?? '', name: match[3] ?? '' }
      }),
      open: [2, 3, 4].filter(index => (cells[index] ?? '').includes(open)),
    }
  })
}

/** Names of the tests of a source file, as they are written there. */
function testsIn(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...text.matchAll(/\btest\((['"])((?:\\.|(?!\1).)*)\1/g)].map(match => (match[2] ?? '').replaceAll(/\\(.)/g, '$1'))
}

/** GitHub's way to make an anchor of a heading. */
function anchorOf(heading: string): string {
  return heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}\- ]/gu, '').replaceAll(' ', '-')
}

function scripts(): readonly string[] {
  const parsed: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  assert.ok(typeof parsed === 'object' && parsed !== null && 'scripts' in parsed && typeof parsed.scripts === 'object' && parsed.scripts !== null)
  return Object.keys(parsed.scripts)
}

/** A path of dist/ stands for its source. */
const exists = (path: string): boolean => existsSync(join(ROOT, path.replace(/^dist\//, '').replace(/^((?!.*\.m).*)\.js$/, '$1.ts')))

async function checkShown(command: string): Promise<void> {
  if (command.startsWith('npx millrace ')) {
    const shown = shownCommands(command)
    assert.equal(shown.length, 1, command)
    for (const each of shown) await checkCommand(each)
    const entry = /^npx millrace (?:start|plan|topology) (dist\/\S+)/.exec(command)?.[1]
    if (entry !== undefined) assert.ok(exists(entry), `${command}: there is no ${entry}`)
  } else if (command.startsWith('npm ')) {
    const [, word = '', script = ''] = command.split(' ')
    assert.ok(scripts().includes(word === 'run' ? script : word), command)
  } else {
    assert.match(command, /^curl .*http:\/\/localhost:(9500\/events|9600\/metrics)$/)
  }
}

const pages = PAGES.map(page => {
  const text = readFileSync(join(ROOT, page.name), 'utf8')
  return { ...page, text, rows: rowsOf(text, page.open) }
})

for (const { name, open, text, rows } of pages) {
  test(`${name}: all rows are there, each with an explanation`, () => {
    assert.deepEqual(rows.map(row => row.number), Array.from({ length: ROWS }, (_, index) => index + 1))
    const anchors = new Set([...text.matchAll(/^#+ (.*)$/gm)].map(match => anchorOf(match[1] ?? '')))
    for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g)) assert.ok(anchors.has(anchor ?? ''), `#${anchor} is no heading of ${[...anchors].join(' ')}`)
    for (const [, link] of text.matchAll(/\]\((?!#)([^)#]+)[^)]*\)/g)) assert.ok(existsSync(join(ROOT, 'docs', link ?? '')), link)
    for (const row of rows) assert.equal(row.cells.length, 5, `row ${row.number} has ${row.cells.length} cells`)
  })

  test(`${name}: a row without a command or a test says that it is open`, () => {
    for (const { number, cells, commands, tests } of rows) {
      assert.ok(commands.length > 0 || (cells[3] ?? '').startsWith(open), `row ${number}: command`)
      assert.ok(tests.length > 0 || (cells[4] ?? '').startsWith(open), `row ${number}: test`)
    }
  })

  test(`${name}: the commands of its table exist, with their options`, async () => {
    for (const { number, commands } of rows) for (const command of commands) await assert.doesNotReject(checkShown(command), `row ${number}: ${command}`)
  })

  test(`${name}: the tests of its table exist, by name, and every file that it mentions`, () => {
    for (const { number, tests } of rows) {
      for (const named of tests) {
        assert.ok(existsSync(join(ROOT, named.file)), `row ${number}: ${named.file}`)
        assert.ok(testsIn(named.file).includes(named.name), `row ${number}: ${named.file} has no test named '${named.name}'`)
      }
    }
    for (const [, file] of text.matchAll(/`((?:test|src|ledger|examples|scripts)\/[\w./-]+\.\w+)`/g)) assert.ok(existsSync(join(ROOT, file ?? '')), file)
    for (const [, file] of text.matchAll(/^\s*(?:node|python3) (\S+)/gm)) assert.ok(exists(file ?? ''), file)
  })
}

test('both languages show the same commands and tests, and leave the same open', () => {
  const [english, chinese] = pages
  assert.ok(english !== undefined && chinese !== undefined)
  for (const [index, row] of english.rows.entries()) {
    const twin: Row | undefined = chinese.rows[index]
    assert.deepEqual({ commands: row.commands, tests: row.tests, open: row.open }, { commands: twin?.commands, tests: twin?.tests, open: twin?.open }, `row ${row.number}`)
  }
  const blocks = (text: string): string[] => [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(match => (match[1] ?? '').replaceAll(/ +#.*$/gm, ''))
  assert.deepEqual(blocks(english.text), blocks(chinese.text), 'commands outside of the table')
  const count = (text: string, open: string): number => text.split(open).length - 1
  assert.equal(count(english.text, english.open), count(chinese.text, chinese.open), 'open work outside of the table')
})

test('a row that names no test of its file, or a command with an option that is not there, would be found', async () => {
  assert.deepEqual(testsIn('test/practices.test.ts').includes('no such test'), false)
  assert.ok(testsIn('test/real/runtime/kill.test.ts').length > 3)
  await assert.rejects(checkShown('npx millrace lag --no-such-option'), /no option/)
  await assert.rejects(checkShown('npx millrace start dist/examples/99-none.js'), /there is no/)
  await assert.rejects(checkShown('npm run no-such-script'))
})
