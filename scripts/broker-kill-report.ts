/**
 * The long run of the ledger over broker kills, as a page of docs/reports/: figures, the command, machine, load, commit.
 *
 *   npm run build && node dist/scripts/broker-kill-report.js [--kills 100] [--minutes 60] [--seed 1] [--rate 200]
 *
 * Three Apache Kafka brokers, replication 3; `--kills` of them and as many of the app's processes, less where `--minutes` end it before. The page is written where
 * the books balance and where they do not, and says which. Ends with the run's own exit code.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'

interface Balance { readonly name: string; readonly in: number; readonly counted: number; readonly pending: number; readonly lost: number; readonly doubled: number; readonly foreign: number; readonly outOfOrder: number }

interface Outcome {
  readonly rounds: readonly { readonly brokers: readonly number[]; readonly processes: number; readonly failoverMs: number | null; readonly ms: number }[]
  readonly brokerKills: number
  readonly processKills: number
  readonly seconds: number
  readonly books: Readonly<Record<'in' | 'out' | 'lost' | 'doubled' | 'outOfOrder' | 'countsWrong', number>>
  readonly accounts: Readonly<Record<'node' | 'python', { readonly balanced: boolean; readonly balances: readonly Balance[] }>>
}

const root = resolve(import.meta.dirname, '..', '..')
const options = process.argv.slice(2)
const wanted = Number(options[options.indexOf('--kills') + 1] ?? 10)
const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`
const load = (): string => loadavg().map(average => average.toFixed(1)).join(' ')
const started = { at: new Date(), load: load() }
const { code, stdout } = await ran()
const line = stdout.trim().split('\n').at(-1) ?? ''
if (!line.startsWith('{')) {
  process.stderr.write('The run ended without an account: no page is written.\n')
  process.exit(code === 0 ? 1 : code)
}
// What the loop prints, and its own type says.
const outcome = JSON.parse(line) as Outcome
const folder = join(root, 'docs', 'reports')
mkdirSync(folder, { recursive: true })
const file = join(folder, `${started.at.toISOString().slice(0, 10)}-broker-kills.md`)
writeFileSync(file, page())
process.stderr.write(`${file}\n`)
process.exit(code)

function ran(): Promise<{ readonly code: number; readonly stdout: string }> {
  const child = spawn(process.execPath, [join(root, 'dist', 'test', 'real', 'runtime', 'broker-kill-loop.js'), ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  return new Promise(done => child.once('close', ended => done({ code: ended ?? 1, stdout: Buffer.concat(parts).toString('utf8') })))
}

function page(): string {
  const { rounds, brokerKills, processKills, seconds, books, accounts } = outcome
  const isShort = brokerKills < wanted
  const failovers = rounds.flatMap(round => round.failoverMs ?? []).sort((a, b) => a - b)
  const at = (share: number): string => failovers.length === 0 ? 'none' : `${((failovers[Math.min(failovers.length - 1, Math.floor(share * failovers.length))] ?? 0) / 1000).toFixed(1)} s`
  const row = (who: string, name: string, balance: Omit<Balance, 'name'>): string => `| ${who} | ${name} | ${[balance.in, balance.counted, balance.pending, balance.lost, balance.doubled, balance.foreign, balance.outOfOrder].map(count => count.toLocaleString('en')).join(' | ')} |`
  return [
    '# The ledger over broker kills', '',
    '```', `node dist/scripts/broker-kill-report.js ${options.join(' ')}`.trimEnd(), '```', '',
    `${started.at.toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, ${(seconds / 60).toFixed(1)} minutes. ${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; load when it began ${started.load}, when it ended ${load()}.`, '',
    `Three Apache Kafka 4.1.0 brokers, replication 3, two in sync at least; an app of a stateless and a stateful task (behind a repartition topic) in two processes, exactly once. **${brokerKills} broker kills and ${processKills} process kills**, all SIGKILL${isShort ? `: a part of the ${wanted} and ${wanted} that were asked for, ended by the clock` : ''}.`,
    '', '| who recounted | what | in | counted | under way | lost | doubled | foreign | out of order |', '|---|---|---|---|---|---|---|---|---|',
    ...(['node', 'python'] as const).flatMap(client => accounts[client].balances.map(balance => row(client === 'node' ? 'ledger/verify.mjs (kafkajs)' : 'ledger/verify.py (librdkafka)', balance.name, balance))),
    '', `Millrace's own reader: ${books.in.toLocaleString('en')} in, ${books.out.toLocaleString('en')} copies, ${books.lost} lost, ${books.doubled} doubled, ${books.outOfOrder} out of order, ${books.countsWrong} wrong counts.`,
    `**${accounts.node.balanced && accounts.python.balanced && books.lost + books.doubled + books.outOfOrder + books.countsWrong === 0 ? 'The books balance.' : 'The books do not balance.'}**`,
    '', `Rounds: ${rounds.length}, of which one broker died alone in ${failovers.length}; then records flowed without it after ${at(0.5)} (median), ${at(1)} (longest). A dead broker is missed after 3 s. These times are of a machine that did other work too: see the load.`,
    '', 'Each round: brokers killed, processes killed, seconds until records flowed without the broker, seconds until all was well again.', '',
    '```text', ...rounds.map((round, index) => `${String(index + 1).padStart(3)}  ${round.brokers.join(' ').padEnd(6)} ${round.processes}  ${(round.failoverMs === null ? '–' : (round.failoverMs / 1000).toFixed(1)).padStart(6)} ${(round.ms / 1000).toFixed(1).padStart(6)}`), '```', '',
  ].join('\n')
}
