/**
 * The style guide as a test: what of STYLE.md can be checked by reading files as text.
 *
 *   node dist/scripts/tidy.js            all rules; exits 1 and names file and line where one is broken
 *
 * T1. Imports follow the direction of the layers (`MAY_IMPORT`), and tests, demo and bench come in by public names.
 * T2. A source file has at most 500 lines, a function at most 70; longer ones stand in `LONG` with their reason.
 * T3. Clock, randomness, disk, network, workers of Node are imported under `env/real/` and by hosts alone.
 * T4. No `any`, no non-null `!`, no enum; names of files are kebab-case nouns, never utils, helpers, impl, internal.
 * T5. Every file of src/ opens with a comment that says what it is; every `MillraceError` code is in the table (the compiler holds that).
 * T6. Nothing names this machine's paths or a registry's host.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Transitive: a layer may import what its own layers may. `*` is everything public. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  env: ['base'],
  wire: ['base'],
  serde: ['wire', 'base'],
  log: ['wire', 'env', 'base'],
  broker: ['log', 'wire', 'env', 'base'],
  client: ['wire', 'env', 'base'],
  topology: ['serde', 'wire', 'env', 'base'],
  dsl: ['topology', 'serde', 'wire', 'env', 'base'],
  runtime: ['topology', 'client', 'wire', 'serde', 'env', 'base'],
  sinks: ['topology', 'client', 'serde', 'wire', 'env', 'base'],
  sources: ['dsl', 'topology', 'client', 'wire', 'serde', 'env', 'base'],
  engines: ['topology', 'serde', 'wire', 'client', 'env', 'base'],
  planner: ['runtime', 'topology', 'serde', 'client', 'wire', 'env', 'base'],
  http: ['*'],
  cli: ['*'],
  testing: ['*'],
  exports: ['*'],
  'embedded.ts': ['*'],
}
/** Folders that are hosts of the library, not parts of it: they may use Node directly. */
const HOSTS = ['src/env/real/', 'src/http/', 'src/cli/', 'src/testing/', 'demo/', 'scripts/', 'test/', 'examples/', 'bench/']
const WORLD = /from ['"]node:(fs|net|timers|worker_threads|child_process|dgram|http|https|os|crypto|dns)(\/promises)?['"]|\b(Date\.now|Math\.random|setTimeout|setInterval|setImmediate|performance\.now)\(|new Date\(\)/
/** Files outside env/real that touch Node all the same, each with its reason. */
const WORLD_ALLOWED: Readonly<Record<string, string>> = {
  'src/runtime/state/lmdb-store.ts': 'SHA-256 of long keys: a pure function',
  'src/wire/scram.ts': 'SHA-2, HMAC, PBKDF2: pure functions',
  'src/engines/install/digest.ts': 'SHA-256: a pure function',
}
/** Files over 500 lines, or with a function over 70, each with its reason. */
const LONG: Readonly<Record<string, string>> = {
  'src/runtime/state/store-contract.ts': 'one function that is a list of tests',
}
const LINES_MAX = 500
const FUNCTION_LINES_MAX = 70

const problems: string[] = []
const files = ['src', 'demo', 'examples', 'scripts', 'test', 'bench'].flatMap(folder => existsSync(join(root, folder)) ? sources(join(root, folder)) : [])
for (const path of files) check(path)
for (const path of [...Object.keys(LONG), ...Object.keys(WORLD_ALLOWED)]) {
  if (!existsSync(join(root, path))) problems.push(`${path}: listed in tidy, but gone`)
}
for (const problem of problems) console.log(problem)
console.log(`tidy: ${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

function sources(folder: string): string[] {
  return readdirSync(folder).sort().flatMap(name => {
    const path = join(folder, name)
    if (name === 'node_modules' || name === 'dist') return []
    return statSync(path).isDirectory() ? sources(path) : /\.(ts|tsx|mjs)$/.test(name) ? [path] : []
  })
}

function check(path: string): void {
  const name = relative(root, path).split(sep).join('/')
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  const report = (line: number, message: string): void => void problems.push(`${name}:${line}: ${message}`)
  const isTest = name.endsWith('.test.ts') || name.startsWith('test/')
  if (!/^[a-z0-9.-]+$/.test(name.split('/').pop() ?? '')) report(1, 'file names are kebab-case')
  if (/\/(utils?|helpers?|impl|internal|common|misc)(\.|\/)/.test(name)) report(1, 'name the thing, not the drawer (utils, helpers, impl …)')
  if (name.startsWith('src/') && !isTest && !/^(#!.*\n)?\/\*\*/.test(text)) report(1, 'a source file opens with a comment that says what it is')
  if (!isTest && LONG[name] === undefined) {
    if (lines.length > LINES_MAX) report(1, `${lines.length} lines; at most ${LINES_MAX}`)
    for (const [line, count] of longFunctions(lines)) report(line, `a function of ${count} lines; at most ${FUNCTION_LINES_MAX}`)
  }
  lines.forEach((line, index) => checkLine(name, line, message => report(index + 1, message)))
  if (name.startsWith('src/')) checkImports(name, path, lines, report)
}

function checkLine(name: string, line: string, report: (message: string) => void): void {
  const code = line.replace(/\/\/.*$/, '').replace(/^\s*\*.*$/, '').replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, "''")
  if (/[:<(,|]\s*any\b(?!\w)|\bas any\b/.test(code)) report('no any')
  if (/^\s*(export\s+)?(const\s+)?enum\s/.test(code)) report('no enum')
  if (/[\w)\]]!(\.|\[|;|,|\)|$)/.test(code) && !/!==?/.test(code)) report('no non-null assertion')
  if (new RegExp('@ts-(ignore' + '|nocheck)').test(line)) report('the compiler is not to be silenced')
  if (/\.only\(/.test(code) && name.endsWith('.test.ts')) report('a test that runs alone hides the others')
  if (!HOSTS.some(host => name.startsWith(host)) && !name.endsWith('.test.ts') && WORLD_ALLOWED[name] === undefined && WORLD.test(line.replace(/\/\/.*$|^\s*\*.*$/g, ''))) report('clock, randomness, disk, network come through Env')
  // Assembled, so that this file does not name what it forbids.
  if (new RegExp(`/${'root'}/|/${'work'}/(main|shared|tools|wt|board)`).test(line)) report('names a path of one machine')
}

function checkImports(name: string, path: string, lines: readonly string[], report: (line: number, message: string) => void): void {
  const layer = layerOf(name)
  if (name.endsWith('.test.ts')) return
  const allowed = MAY_IMPORT[layer]
  if (allowed === undefined) return report(1, `'${layer}' is no layer of MAY_IMPORT`)
  lines.forEach((line, index) => {
    const target = line.match(/(?:from|import\()\s*['"](\.[^'"]+)['"]/)?.[1]
    if (target === undefined) return
    const to = relative(root, resolve(dirname(path), target)).split(sep).join('/')
    if (!to.startsWith('src/')) return report(index + 1, `src/ imports ${to}`)
    const other = layerOf(to)
    if (other !== layer && !allowed.includes('*') && !allowed.includes(other)) report(index + 1, `'${layer}' may not import '${other}'`)
    if (other === 'exports' && layer !== 'exports') report(index + 1, 'import the file, not a subpath entry')
  })
}

function layerOf(name: string): string {
  return name.split('/')[1] ?? ''
}

/** Functions found by indentation: from a line that opens one to the line that closes it at the same indent. */
function longFunctions(lines: readonly string[]): [line: number, count: number][] {
  const long: [number, number][] = []
  lines.forEach((line, index) => {
    const opens = /^(\s*)(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function\b|(?:static\s+|override\s+|private\s+|async\s+|get\s+|set\s+|#)*[\w#]+(?:<[^>]*>)?\([^;]*\)(?::\s*[^=]+)?\s*\{$)/.exec(line)
    if (opens === null || /^\s*(if|for|while|switch|catch|return|else|test|describe|it)\b/.test(line) || !line.trimEnd().endsWith('{')) return
    const indent = opens[1] ?? ''
    const end = lines.findIndex((other, at) => at > index && other.startsWith(`${indent}}`))
    if (end !== -1 && end - index + 1 > FUNCTION_LINES_MAX) long.push([index + 1, end - index + 1])
  })
  return long
}
