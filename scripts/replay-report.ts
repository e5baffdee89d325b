/**
 * Replays real events through the real topology and writes what came out as a page of docs/reports/: figures, the command, machine, load, commit.
 *
 *   npm run build && node dist/scripts/replay-report.js ../shared/data/online-retail-uci retail [more options of `millrace demo recommender`]
 *
 * The report is the command's own JSON, whole, below the table. The page is written when the replay has ended well, and only then.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { basename, join, resolve } from 'node:path'

interface Quality { readonly hr20: number; readonly mrr20: number; readonly novelHr20: number; readonly n: number }

interface Report {
  readonly events: number
  readonly skipped: number
  readonly wholeStream: Readonly<Record<string, Quality>>
  readonly lastDay: Readonly<Record<string, Quality>>
  readonly frozenLastDay: Readonly<Record<string, Quality>>
  readonly latency: Readonly<Record<'p50' | 'p90' | 'p99' | 'n', number>> | null
  readonly throughput: { readonly eventsPerSecond: number; readonly n: number } | null
  readonly settings: Readonly<Record<string, string | number>>
}

const PARTS = ['wholeStream', 'lastDay', 'frozenLastDay'] as const

const [path, format, ...more] = process.argv.slice(2)
if (path === undefined || format === undefined) {
  process.stderr.write('usage: replay-report PATH serenade|retail|jsonl [--partitions N] [--bootstrap HOST:PORT]\n')
  process.exit(2)
}
const root = resolve(import.meta.dirname, '..', '..')
const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`
const load = (): string => loadavg().map(average => average.toFixed(1)).join(' ')
const started = { at: new Date(), load: load(), ms: performance.now() }
const stdout = await replayed()
const minutes = (performance.now() - started.ms) / 60_000
// What the command promises (test/demo/report.test.ts); a figure that is missing shows as such in the page.
const report = JSON.parse(stdout) as Report
const folder = join(root, 'docs', 'reports')
mkdirSync(folder, { recursive: true })
const file = join(folder, `${started.at.toISOString().slice(0, 10)}-${basename(path).replace(/\W+/g, '-')}.md`)
writeFileSync(file, page())
process.stderr.write(`${file}\n`)

/** Stdout of the replay; this process ends as it does where it fails. */
function replayed(): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'dist', 'src', 'cli', 'main.js'), 'demo', 'recommender', '--events', String(path), '--format', String(format), '--report', 'json', ...more], { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  return new Promise(done => child.once('close', code => {
    if (code === 0) return done(Buffer.concat(parts).toString('utf8'))
    process.exit(code ?? 1)
  }))
}

function page(): string {
  const lines = [
    `# ${basename(String(path))} through the recommender`, '',
    '```', `npx millrace demo recommender --events PATH/${basename(String(path))} --format ${format} --report json${more.length === 0 ? '' : ` ${more.join(' ')}`}`, '```', '',
    `${started.at.toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, ${minutes.toFixed(1)} minutes. ${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; `
    + `load when it began ${started.load}, when it ended ${load()}. Broker: ${report.settings['broker']}; partitions: ${report.settings['partitions']}; guarantee: ${report.settings['guarantee']}.`, '',
    `${report.events.toLocaleString('en')} events, ${report.skipped.toLocaleString('en')} lines skipped. All models answer the same n; half of a 95 % interval of HR@20 is beside it.`,
  ]
  for (const part of PARTS) {
    const models = Object.entries(report[part])
    lines.push('', `## ${part} (n = ${(models[0]?.[1].n ?? 0).toLocaleString('en')})`, '', '| model | HR@20 | MRR@20 | novel targets, HR@20 |', '|---|---|---|---|')
    for (const [model, { hr20, mrr20, novelHr20, n }] of models) lines.push(`| ${model} | ${hr20.toFixed(4)} ± ${(1.96 * Math.sqrt(hr20 * (1 - hr20) / Math.max(1, n))).toFixed(4)} | ${mrr20.toFixed(4)} | ${novelHr20.toFixed(4)} |`)
  }
  const { latency, throughput } = report
  lines.push('', `Event to recommendation: ${latency === null ? 'not measured' : `p50 ${latency.p50} ms, p90 ${latency.p90} ms, p99 ${latency.p99} ms (n = ${latency.n})`}. Throughput of all tasks, exactly once, unpaced: ${throughput === null ? 'not measured' : `${throughput.eventsPerSecond} events/s (n = ${throughput.n})`}.`)
  lines.push('', 'The report as the command wrote it:', '', '```json', JSON.stringify(report), '```', '')
  return lines.join('\n')
}
