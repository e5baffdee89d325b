/** What to change of a task that Millrace runs: by where its workers' time goes (task-times.ts), and how its shards are spread. */
import { type Advice, type AdvisedTask, type AdviceFacts, lagEvidence, optionOf, setting } from './advice-facts.ts'
import type { WorkerRates } from './catch-up.ts'
import { sumBy } from './sums.ts'

/** Of a worker's time: from here on it is full. */
const FULL = 0.8
/** Has room for more. */
const ROOMY = 0.5
/** Of its time, that one thing takes so that it is the cause. */
const MUCH = 0.4
/** Of a busy worker's work: one shard that no assignment can share out. */
const HOT = 0.6

const share = (of: number): string => `${Math.round(of * 100)} %`

function nameOf({ process, worker }: WorkerRates): string {
  return `${process.slice(process.indexOf('/') + 1)}, worker ${worker}`
}

export function ownTaskRules(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  if (task.workers.length === 0) return []
  const kind = task.catchUp.cause?.kind
  // Of what stands still for another reason, its times say nothing.
  if (kind !== undefined && !['slow', 'commit', 'output', 'broker'].includes(kind)) return []
  const isLate = task.catchUp.verdict === 'in' || task.catchUp.verdict === 'never'
  return isLate ? lateRules(task, facts) : [...latencyRule(task, facts), ...idleRule(task, facts)]
}

function lateRules(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  const worst = task.workers.reduce((most, worker) => worker.lag > most.lag ? worker : most)
  const { times } = worst
  if (times.commit >= MUCH) return commitRule(task, worst, facts)
  if (times.output >= MUCH) return outputRule(task, worst, facts)
  if (times.fetch >= MUCH) return fetchRule(task, worst, facts)
  return times.busy >= FULL ? busyRules(task, worst, facts) : []
}

function commitRule(task: AdvisedTask, worst: WorkerRates, facts: AdviceFacts): Advice[] {
  const now = optionOf(facts, task.task, 'commitInterval')
  return setting(facts, task.task, 'commitInterval', Math.max(500, 5 * (now?.value ?? now?.default ?? 100)), {
    rule: 'commit-throughput', level: 'high', task: task.task, problem: `'${task.task}' is held up by its commits.`,
    evidence: [`${share(worst.times.commit)} of the time of ${nameOf(worst)} waits for a commit`, ...task.commitMsP50 === null ? [] : [`a commit takes ${task.commitMsP50} ms (median)${task.commitsPerSecond === null ? '' : `, ${task.commitsPerSecond.toFixed(1)} a second`}`], lagEvidence(task)],
  })
}

function outputRule(task: AdvisedTask, worst: WorkerRates, facts: AdviceFacts): Advice[] {
  const now = optionOf(facts, task.task, 'batch')
  const replicated = (facts.writes.get(task.task) ?? []).filter(topic => topic.replicas > 1)
  return setting(facts, task.task, 'batch', 4 * (now?.value ?? now?.default ?? 262_144), {
    rule: 'output', level: 'high', task: task.task, problem: `What '${task.task}' writes is not taken fast enough by the broker.`,
    evidence: [
      `${share(worst.times.output)} of the time of ${nameOf(worst)} waits for its output to be acknowledged`,
      ...replicated.length === 0 ? [] : [`each record is acknowledged by all in-sync replicas: ${replicated.map(topic => `${topic.topic} has ${topic.replicas}`).join(', ')}`], lagEvidence(task),
    ],
  }).map(advice => ({ ...advice, change: `${advice.change}; or a faster disk or network of the brokers` }))
}

function fetchRule(task: AdvisedTask, worst: WorkerRates, facts: AdviceFacts): Advice[] {
  const now = optionOf(facts, task.task, 'fetch')
  return setting(facts, task.task, 'fetch', 2 * (now?.value ?? now?.default ?? 33_554_432), {
    rule: 'fetch', level: 'high', task: task.task, problem: `'${task.task}' waits for records that the broker has.`,
    evidence: [`${share(worst.times.fetch)} of the time of ${nameOf(worst)} waits for a fetch, ${share(worst.times.busy)} is work`, lagEvidence(task)],
  }).map(advice => ({ ...advice, change: `${advice.change}; look at disk and network of the brokers first: they may be what is slow` }))
}

