/**
 * Runs the tests of dist/ with node:test and ends with one line: `N passed, N failed, N skipped`.
 *
 *   node dist/scripts/test.js                      everything that Node alone can run; tests on real parts are listed as skipped, by name
 *   node dist/scripts/test.js --real [part …]      tests on real parts (test/real); `part` limits them to folders or files whose path contains it
 *   node dist/scripts/test.js --long [part …]      those that take too long for each change (test/long), on real parts too
 *   node dist/scripts/test.js path-part …          files whose path contains the part
 *
 * `--results=FILE` writes what became of each test, for scripts/compatibility.ts.
 *
 * R1. Only leaves count: a suite (`describe`, or a test with subtests) adds nothing by itself unless it fails on its own.
 * R2. A skipped test is printed with its reason. With MILLRACE_SKIP=forbid a skipped test is a failure.
 * R3. A run that executed no test fails.
 * R4. Files of a plain run go two at a time. Those on real parts go one at a time in each of two lanes, engines and clusters in one, all else in the other:
 *     a lane waits for JVMs most of its time, and never do two files of engines share the two cores. Those that take long go alone.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Outcome, Run, TestResult } from '../test/compatibility/results.ts'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..')
const args = process.argv.slice(2)
const kind = args.includes('--long') ? 'long' : args.includes('--real') ? 'real' : 'plain'
const real = kind !== 'plain'
const wanted = args.filter(arg => !arg.startsWith('--'))
/** Tests on real parts are named as skipped in a plain run, unless whoever calls runs them in a step of its own. */
const realApart = process.env['MILLRACE_REAL'] === 'apart'

interface Tally { passed: number; failed: number; skipped: number }
const tally: Tally = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
const resultsFile = args.find(arg => arg.startsWith('--results='))?.slice('--results='.length)
const results: TestResult[] = []
const startedAt = new Date().toISOString()

const all = testFiles(dist)
const kindOf = (file: string): 'long' | 'real' | 'plain' => {
  const path = relative(dist, file)
  return path.startsWith(join('test', 'long')) ? 'long' : path.startsWith(join('test', 'real')) ? 'real' : 'plain'
}
const files = all.filter(file => kindOf(file) === kind && (wanted.length === 0 || wanted.some(part => relative(dist, file).includes(part))))

await runFiles(files)
if (!real && !realApart && wanted.length === 0) listReal(all.filter(file => kindOf(file) !== 'plain'))
finish()

function testFiles(folder: string): string[] {
  return readdirSync(folder).sort().flatMap(name => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return name === 'node_modules' ? [] : testFiles(path)
    return name.endsWith('.test.js') ? [path] : []
  })
}

