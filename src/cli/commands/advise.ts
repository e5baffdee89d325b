/**
 * `millrace advise [ENTRY]`: what holds a running app up, why, and what to change, with what was measured and what the change costs. Changes nothing.
 *
 * Asks the status page of the running app; with ENTRY it watches the processes and groups of that app on a cluster instead, for ten seconds.
 */
import { adviceOf } from '../../planner/advice.ts'
import type { Advice, AdviceFacts } from '../../planner/advice-facts.ts'
import { catchUpText, causeText } from '../../planner/catch-up-text.ts'
import { factsOfCluster, factsOfStatus, WATCH_MS } from '../advice.ts'
import { loadEntry } from '../app-entry.ts'
import { bootstrapOf } from '../cluster.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand, usage } from '../command.ts'
import { valueText } from '../options-text.ts'
import { counted, groupDigits } from '../render.ts'
import { STATUS_DEFAULT, STATUS_OPTION, StatusClient } from '../status-client.ts'

const COLOURS = { high: 'red', medium: 'yellow', low: 'bold' } as const

export const advise = defineCommand({
  path: ['advise'],
  summary: 'what holds a running app up, why, and which option to change',
  positionals: [{ name: 'ENTRY', describe: `the module of an app that runs without a status page: its processes and groups are watched for ${WATCH_MS / 1_000} s`, optional: true }],
  options: { ...CLUSTER_OPTIONS, status: STATUS_OPTION },
  examples: ['millrace advise', 'millrace advise --json', 'millrace advise app.js --bootstrap kafka-1:9092'],
  async run(call) {
    const { facts, gaps } = await factsFor(call)
    const advice = adviceOf(facts)
    call.output.document({ app: facts.app, advice, tasks: facts.tasks.map(({ task, engine, state, lagRecords, catchUp }) => ({ task, engine, state, lagRecords, catchUp })), gaps })
    for (const gap of gaps) call.output.line(`not known: ${gap}`)
    advice.forEach((each, index) => show(call, each, index + 1))
    call.output.line(advice.length === 0 ? `✔ ${verdict(facts)} Nothing to change.` : `${counted(advice.length, 'advice').replace(/advices$/, 'pieces of advice')}. ${verdict(facts)}`)
    return 0
  },
})

async function factsFor(call: Call): ReturnType<typeof factsOfStatus> {
  const entry = call.positional('ENTRY')
  if (entry !== undefined) {
    if (call.text('status') !== undefined) throw usage('Give ENTRY, whose processes are watched on a cluster, or --status URL, the page of an app that runs: not both.')
    return factsOfCluster((await loadEntry(entry)).app, bootstrapOf(call), call.signal)
  }
  if (call.text('bootstrap') !== undefined) throw usage('With --bootstrap, name the app too: millrace advise app.js --bootstrap HOST:PORT.')
  return factsOfStatus(new StatusClient(call.text('status') ?? STATUS_DEFAULT, call.signal))
}

function show(call: Call, { rule, level, task, problem, evidence, option, change, costs }: Advice, number: number): void {
  const { output } = call
  output.line(`${number}  ${output.style(COLOURS[level], level.toUpperCase().padEnd(6))}  ${output.style('bold', rule)}   ${task}`)
  output.line(`   ${problem}`)
  evidence.forEach((each, index) => output.line(`   ${index === 0 ? 'measured' : '        '}  ${each}`))
  if (option !== null) output.line(`   option    ${option.name}: ${option.value === null ? 'not declared' : valueText(option.unit, option.value)} → ${valueText(option.unit, option.to)}`)
  output.line(`   change    ${change}`)
  output.line(`   costs     ${costs}`)
  output.line()
}

function verdict({ tasks }: AdviceFacts): string {
  const late = tasks.filter(({ catchUp }) => catchUp.verdict !== 'caughtUp' || catchUp.cause !== null)
  if (late.length === 0) return `${tasks.length === 1 ? 'Its one task keeps' : `All ${tasks.length} tasks keep`} up.`
  return `${late.map(({ task, lagRecords, catchUp }) => `'${task}' lags by ${lagRecords === null ? 'an unknown number of' : groupDigits(lagRecords)} records, caught up in: ${catchUpText(catchUp)}, because of: ${causeText(catchUp.cause)}`).join('; ')}.`
}
