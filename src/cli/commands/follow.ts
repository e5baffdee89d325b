/** `millrace follow ENTRY TOPIC PARTITION@OFFSET`: what became of one record, task by task, whichever engine runs it. Changes nothing. */
import { printable } from '../../base/logger.ts'
import { type FollowedRecord, windowOf } from '../../planner/kinship.ts'
import { build } from '../../topology/build.ts'
import { loadEntry } from '../app-entry.ts'
import { onePartition, partitionsOf, withCluster } from '../cluster.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand, usage } from '../command.ts'
import { Follower, type Step } from '../follow.ts'
import { isoTime } from '../format.ts'
import { groupDigits } from '../render.ts'

const VALUE_CHARACTERS_MAX = 100

export const follow = defineCommand({
  path: ['follow'],
  summary: 'what became of one record, task by task',
  positionals: [
    { name: 'ENTRY', describe: 'the module whose default export is the app' },
    { name: 'TOPIC', describe: 'where the record is' },
    { name: 'PLACE', describe: 'its PARTITION@OFFSET, as topic tail shows it' },
  ],
  options: { ...CLUSTER_OPTIONS },
  examples: ['millrace follow dist/demo/recommender/app.js shop.events 2@4711', 'millrace follow app.js orders 0@17 --json'],
  run: call => withCluster(call, async (cluster, admin) => {
    const plan = build((await loadEntry(call.required('ENTRY'))).app)
    const topic = call.required('TOPIC')
    const [, partition, offset] = /^(\d+)@(\d+)$/.exec(call.required('PLACE')) ?? []
    if (partition === undefined || offset === undefined) throw usage(`'${call.required('PLACE')}' is no place of a record. Write PARTITION@OFFSET, such as 2@4711.`)
    if (!plan.topics.some(({ name }) => name === topic)) throw usage(`The app '${plan.app}' has no topic '${topic}'. It has: ${plan.topics.map(({ name }) => name).join(', ')}.`)
    onePartition(topic, await partitionsOf(cluster, topic), Number(partition))
    const follower = new Follower(cluster, admin, plan, call.signal)
    const record = await follower.recordAt(topic, Number(partition), Number(offset))
    const steps = await follower.after([record])
    call.output.document({ record, steps })
    call.output.line(recordText(call, record))
    for (const step of steps) show(call, step, 1)
    if (steps.length === 0) call.output.line(`No task of '${plan.app}' reads ${topic}.`)
    return 0
  }),
})

function show(call: Call, step: Step, depth: number): void {
  const { output } = call
  const indent = '  '.repeat(depth)
  const task = output.style('bold', `${step.task}${step.engine === 'millrace' ? '' : ` (${step.engine})`}`)
  if (step.record === null) output.line(`${indent}└ ${task} → ${step.topic}: ${absence(step)}`)
  else {
    output.line(`${indent}└ ${task} → ${recordText(call, step.record)}`)
    output.line(`${indent}    ${output.style('dim', kinshipText(step))}`)
  }
  for (const next of step.next) show(call, next, depth + 1)
}

function kinshipText({ kinship, record }: Step): string {
  const window = record === null ? undefined : windowOf(record.value)
  const when = window === undefined ? '' : `, in its window from ${isoTime(window.fromMs).slice(11, 23)}`
  switch (kinship?.how) {
    case 'coordinates': return `it names where it comes from, in '${kinship.by}'`
    case 'header': return `it carries on the header '${kinship.by}'`
    case 'key': return `the first of the same key since${when}`
    case 'field': return `the first since whose key is the record's '${kinship.by}'${when}`
    default: return ''
  }
}

function absence({ why, committed, keepsHeaders, engine }: Step): string {
  if (why === 'waiting') return `not yet: it has read up to ${groupDigits(committed ?? 0)}`
  const hint = engine === 'millrace' || keepsHeaders ? '' : `; ${engine} hands on no headers, so only keys and fields can tell`
  if (why === 'passed') return `it has read the record (up to ${groupDigits(committed ?? 0)}), and nothing it wrote can be told to come from it: filtered, or part of a sum of another key${hint}`
  return `nothing yet that can be told to come from it; ${engine} commits no offsets, so how far it has read is not known here${hint}`
}

function recordText(call: Call, { topic, partition, offset, timestamp, key, value }: FollowedRecord): string {
  const text = value === undefined ? '' : JSON.stringify(value)
  const short = text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text
  return `${topic} ${call.output.style('cyan', `${partition}@${offset}`)}  ${isoTime(timestamp).slice(11, 23)}  ${printable(key ?? 'null')}  ${printable(short)}`
}
