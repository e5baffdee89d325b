/** How `millrace plan` looks on a terminal: the graph, topics, shards, the load, and what is broken. */
import type { Broken } from '../topology/contracts/broken.ts'
import { type AppGraph, targetText } from '../topology/describe.ts'
import type { PlanReport } from '../planner/report.ts'
import type { TopicRow } from '../planner/topics.ts'
import { counted, groupDigits, type Output } from './render.ts'

export function showPlan(output: Output, report: PlanReport): void {
  const { cluster, topics, tasks, capacity } = report
  output.line(`${output.style('bold', report.app)}   ${counted(tasks.length, 'task')} · ${counted(topics.length, 'topic')} · ${cluster === null ? 'no cluster asked (--bootstrap HOST:PORT): what the description alone tells' : `${cluster.bootstrap}, ${counted(cluster.brokers, 'broker')}, ${counted(cluster.sampled, 'record')} sampled`}`)
  for (const gap of cluster?.gaps ?? []) output.line(`  not known: ${gap}`)
  output.line()
  showGraph(output, report.graph)
  if (report.fromOutside.length > 0) output.line(`  from outside the app: ${report.fromOutside.join(', ')}`)
  output.line()
  output.table(['TOPIC', 'PARTITIONS', 'REPLICAS', 'RETENTION', 'CLEANUP', 'RECORDS', ''], topics.map(topicCells), { right: [1, 2, 5] })
  output.line()
  output.table(['TASK', 'ENGINE', 'SHARDS', 'WORKERS', 'IDLE', 'MEMBERS NOW', 'LARGEST PARTITION'], tasks.map(({ task, engine, shards, workers, idle, members, skew }) => [
    task, engine, shards ?? '?', workers ?? '-', idle ?? '-', members ?? '-',
    skew === null ? '-' : `${skew.topic}-${skew.partition}: ${groupDigits(skew.records)} records, ${skew.timesMean.toFixed(1)} × the mean${skew.hotKey === null ? '' : `, ${Math.round(skew.hotKey.share * 100)} % key ${JSON.stringify(skew.hotKey.key)}`}`,
  ]), { right: [2, 3, 4, 5] })
  if (capacity !== null) {
    output.line()
    output.line(output.style('bold', `LOAD   ${groupDigits(capacity.partitions)} partitions, ${counted(capacity.workers, 'worker')}`))
    for (const line of capacity.arithmetic) output.line(`  ${line}`)
    output.line(`  assumed: a worker gets ${groupDigits(capacity.load.workerRate)} records/s through a stage (--worker-rate), an idle hop takes ${capacity.load.hopMs} ms (--hop-ms). Measure yours: they stand on the status page.`)
  }
  output.line()
  showContracts(output, report.contracts)
}

export function showContracts(output: Output, contracts: readonly Broken[]): void {
  for (const { rule, severity, ends, message } of contracts) {
    const mark = severity === 'broken' ? output.style('red', '✖ broken ') : output.style('yellow', '! warning')
    output.line(`${mark}  ${output.style('bold', rule)}   ${ends.join(' · ')}`)
    output.line(`    ${message}`)
  }
  const broken = contracts.filter(each => each.severity === 'broken').length
  const warnings = contracts.length - broken
  output.line(broken === 0 ? `✔ No contract is broken${warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`}.` : `${counted(broken, 'contract')} broken, ${counted(warnings, 'warning')}.`)
}

/** One line for each task: what goes in, what comes out. */
function showGraph(output: Output, graph: AppGraph): void {
  for (const task of graph.tasks) {
    const at = `task:${task.name}`
    const edges = graph.edges.filter(edge => edge.as !== 'repartition')
    const reads = edges.filter(edge => edge.to === at).map(edge => `${edge.from.slice('topic:'.length)}${edge.as === 'stream' ? '' : edge.as === 'table' ? ' (table)' : ' (global table)'}`)
    const writes = edges.filter(edge => edge.from === at).map(edge => edge.as === 'target' ? graph.targets.filter(each => each.id === edge.to).map(targetText).join() : `${edge.to.slice('topic:'.length)}${edge.as === 'deadLetter' ? ' (dead letters)' : ''}`)
    const how = [task.engine === 'millrace' ? undefined : `on ${task.engine}`, task.guarantee].filter(each => each !== undefined).join(', ')
    output.line(`  ${[reads.length === 0 ? undefined : reads.join(', '), `${output.style('bold', task.name)} (${how})`, writes.length === 0 ? undefined : writes.join(', ')].filter(each => each !== undefined).join(' ─▶ ')}`)
  }
}

function topicCells(topic: TopicRow): (string | number)[] {
  const { retentionMs } = topic
  const action = topic.action === 'unknown' ? '' : topic.action === 'differs' ? `differs: ${topic.differences.join('; ')}` : topic.action
  return [
    topic.role === 'declared' ? topic.name : `${topic.name} (${topic.role === 'deadLetter' ? 'dead letters' : topic.role})`,
    topic.partitions ?? 'default', topic.replicas ?? 'default',
    topic.cleanup !== null && !topic.cleanup.includes('delete') ? '-' : retentionMs === null ? 'default' : retentionText(retentionMs),
    topic.cleanup ?? 'default', topic.records ?? '-', action,
  ]
}

function retentionText(ms: number): string {
  if (ms < 0) return 'for ever'
  if (ms >= 86_400_000 && ms % 86_400_000 === 0) return counted(ms / 86_400_000, 'day')
  return ms >= 3_600_000 && ms % 3_600_000 === 0 ? counted(ms / 3_600_000, 'hour') : `${groupDigits(ms / 1000)} s`
}
