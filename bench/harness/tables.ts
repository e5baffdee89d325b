/**
 * Results as Markdown: of each case a table, its ratios within each league, and what did not count.
 */
import { type Case, type Query, DISORDER_MS, DISORDERED_ONE_IN, SEED, SPAN_MS } from './case.ts'
import type { League } from './contenders.ts'
import type { CaseResults, ContenderResults, LatencyResults, Results } from './results.ts'
import { ratioOf, type Summary, summaryOf } from './statistics.ts'

const JOBS: Readonly<Record<Exclude<Case['job'], Query>, string>> = {
  rekey: 'Filter (three of four events stay), map to three fields, new key, produce.', count: 'Tumbling count of one minute per item, the key changed on the way.',
  sessions: 'Events per visit of each shopper (100,000 of them), a visit ends after a minute without an event; the key stays.',
  join: 'Each event with the row of its shopper in a table of 90,000 (those without a row are left out); five fields, the key stays.',
}
const LEAGUES: readonly League[] = ['tuned', 'idiomatic']

export const NOT_MEASURED: readonly string[] = [
  'Nexmark q4 to q6, q9, q10, q12 to q16, q19, q21, q23; Nexmark in other engines than Flink SQL',
  'restore after a kill; the jobs on the embedded broker beside Apache Kafka (transport alone on both: `bench/transport`)',
  'more than one machine, more than one broker, replication, compression, TLS',
  'anything but JSON; values other than the sizes named',
]

/** The page of one run. */
export function pageOf(results: Results): string {
  const smoke = results.kind === 'full' ? '' : `\n**${results.kind === 'smoke' ? 'A smoke run: the machine did other work, or rounds were few. It shows that every contender runs and passes the gate; its figures compare nothing.' : 'A quick run: few rounds of little input, so JVMs are hardly warm and no ratio is taken.'}**\n`
  return `# Benchmark ${results.name}, ${results.date}\n${smoke}
Made by \`npm run bench\`; the JSON beside this page has every round. ${aboutOf(results)}

${results.cases.map(each => caseText(each, '##')).join('\n')}${latencyText(results.latency, '##')}`
}

/** Age of committed rows at fixed rates, of the job `rekey`. */
export function latencyText(latency: readonly LatencyResults[], level: string): string {
  if (latency.length === 0) return ''
  const rows = latency.map(({ plan, title, league, rounds }) => {
    const measured = rounds.flatMap(round => round.kind === 'measured' ? [round] : [])
    const of = (pick: (round: (typeof measured)[number]) => number): string => {
      const summary = summaryOf(measured.map(pick))
      return summary === undefined ? '–' : `${summary.median} (${summary.lowest}–${summary.highest})`
    }
    const behind = measured.filter(({ keptUp }) => !keptUp).length
    return `| ${plan.perSecond.toLocaleString('en')} | ${plan.commitMs} | ${title} | ${league} | ${of(({ p50 }) => p50)} | ${of(({ p90 }) => p90)} | ${of(({ p99 }) => p99)} | ${measured.length} of ${rounds.length} | ${behind === 0 ? 'yes' : `no, in ${behind}`} |`
  })
  return `
${level} Latency at fixed rates

From the moment an event is made to the moment a read_committed consumer has its row; \`rekey\`, 100-byte events, exactly-once; milliseconds, median of the rounds (range). The same source and reader for all; their own way to the broker is in each figure.

| events/s | commit interval, ms | contender | league | p50 | p90 | p99 | rounds | kept up |
|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}
`
}

export function aboutOf(results: Results): string {
  const { machine, broker } = results
  const loads = results.cases.flatMap(({ contenders }) => contenders.flatMap(({ rounds }) => rounds.map(({ load }) => load)))
  return `Commit ${results.commit.slice(0, 12)}${results.dirty ? ' with uncommitted changes' : ''}; ${machine['cores']} cores (${machine['processor']}), ${machine['memory']}, Linux ${machine['kernel']}, Node ${machine['node']}, ${machine['java']}.
${broker['version']}, on the same machine. Load before the rounds ${loads.length === 0 ? 'not taken' : `${Math.min(...loads).toFixed(1)}–${Math.max(...loads).toFixed(1)}`} (one minute; the round before is in it).`
}

export function caseText({ case: one, contenders }: CaseResults, level: string): string {
  const rows = contenders.map(each => rowOf(each)).join('\n')
  const ratios = LEAGUES.flatMap(league => ratiosOf(contenders, league))
  const failures = contenders.flatMap(each => each.rounds.flatMap(round => round.kind === 'failed' ? [`- ${each.title}, round ${round.index + 1}: ${round.why.split('\n')[0]}`] : []))
  return `${level} ${one.id}

${settingText(one)}

| contender | league | 1,000 records/s, median (range) | rounds | CPU µs per record: job | broker | peak MiB | disk MiB | bytes written to Kafka's logs per record | rows per record | to first row, s | input |
|---|---|---|---|---|---|---|---|---|---|---|---|
${rows}
${ratios.length === 0 ? '' : `\n${ratios.join('\n')}\n`}${failures.length === 0 ? '' : `\nRounds that do not count:\n\n${failures.join('\n')}\n`}`
}