/** Its workers are full: by one hot shard, by an uneven share, for want of shards, or for want of workers. */
function busyRules(task: AdvisedTask, worst: WorkerRates, facts: AdviceFacts): Advice[] {
  const about = { task: task.task, level: 'high' as const }
  const busy = `${nameOf(worst)} is busy ${share(worst.times.busy)} of its time`
  const roomy = task.workers.filter(worker => worker.times.busy < ROOMY)
  const shards = sumBy(task.workers, worker => worker.shards.length)
  const work = sumBy(worst.shards, each => each.busy)
  const [hot] = [...worst.shards].sort((a, b) => b.busy - a.busy)
  if (roomy.length > 0 && hot !== undefined && work > 0 && hot.busy / work >= HOT) {
    const partition = hot.shard.slice(hot.shard.indexOf('_') + 1)
    return [{
      ...about, rule: 'hot-partition', problem: `Partition ${partition} of what '${task.task}' reads is more than one worker can do, while others have room.`, option: null,
      evidence: [busy, `${share(hot.busy / work)} of its work is shard ${hot.shard.replace('_', '/')}, with ${Math.round(hot.arrival)} records a second`, `others: ${roomy.map(worker => `${nameOf(worker)} ${share(worker.times.busy)}`).join(', ')}`, lagEvidence(task)],
      change: `a finer key, or combining per key before records travel: no assignment shares out one partition. 'millrace plan --bootstrap …' names its hot key`, costs: 'records of the old key lose their order among themselves',
    }]
  }
  const without = roomy.filter(worker => worker.shards.length === 0)
  if (without.length > 0) return partitionsRule(task, facts, [busy, `${without.length} of ${task.workers.length} workers have no shard of it: there are ${shards}`, lagEvidence(task)])
  if (roomy.length > 0) {
    return [{
      ...about, level: 'medium', rule: 'uneven', problem: `The shares of '${task.task}' are uneven.`, option: null,
      evidence: [busy, `others: ${roomy.map(worker => `${nameOf(worker)} ${share(worker.times.busy)}`).join(', ')}`, lagEvidence(task)],
      change: 'wait a minute: shards move between processes once the difference was measured. Between threads of one process they do not: more processes instead of threads', costs: 'a restore of what moves',
    }]
  }
  if (shards <= task.workers.length) return partitionsRule(task, facts, [`all ${task.workers.length} workers are full, and each of its ${shards} shards has one for itself`, lagEvidence(task)])
  return [{
    ...about, rule: 'more-workers', problem: `'${task.task}' is processor-bound: all its workers are full.`, option: null,
    evidence: [`${task.workers.length} workers for ${shards} shards; the least busy is busy ${share(Math.min(...task.workers.map(worker => worker.times.busy)))}`, lagEvidence(task)],
    change: `more workers, up to ${shards}: millrace start … --processes ${Math.min(shards, task.workers.length * 2)}, or the same on another machine`, costs: 'a processor each, a rebalance, and a restore of what moves',
  }]
}

function partitionsRule(task: AdvisedTask, facts: AdviceFacts, evidence: readonly string[]): Advice[] {
  const [least] = [...facts.reads.get(task.task) ?? []].sort((a, b) => a.partitions - b.partitions)
  const wanted = Math.max(task.workers.length, 2 * (least?.partitions ?? 1))
  const about = { rule: 'too-few-partitions' as const, level: 'high' as const, task: task.task, problem: `'${task.task}' cannot use more workers: it has no more shards.`, evidence }
  const found = least === undefined ? [] : setting(facts, least.topic, 'partitions', wanted, about)
  return found.map(advice => ({ ...advice, change: `${advice.change}, where the topic is made anew: of one that holds records, keys move` }))
}

/** It keeps up, and what is seen of it waits for its commits alone. */
function latencyRule(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  const drained = optionOf(facts, task.task, 'drainedCommit')
  const now = drained?.value ?? drained?.default ?? 0
  if (now < 200 || task.commitMsP50 === null || task.commitMsP50 === 0 || now < 5 * task.commitMsP50) return []
  return setting(facts, task.task, 'drainedCommit', Math.max(5, 2 * task.commitMsP50), {
    rule: 'commit-latency', level: 'medium', task: task.task, problem: `Results of '${task.task}' wait for its next commit, not for its work.`,
    evidence: [`a commit at the earliest each ${now} ms, and it takes ${task.commitMsP50} ms (median)`, `its workers are busy ${share(Math.max(...task.workers.map(worker => worker.times.busy)))} of their time`],
  })
}

/** Workers that no task has a shard for: said once, at the task with the most shards. */
function idleRule(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  const own = facts.tasks.filter(each => each.engine === 'millrace' && each.workers.length > 0)
  const [widest] = [...own].sort((a, b) => sumBy(b.workers, worker => worker.shards.length) - sumBy(a.workers, worker => worker.shards.length))
  if (widest?.task !== task.task) return []
  const key = (worker: WorkerRates): string => `${worker.process} ${worker.worker}`
  const used = new Set(own.flatMap(each => each.workers.filter(worker => worker.shards.length > 0).map(key)))
  const all = new Set(own.flatMap(each => each.workers.map(key)))
  const idle = all.size - used.size
  if (idle === 0 || used.size === 0) return []
  return [{
    rule: 'idle-workers', level: 'low', task: task.task, problem: `${idle} of ${all.size} workers have nothing to do: no task has a shard for them.`, option: null,
    evidence: [`'${task.task}' has the most shards: ${sumBy(task.workers, worker => worker.shards.length)}`], change: `fewer processes or threads: ${used.size} workers are enough for these shards`, costs: 'nothing, as long as it keeps up',
  }]
}
