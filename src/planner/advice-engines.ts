/** What to change of a task on another engine, as far as the engine and its group tell: parallelism, checkpoints, triggers, rate limits. */
import { type Advice, type AdvisedTask, type AdviceFacts, lagEvidence, optionOf, setting } from './advice-facts.ts'
import { sumBy } from './sums.ts'

/** A checkpoint that takes more of its interval than this leaves no time for work. */
const CHECKPOINT_SHARE_MAX = 0.5
/** An interval so long, and so many times what a checkpoint takes, is what results wait for. */
const LONG_INTERVAL_MS = 5_000
const LONG_TIMES = 10
const BACK_PRESSURE = 0.5

export function engineRules(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  const kind = task.catchUp.cause?.kind
  if (kind !== undefined && kind !== 'slow' && kind !== 'output') return []
  const found = [...rateLimitRule(task, facts), ...checkpointRules(task, facts)]
  const isLate = task.catchUp.verdict === 'never' || task.catchUp.verdict === 'in' || kind !== undefined
  // What bounds it otherwise comes first: more of the same would wait as well.
  return found.length > 0 || !isLate ? found : parallelismRule(task, facts)
}

/** Spark: a batch takes no more than this, however much waits. */
function rateLimitRule(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  const limit = optionOf(facts, task.task, 'maxOffsetsPerTrigger')?.value ?? null
  const trigger = optionOf(facts, task.task, 'trigger')
  const triggerMs = Math.max(trigger?.value ?? trigger?.default ?? 0, task.job?.checkpoint?.ms ?? 0)
  const arrival = task.catchUp.arrivalPerSecond
  if (limit === null || triggerMs === 0 || arrival === null || (task.lagRecords ?? 0) <= limit) return []
  const mostPerSecond = limit / (triggerMs / 1_000)
  if (mostPerSecond > arrival * 1.2) return []
  return setting(facts, task.task, 'maxOffsetsPerTrigger', 2 * arrival * (triggerMs / 1_000), {
    rule: 'rate-limit', level: 'high', task: task.task, problem: `'${task.task}' may not read as fast as records arrive.`,
    evidence: [`${limit} records a batch, a batch each ${Math.round(triggerMs)} ms: ${Math.round(mostPerSecond)} a second at the most, and ${Math.round(arrival)} arrive`, lagEvidence(task)],
  })
}

function checkpointRules(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  const name = task.engine === 'spark' ? 'trigger' : 'checkpointInterval'
  const option = optionOf(facts, task.task, name)
  const checkpoint = task.job?.checkpoint ?? null
  if (option === undefined || checkpoint === null) return []
  const interval = option.value ?? option.default ?? 0
  const what = task.engine === 'spark' ? 'batch' : 'checkpoint'
  const isLate = task.catchUp.verdict === 'never' || task.catchUp.verdict === 'in'
  if (task.engine !== 'spark' && checkpoint.ms > interval * CHECKPOINT_SHARE_MAX) {
    return setting(facts, task.task, name, Math.max(2 * interval, 4 * checkpoint.ms), {
      rule: 'checkpoint-cost', level: isLate ? 'high' : 'medium', task: task.task, problem: `'${task.task}' spends much of its time on checkpoints.`,
      evidence: [`the last one took ${Math.round(checkpoint.ms)} ms, and one is due each ${interval} ms`, ...checkpoint.failed === 0 ? [] : [`${checkpoint.failed} failed`], ...isLate ? [lagEvidence(task)] : []],
    })
  }
  if (isLate || interval < LONG_INTERVAL_MS || interval < LONG_TIMES * checkpoint.ms) return []
  return setting(facts, task.task, name, Math.max(1_000, 4 * checkpoint.ms), {
    rule: 'checkpoint-latency', level: 'medium', task: task.task, problem: `Results of '${task.task}' wait for its next ${what}, not for its work.`,
    evidence: [`a ${what} each ${interval} ms, and it takes ${Math.round(checkpoint.ms)} ms`],
  })
}

/** More of the same, as far as there are partitions for it. */
function parallelismRule(task: AdvisedTask, facts: AdviceFacts): Advice[] {
  const name = optionOf(facts, task.task, 'instances') === undefined ? 'parallelism' : 'instances'
  const option = optionOf(facts, task.task, name)
  if (option === undefined) return []
  const now = task.job?.instances ?? option.value ?? option.default ?? 1
  const reads = facts.reads.get(task.task) ?? []
  const partitions = sumBy(reads, each => each.partitions)
  const pressure = task.job?.backPressure ?? null
  const evidence = [`${now} of it for ${partitions} partitions`, ...pressure !== null && pressure >= BACK_PRESSURE ? [`its slowest operator waits ${Math.round(pressure * 100)} % of its time for the ones behind it`] : [], lagEvidence(task)]
  const about = { task: task.task, level: 'high' as const, evidence }
  if (partitions === 0) return []
  if (now < partitions) {
    return setting(facts, task.task, name, Math.min(partitions, 2 * now), { ...about, rule: 'parallelism', problem: `'${task.task}' is too slow with ${now} ${name === 'parallelism' ? `subtask${now === 1 ? '' : 's'} at a time` : `instance${now === 1 ? '' : 's'}`}.` })
      .map(advice => ({ ...advice, change: `millrace job scale ${task.task} ${advice.option?.to ?? ''} (now), ${advice.change} (from the next start on)` }))
  }
  const [least] = [...reads].sort((a, b) => a.partitions - b.partitions)
  return least === undefined ? [] : setting(facts, least.topic, 'partitions', 2 * least.partitions, { ...about, rule: 'too-few-partitions', problem: `'${task.task}' cannot use more ${name === 'parallelism' ? 'subtasks' : 'instances'}: it reads no more partitions.` })
    .map(advice => ({ ...advice, change: `${advice.change}, where the topic is made anew: of one that holds records, keys move` }))
}