function settingText(one: Case): string {
  const keys = one.zipfExponent === 0 ? `${one.keys.toLocaleString('en')} items, uniform` : `${one.keys.toLocaleString('en')} items, Zipf ${one.zipfExponent}`
  const what = one.job in JOBS
    ? `${JOBS[one.job as keyof typeof JOBS]} ${one.records.toLocaleString('en')} JSON events of ${one.valueBytes} bytes, ${keys}` // Just asked for.
    : `Nexmark ${one.job} over ${one.records.toLocaleString('en')} JSON events (1 person, 3 auctions, 46 bids of about 130 bytes), one topic of each`
  return `${what}, ${one.partitions} partitions, seed ${SEED}; event time over ${SPAN_MS / 60_000} minutes, one record in ${DISORDERED_ONE_IN} up to ${DISORDER_MS / 1_000} s older than its place.
${one.guarantee}, acks=all, idempotent, commit interval ${one.commitMs} ms, compression ${one.compression}, ${one.threads} threads, ${one.cores === 'apart' ? 'broker on one core and job on the other' : 'cores shared with the broker'}; the first ${Math.round(one.warmUpShare * 100)} % is warm-up.`
}

interface Figures { readonly perSecond: Summary | undefined, readonly jobUs: Summary | undefined }

function figuresOf({ rounds }: ContenderResults) {
  const measured = rounds.flatMap(round => round.kind === 'measured' ? [round] : [])
  // A window without records has none.
  const of = (pick: (round: (typeof measured)[number]) => number): Summary | undefined => summaryOf(measured.map(pick).filter(Number.isFinite))
  return {
    perSecond: summaryOf(measured.flatMap(round => round.windowTooShort ? [] : [round.recordsPerSecond])), jobUs: of(round => round.jobUsPerRecord), brokerUs: of(round => round.brokerUsPerRecord),
    peak: of(round => round.peakBytes), disk: summaryOf(measured.flatMap(({ diskBytes }) => diskBytes === undefined ? [] : [diskBytes])), logBytes: of(round => round.logBytesPerRecord), rows: of(round => round.rowsPerRecord), start: of(round => round.startToFirstRowMs),
    tooShort: measured.filter(round => round.windowTooShort).length,
  }
}

function rowOf(each: ContenderResults): string {
  const { perSecond, jobUs, brokerUs, peak, disk, logBytes, rows, start, tooShort } = figuresOf(each)
  const shown = (summary: Summary | undefined, digits: number, by = 1): string => summary === undefined ? '–' : (summary.median / by).toFixed(digits)
  const speed = perSecond === undefined ? tooShort > 0 ? 'window too short' : '–' : `${(perSecond.median / 1_000).toFixed(0)} (${(perSecond.lowest / 1_000).toFixed(0)}–${(perSecond.highest / 1_000).toFixed(0)})`
  const input = each.share === 1 ? 'all' : `${each.share * 100} % of the length`
  return `| ${each.title} | ${each.league} | ${speed} | ${each.rounds.filter(({ kind }) => kind === 'measured').length} of ${each.rounds.length} | ${shown(jobUs, 2)} | ${shown(brokerUs, 2)} | ${shown(peak, 0, 2 ** 20)} | ${shown(disk, 0, 2 ** 20)} | ${shown(logBytes, 1)} | ${shown(rows, 3)} | ${shown(start, 1, 1_000)} | ${input} |`
}

/** Of the fastest Millrace of a league to each rival of it. In the tuned league Millrace has none until there are declared expressions: its closures stand in. */
function ratiosOf(contenders: readonly ContenderResults[], league: League): string[] {
  const inLeague = contenders.filter(each => each.league === league)
  const ours = inLeague.find(({ engine }) => engine === 'Millrace') ?? contenders.find(({ engine }) => engine === 'Millrace')
  if (ours === undefined) return []
  const own = figuresOf(ours)
  const said = (name: string, ours: Figures[keyof Figures], theirs: Figures[keyof Figures], isInverse: boolean): string => {
    const ratio = isInverse ? ratioOf(theirs, ours) : ratioOf(ours, theirs)
    return ratio.kind === 'none' ? `no ratio of ${name} (${ratio.why})` : `${name} ${ratio.value.toFixed(2)} ×`
  }
  return inLeague.filter(({ engine }) => engine !== 'Millrace').map(rival => {
    const theirs = figuresOf(rival)
    return `- ${league}: ${ours.title} to ${rival.title}: ${said('throughput', own.perSecond, theirs.perSecond, false)}; ${said('records per CPU time', own.jobUs, theirs.jobUs, true)}`
  })
}
