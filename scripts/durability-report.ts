/**
 * The long run of the embedded broker's durability, as a page of docs/reports/: kills, deaths before each write, power cuts, damaged files.
 *
 *   npm run durability -- [--kills 500] [--writes 300] [--cuts 1000] [--mutations 20000] [--seed 1] [--minutes 20]
 *
 * `--minutes` bounds each part. Needs strace, root, a loop device, mkfs.ext4 and python3. The page is written whether or not everything was kept, and
 * says which; a loss ends it with 1.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Deaths, How } from '../test/durability/deaths.ts'
import type { MutationsRun } from '../test/durability/mutations-run.ts'

const root = resolve(import.meta.dirname, '..', '..')
const { values } = parseArgs({ options: {
  kills: { type: 'string', default: '500' }, writes: { type: 'string', default: '300' }, cuts: { type: 'string', default: '1000' }, mutations: { type: 'string', default: '20000' },
  seed: { type: 'string', default: '1' }, minutes: { type: 'string', default: '20' },
} })
const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`
const load = (): string => loadavg().map(average => average.toFixed(1)).join(' ')
const began = { at: new Date(), load: load() }

const counts: Readonly<Record<How, string>> = { kill: values.kills, write: values.writes, power: values.cuts }
const runs: Deaths[] = []
let failed = false
for (const how of ['kill', 'write', 'power'] as const) {
  if (Number(counts[how]) > 0) runs.push(await part<Deaths>('deaths.js', '--how', how, '--deaths', counts[how], '--seed', values.seed, '--minutes', values.minutes))
}
const mutations = Number(values.mutations) > 0 ? await part<MutationsRun>('mutations-run.js', '--count', values.mutations, '--seed', values.seed) : undefined
const file = join(root, 'docs', 'reports', `${began.at.toISOString().slice(0, 10)}-durability.md`)
mkdirSync(join(root, 'docs', 'reports'), { recursive: true })
writeFileSync(file, page())
process.stderr.write(`${file}\n`)
process.exit(failed ? 1 : 0)

/** What the part printed; its own type says what that is. */
function part<Outcome>(program: string, ...args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, 'dist', 'test', 'durability', program), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => parts.push(bytes))
  return new Promise((done, fail) => child.once('close', code => {
    if (code !== 0) failed = true
    const line = Buffer.concat(parts).toString('utf8').trim().split('\n').at(-1) ?? ''
    if (line.startsWith('{')) done(JSON.parse(line) as Outcome)
    else fail(new Error(`${program} ended without an account: no page is written`))
  }))
}

function page(): string {
  const n = (count: number): string => count.toLocaleString('en')
  const names: Readonly<Record<How, string>> = { kill: 'SIGKILL at random moments', write: 'SIGKILL before the N-th change of the disk after a start, N = 1, 2, 3 … (strace)', power: 'power cut (ext4 on a loop device, shut down without its journal)' }
  return [
    '# Durability of the embedded broker', '',
    `\`npm run durability -- --kills ${values.kills} --writes ${values.writes} --cuts ${values.cuts} --mutations ${values.mutations} --seed ${values.seed}\``, '',
    `${began.at.toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, ${Math.round((Date.now() - began.at.getTime()) / 60_000)} minutes. ${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? '?'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; load when it began ${began.load}, when it ended ${load()}.`, '',
    failed ? '**Something was lost: see the examples.**' : '**Nothing acknowledged was lost, doubled or seen by half.**', '',
    'Policy `sync`. Clients go on through every death: an idempotent producer on three partitions, and transactions (two partitions and an offset of a group, every third aborted). Afterwards everything is read again.', '',
    '| death | deaths | before it served again | ready after p50 / longest | acknowledged | found | lost | doubled | transactions committed / aborted / never answered | broken |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...runs.map(({ how, deaths, duringRecovery, readyMs, account: { acknowledged, found, lost, doubled, broken, transactions } }) =>
      `| ${names[how]} | ${n(deaths)} | ${n(duringRecovery)} | ${readyMs.p50} / ${readyMs.max} ms | ${n(acknowledged)} | ${n(found)} | ${lost} | ${doubled} | ${n(transactions.committed)} / ${n(transactions.aborted)} / ${transactions.undecided} | ${broken} |`), '',
    ...runs.flatMap(({ how, account: { inTheCut } }) => how === 'power' ? [`Power: ${inTheCut} records were answered while the file system was being shut down and are not there; they bind nobody, since on this kernel an fdatasync that races with the shutdown returns success for what is not kept (fifteen lines of Python show it, without any broker). What unsynced bytes a real cut may keep in part is the simulated disk's to try: \`src/log/crash-points.test.ts\`.`, ''] : []),
    ...mutations === undefined ? [] : [
      `**${n(mutations.count)} mutations** (seed ${mutations.seed}): one place of a data directory is damaged (bit flipped, block zeroed, overwritten or repeated, file cut, extended or missing), a broker starts on it, and everything is read.`, '',
      '| same contents | cut, and reported | start refused, bytes kept | refused to the reader | silent |', '|---|---|---|---|---|',
      `| ${n(mutations.outcomes.same)} | ${n(mutations.outcomes.cut)} | ${n(mutations.outcomes.refused)} | ${n(mutations.outcomes.refusedByReader)} | **${n(mutations.outcomes.silent)}** |`, '',
      '`same` is what becomes of derived files (indexes, snapshots, seals): they are made again. A reader is refused where a finished segment, which a clean start trusts, rotted: by the log, or by the checksum that every client checks.', '',
    ],
    ...[...runs.flatMap(run => run.account.examples), ...mutations?.examples ?? []].map(example => `- ${example}`),
  ].join('\n').trimEnd() + '\n'
}
