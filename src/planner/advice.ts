/**
 * What holds a running app up, and what to change: rules as pure functions over measured facts.
 *
 * AD1. A rule is silent where its facts are not there, and names what it has measured where it speaks.
 * AD2. An advice is about one task and one cause. It names the option to change with its value now and the one to try, or says that no option helps and what does.
 * AD3. The cause, not the victims: of a task that keeps up nothing is said but what is cheap to save.
 */
import { engineRules } from './advice-engines.ts'
import { type Advice, type AdvisedTask, type AdviceFacts, type AdviceLevel, lagEvidence, setting } from './advice-facts.ts'
import { ownTaskRules } from './advice-tasks.ts'
import { causeText } from './catch-up-text.ts'

const LEVELS: readonly AdviceLevel[] = ['high', 'medium', 'low']

/** The gravest first. */
export function adviceOf(facts: AdviceFacts): Advice[] {
  const found = [...facts.tasks.flatMap(task => [...stateRules(task), ...task.engine === 'millrace' ? ownTaskRules(task, facts) : engineRules(task, facts)]), ...replicaRule(facts)]
  return found.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level))
}

/** Where no change of an option helps as long as this is so. */
function stateRules(task: AdvisedTask): Advice[] {
  const { cause } = task.catchUp
  const about = { task: task.task, option: null }
  switch (cause?.kind) {
    case 'failed': case 'stopped': return [{
      ...about, rule: cause.kind, level: 'high', problem: cause.kind === 'failed' ? `'${task.task}' has failed, and its input waits.` : `Nobody runs '${task.task}', and its input waits.`,
      evidence: [lagEvidence(task), ...task.lastError === null ? [] : [task.lastError.split('\n', 1).join('')]],
      change: task.engine === 'millrace' ? 'start it: millrace start …' : `millrace job start ${task.task}`, costs: 'nothing: it goes on from its last commit',
    }]
    case 'restoring': return [{
      ...about, rule: 'restoring', level: 'medium', problem: `'${task.task}' restores its state; until then it processes nothing.`, evidence: [causeText(cause), lagEvidence(task)],
      change: 'wait. To restore less: keep the data directory (--data) over restarts', costs: 'disk that outlives the process',
    }]
    case 'rebalancing': return [{
      ...about, rule: 'rebalancing', level: 'low', problem: `The shards of '${task.task}' change hands.`, evidence: [lagEvidence(task)],
      change: 'wait some seconds. Where it comes again and again, look for processes that restart (millrace job ls, the status page)', costs: 'nothing',
    }]
    case 'unowned': return [{
      ...about, rule: 'unowned', level: 'high', problem: `Partitions of '${task.task}' have no owner.`, evidence: [causeText(cause), lagEvidence(task)],
      change: 'look whether a member of its group stands still: millrace group describe; it loses its shards after 10 s', costs: 'nothing',
    }]
    case 'held': return [{
      ...about, rule: 'transaction-open', level: 'high', problem: `An open transaction hides records from '${task.task}', and from all who read committed.`, evidence: [causeText(cause)],
      change: 'start its owner again, which ends what it left; or wait for its timeout. A shorter commit or checkpoint interval of the owner holds them for less', costs: 'more transactions',
    }]
    default: return []
  }
}

/** One broker's disk is all there is, on a cluster that has more. */
function replicaRule(facts: AdviceFacts): Advice[] {
  if ((facts.brokers ?? 0) < 2) return []
  const single = new Map([...facts.writes].flatMap(([task, topics]) => topics.filter(topic => topic.replicas === 1).map(topic => [topic.topic, task] as const)))
  const [first] = single
  if (first === undefined) return []
  const [topic, task] = first
  return setting(facts, topic, 'replicas', Math.min(3, facts.brokers ?? 1), {
    rule: 'replicas', level: 'low', task, problem: `${[...single.keys()].join(', ')}: one replica each, though there are ${facts.brokers} brokers. When its broker is gone, nobody reads or writes them.`,
    evidence: [`${single.size} of the topics that tasks write have one replica`],
  }).map(advice => ({ ...advice, change: `${advice.change}, before the topic is made; of one that is there: kafka-reassign-partitions.sh` }))
}
