/**
 * The durability programme: `npm run durability -- [--kills N] [--cuts N] [--mutations N] [--minutes N] [--seed N] [--together]`.
 *
 * Brokers die by SIGKILL at random moments and at every call that changes a file, file systems lose their power under them, a simulated
 * disk keeps random parts of what was not synced, files are damaged, a disk is full. After each, a client recounts what it was told.
 * Writes docs/reports/durability.md; exit code 1 where anything acknowledged was lost, doubled, out of order, or a transaction torn.
 *
 * Needs Linux, strace, and root for the power cuts (loop devices); what cannot be run is named in the report with its reason.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Account } from '../test/durability/part.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const { values } = parseArgs({ options: {
  kills: { type: 'string', default: '500' }, cuts: { type: 'string', default: '1000' }, mutations: { type: 'string', default: '20000' },
  minutes: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' }, together: { type: 'boolean', default: false },
} })
const secondsMax = Math.round(Number(values.minutes) * 60)
const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '-uno') === '' ? '' : ' with changes'}`
const load = (): string => loadavg().map(average => average.toFixed(1)).join(' ')
const started = { at: new Date(), load: load() }

const wanted: readonly (readonly [part: string, count: string])[] = [
  ['kills', values.kills], ['calls', '100000'], ['power', values.cuts], ['simulated', values.cuts], ['mutations', values.mutations], ['files', values.mutations], ['full', '1'],
]
const accounts: Account[] = []
if (values.together) accounts.push(...await Promise.all(wanted.map(([part, count]) => run(part, count))))
else for (const [part, count] of wanted) accounts.push(await run(part, count))
const file = join(root, 'docs', 'reports', 'durability.md')
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, page())
process.stderr.write(`${file}\n`)
process.exit(accounts.some(({ wrong }) => wrong.length > 0) ? 1 : 0)

function run(part: string, count: string): Promise<Account> {
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, 'dist', 'test', 'durability', 'part.js'), part, count, values.seed, String(secondsMax)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => parts.push(chunk))
  return new Promise(done => child.once('close', code => {
    const line = Buffer.concat(parts).toString('utf8').trim().split('\n').at(-1) ?? ''
    // What part.ts prints; a part that died is not a part that found nothing.
    done(line.startsWith('{') ? JSON.parse(line) as Account : { part, count: 0, seconds: 0, wrong: [`it ended with ${code} and without an account`], figures: {} })
  }))
}

function of(part: string): Account {
  return accounts.find(account => account.part === part) ?? { part, count: 0, seconds: 0, wrong: [], figures: {} }
}

function page(): string {
  const shown = (count: number | undefined): string => (count ?? 0).toLocaleString('en')
  const row = (part: string, what: string, count: number, askedFor: string | undefined, checked: string): string => {
    const account = of(part)
    const asked = askedFor !== undefined && account.count < Number(askedFor) && account.skipped === undefined ? ` of ${Number(askedFor).toLocaleString('en')} asked for, ended by the clock` : ''
    return `| ${what} | ${account.skipped === undefined ? shown(count) : `not run: ${account.skipped}`}${asked} | ${checked} | ${account.wrong.length} | ${account.seconds} |`
  }
  const acknowledged = (part: string): string => `${shown(of(part).figures['records'])} records, ${shown(of(part).figures['transactions'])} transactions`
  const calls = of('calls')
  const byCall = Object.entries(calls.figures).filter(([name]) => !['records', 'transactions', 'complete'].includes(name)).map(([name, count]) => `${name} ${count}`).join(', ')
  const { figures } = of('mutations')
  const wrong = accounts.flatMap(account => account.wrong.map(line => `${account.part}: ${line}`))
  return [
    '# Durability of the embedded broker', '',
    '```', `npm run durability -- --kills ${values.kills} --cuts ${values.cuts} --mutations ${values.mutations} --minutes ${values.minutes} --seed ${values.seed}${values.together ? ' --together' : ''}`, '```', '',
    `${started.at.toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, seed ${values.seed}. ${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; load when it began ${started.load}, when it ended ${load()}.`, '',
    `**${shown(of('kills').count + calls.count + (of('simulated').figures['kills'] ?? 0))} kills, ${shown(of('power').count + of('simulated').count)} power cuts, ${shown(of('mutations').count + of('files').count)} damaged files: ${wrong.length === 0 ? 'nothing acknowledged was lost, doubled or out of order, and no transaction was torn' : `${wrong.length} findings`}.**`, '',
    '| what happened to a broker under `sync` | times | recounted after it | wrong | seconds |', '|---|---|---|---|---|',
    row('kills', 'SIGKILL of its process at a random moment, one in six during its start', of('kills').count, values.kills, acknowledged('kills')),
    row('calls', `SIGKILL at the N-th call, for N from 1 on (strace): ${byCall}${calls.figures['complete'] === 1 ? '; every call of the workload' : '; not every call was reached'}`, calls.count, undefined, acknowledged('calls')),
    row('power', 'power cut of its file system: ext4 on a loop device, shut down without flushing its journal', of('power').count, values.cuts, acknowledged('power')),
    row('simulated', `power cut of the simulated disk, which keeps any part of what was not synced (and ${shown(of('simulated').figures['kills'])} kills)`, of('simulated').count, values.cuts, acknowledged('simulated')),
    row('mutations', 'one file damaged: bit flipped, cut short, bytes removed, zeroed, a block doubled', of('mutations').count, values.mutations, 'everything of the directory'),
    row('files', 'one file damaged of a directory that holds every kind: rolled and compacted logs, all codecs, transactions, indexes, snapshots, checkpoints, state', of('files').count, values.mutations, 'every record of both isolation levels, and times'),
    row('full', 'a full disk: writes refused, reads go on, writes go on once there is space', of('full').count, '1', acknowledged('full')), '',
    `Every kind of file: ${shown(of('files').figures['same'])} times the same contents, ${shown(of('files').figures['refused'])} times the start was refused, ${shown(of('files').figures['refusedByReader'])} times the reader, ${shown(of('files').figures['cut'])} times a torn tail was cut and reported; silent: ${shown(of('files').figures['silent'])}.`, '',
    `Damaged files of the client's own directories: ${shown(figures['refused'])} times the start was refused and no log was touched, ${shown(figures['unharmed'])} times everything was there (what was damaged is derived and was made anew, or is not used), ${shown(figures['found by the reader'])} times a finished segment was damaged and whoever read it was told (CORRUPT_MESSAGE, or the batch's own checksum, which every client checks). Silent: ${shown(figures['silent'])}. Cut as a torn tail although acknowledged, with a warning: ${shown(figures['reported'])}. Broken in another way: ${shown(figures['broken'])}.`, '',
    'After each death the client goes on as clients do: unacknowledged batches are sent again under their sequence numbers, an end of a transaction whose answer was lost is asked for again, a transaction that was left open over the restart is committed by its owner. Then it compares for equality: each record of the plain topic at its one offset, transactions in both partitions or in neither, committed offsets.', '',
    'Instead of dm-log-writes the simulated disk records what was not synced and keeps random 512-byte sectors of it.', '',
    ...(wrong.length === 0 ? [] : ['## Findings', '', ...wrong.map(line => `- ${line}`), '']),
  ].join('\n')
}