async function runFiles(files: readonly string[]): Promise<void> {
  if (files.length === 0) return
  const started = Date.now()
  const hasJobs = (file: string): boolean => ['engines', 'cluster'].some(folder => relative(dist, file).startsWith(join('test', 'real', folder)))
  const lanes = kind === 'real' ? [files.filter(hasJobs), files.filter(file => !hasJobs(file))].filter(lane => lane.length > 0) : [files]
  await Promise.all(lanes.map(lane => runLane(lane, kind === 'plain' ? 2 : 1)))
  console.log(`${files.length} files in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

async function runLane(files: readonly string[], concurrency: number): Promise<void> {
  const stream = run({ files: [...files], concurrency, timeout: real ? 900_000 : 240_000 })
  let output = ''
  stream.on('test:stdout', event => { if (real) process.stdout.write(event.message); else output += event.message })
  stream.on('test:stderr', event => process.stderr.write(event.message))
  // Figures that a test measured: printed, never asserted.
  stream.on('test:diagnostic', event => { if (real && !/^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(event.message)) console.log(`#        ${event.message}`) })
  stream.on('test:pass', event => record(event))
  stream.on('test:fail', event => record(event))
  for await (const _ of stream) { /* events are handled above; the loop only waits for the end */ }
  if (failures.length > 0 && output !== '') process.stdout.write(output)
}

interface TestEvent {
  readonly name: string
  readonly file?: string | undefined
  readonly skip?: string | boolean | undefined
  readonly todo?: string | boolean | undefined
  readonly details: { readonly type?: string | undefined; readonly duration_ms: number; readonly error?: unknown }
}

function record(event: TestEvent & { readonly nesting: number }): void {
  const where = event.file === undefined ? '' : `${relative(dist, event.file)}: `
  const error = event.details.error
  if (event.details.type === 'suite') return
  const keep = (outcome: Outcome): void => keepResult(event, outcome)
  if (event.skip !== undefined && event.skip !== false) {
    tally.skipped++
    keep('skipped')
    console.log(`skipped  ${where}${event.name}: ${typeof event.skip === 'string' && event.skip !== '' ? event.skip : 'no reason given'}`)
  } else if (event.todo !== undefined && event.todo !== false) {
    tally.failed++
    keep('failed')
    failures.push(`${where}${event.name}: marked todo`)
  } else if (error === undefined) {
    // node:test reports each file as a test of its own on some versions; it has no assertion and does not count.
    if (event.name.endsWith('.test.js')) return
    tally.passed++
    keep('passed')
    if (real) console.log(`ok       ${where}${event.name} (${(event.details.duration_ms / 1000).toFixed(1)} s)`)
  } else if (causeOf(error)?.failureType === 'subtestsFailed') return
  else {
    tally.failed++
    keep('failed')
    failures.push(`${where}${event.name}`)
    console.log(`FAILED   ${where}${event.name}\n${indent(causeOf(error)?.text ?? String(error))}`)
  }
}

/** From the repository's root, as the source is called. */
function sourceOf(file: string): string {
  return relative(dist, file).split(sep).join('/').replace(/\.js$/, '.ts')
}

/** A file that fails as a whole comes as a test of the file's name. */
function keepResult({ name, file, details }: TestEvent, outcome: Outcome): void {
  const isFile = name.endsWith('.test.js')
  const path = file ?? (isFile ? name : undefined)
  if (path !== undefined) results.push({ file: sourceOf(path), name: isFile ? null : name, outcome, ms: Math.round(details.duration_ms) })
}

function writeResults(to: string): void {
  const git = (...words: readonly string[]): string => execFileSync('git', words, { cwd: join(dist, '..'), encoding: 'utf8' }).trim()
  const ran: Run = { format: 1, commit: git('rev-parse', '--short', 'HEAD'), changed: git('status', '--porcelain') !== '', date: startedAt, node: process.version, files: files.map(sourceOf), tests: results }
  writeFileSync(to, `${JSON.stringify(ran, null, 1)}\n`)
}

function causeOf(error: unknown): { readonly failureType: string | undefined; readonly text: string } | undefined {
  if (!(error instanceof Error)) return undefined
  const failureType = 'failureType' in error && typeof error.failureType === 'string' ? error.failureType : undefined
  const cause = error.cause
  return { failureType, text: cause instanceof Error ? cause.stack ?? cause.message : `${error.message}${cause === undefined ? '' : ` ${String(cause)}`}` }
}

function indent(text: string): string {
  return text.split('\n').map(line => `         ${line}`).join('\n')
}

/** Names each test on real parts with the command that runs it: read from the compiled source, without loading it. */
function listReal(files: readonly string[]): void {
  for (const file of files) {
    const names = [...readFileSync(file, 'utf8').matchAll(/^\s*(?:await )?(?:test|it)\(\s*(['"`])(.+?)\1/gm)].map(match => match[2] ?? '')
    for (const name of names.length > 0 ? names : ['(names made at run time)']) {
      tally.skipped++
      console.log(`skipped  ${relative(dist, file)}: ${name}: needs real parts (scripts/setup.sh installs them): npm run test:${kindOf(file)}`)
    }
  }
}

function finish(): void {
  if (resultsFile !== undefined) writeResults(resultsFile)
  const forbidden = process.env['MILLRACE_SKIP'] === 'forbid' && tally.skipped > 0
  if (forbidden) console.log('A test was skipped, and MILLRACE_SKIP=forbid is set.')
  if (tally.passed + tally.failed === 0) console.log('No test ran.')
  for (const failure of failures) console.log(`failed: ${failure}`)
  console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`)
  process.exit(tally.failed > 0 || forbidden || tally.passed === 0 ? 1 : 0)
}
