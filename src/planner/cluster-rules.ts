/**
 * Contracts that a cluster shows broken: who holds a last stable offset, who sits in a group, which counts and settings topics have.
 *
 * P1. Pure: a plan and what was seen (`ClusterFacts`) go in. Rules over sampled records are in `sample-rules.ts`.
 */
import { ASSIGNOR_NAME } from '../runtime/membership.ts'
import { type Broken, type Known, quoted } from '../topology/contracts/broken.ts'
import { type Links, transactionalIdPrefixOf } from '../topology/contracts/links.ts'
import { needsEventTime } from '../topology/contracts/time.ts'
import { topicsFromOutside } from '../topology/contracts/writers.ts'
import type { Plan, TaskPlan } from '../topology/plan.ts'
import { type ClusterFacts, type OpenTransaction, recordsOf, type TopicFacts } from './facts.ts'
import { declaredSettings, partitionsKnown, RETENTION_MS_DEFAULT, wantedInternal } from './topics.ts'

/** Kafka's default for `transaction.timeout.ms`: open for longer, without saying so, is open for too long. */
export const OPEN_MS_MAX = 60_000

/** What the rules of the description can know of the cluster. */
export function knownFrom(plan: Plan, facts: ClusterFacts | undefined): Known {
  const limits = (facts?.brokers ?? []).flatMap(broker => {
    const ms = Number(broker.configs.get('transaction.max.timeout.ms'))
    return Number.isFinite(ms) ? [{ ms, broker: `broker ${broker.id}` }] : []
  })
  return { partitions: partitionsKnown(plan, facts), transactionMaxTimeout: limits.sort((a, b) => a.ms - b.ms)[0] }
}

export function clusterRules(plan: Plan, facts: ClusterFacts, links: Links): Broken[] {
  return [...stableOffsetRule(plan, facts, links), ...groupMembersRule(plan, facts), ...internalCountsRule(plan, facts), ...appendTimeRule(plan, facts, links), ...silentTopicRule(plan, facts, links)]
}

/** `stable-offset`: an open transaction of somebody who is gone, beyond which nobody at read_committed can read. */
function stableOffsetRule(plan: Plan, facts: ClusterFacts, links: Links): Broken[] {
  return facts.openTransactions.flatMap((open): Broken[] => {
    const held = open.partitions.filter(at => readersOf(plan, links, at.topic).length > 0)
    if (held.length === 0) return []
    const owner = open.coordinator === undefined ? undefined : ownerOf(plan, open.coordinator.transactionalId)
    const state = stateOf(open, owner, facts)
    if (state === undefined) return []
    const waiting = held.reduce((sum, at) => {
      const partition = facts.topics.get(at.topic)?.partitions[at.partition]
      return sum + (partition === undefined ? 0 : partition.end - partition.stable)
    }, 0)
    const readers = [...new Set(held.flatMap(at => readersOf(plan, links, at.topic)))]
    const who = open.coordinator === undefined ? `producer ${open.producerId}` : owner === undefined ? `'${open.coordinator.transactionalId}'` : `'${owner.name}' (${open.coordinator.transactionalId})`
    return [{
      rule: 'stable-offset', severity: state.severity, ends: [owner?.name ?? open.coordinator?.transactionalId ?? `producer ${open.producerId}`, ...new Set(held.map(at => at.topic)), ...readers],
      message: `A transaction of ${who} is open ${state.why}, and holds the last stable offset of ${held.map(at => `${at.topic}-${at.partition} at ${at.startOffset}`).join(', ')}: ${quoted(readers)} (read_committed) cannot read the ${waiting} offsets behind it. ${state.next}`,
    }]
  })
}

function stateOf(open: OpenTransaction, owner: TaskPlan | undefined, facts: ClusterFacts): { readonly severity: Broken['severity']; readonly why: string; readonly next: string } | undefined {
  const { coordinator } = open
  if (coordinator === undefined) {
    const [at] = open.partitions
    return {
      severity: 'broken', why: 'that no coordinator knows: it hangs, and no timeout will end it',
      next: `Abort it: kafka-transactions.sh abort --topic ${at?.topic ?? ''} --partition ${at?.partition ?? 0} --start-offset ${at?.startOffset ?? 0}.`,
    }
  }
  const openMs = facts.at - coordinator.startedAt
  const left = Math.ceil((coordinator.timeoutMs - openMs) / 1000)
  const since = `since ${seconds(openMs)}`
  const wait = left > 0 ? `else the broker aborts it in ${left} s, when its timeout of ${seconds(coordinator.timeoutMs)} has passed` : `the broker should have aborted it ${-left} s ago: is its coordinator up?`
  if (left <= 0) return { severity: 'broken', why: since, next: `Its timeout of ${seconds(coordinator.timeoutMs)} has passed, and ${wait}` }
  // A task of ours is there while its group has members; other engines need not be in a group to write.
  const isGone = owner?.kind === 'native' && (facts.groups.get(owner.group)?.members.length ?? 0) === 0
  if (isGone) return { severity: 'broken', why: `${since}, and no process of '${owner.name}' is there to end it`, next: `Start '${owner.name}' again: it aborts what it left; ${wait}.` }
  const declaredMs = owner?.kind === 'foreign' ? owner.link.transactionTimeoutMs : undefined
  if (openMs < Math.max(OPEN_MS_MAX, declaredMs ?? 0)) return undefined
  return { severity: 'warning', why: since, next: `Is its job still running? If not, start it again, so that it ends what it left; ${wait}.` }
}

/** The task whose transactional ids begin so; the longest prefix counts. */
function ownerOf(plan: Plan, transactionalId: string): TaskPlan | undefined {
  const lengthOf = (task: TaskPlan): number => {
    const prefix = transactionalIdPrefixOf(plan.app, task)
    if (prefix === undefined) return 0
    return transactionalId === prefix || transactionalId.startsWith(task.kind === 'native' ? `${prefix}.` : prefix) ? prefix.length : 0
  }
  return [...plan.tasks].sort((a, b) => lengthOf(b) - lengthOf(a)).find(task => lengthOf(task) > 0)
}

/** Who reads a topic at read_committed: of a declared one its tasks, of an internal one the task it belongs to. */
function readersOf(plan: Plan, links: Links, topic: string): string[] {
  const declared = links.readers(topic).filter(task => task.kind === 'native' || task.link.isolation === 'read_committed')
  const internal = plan.tasks.filter(task => task.kind === 'native' && (task.repartitionTopics.some(each => each.name === topic) || task.stores.some(store => store.changelog.name === topic)))
  return [...new Set([...declared, ...internal].map(task => task.name))]
}

/** `group-twice`: members of a task's group that are no processes of that task. */
function groupMembersRule(plan: Plan, facts: ClusterFacts): Broken[] {
  return plan.tasks.flatMap((task): Broken[] => {
    const group = facts.groups.get(task.group)
    if (group === undefined || group.members.length === 0 || (task.kind === 'foreign' && !task.link.commitsOffsets)) return []
    const reads = new Set(task.reads.map(topic => topic.name))
    // Repartition topics bear the group's name, ours and those of Kafka Streams.
    const isOwn = (topic: string): boolean => reads.has(topic) || topic.startsWith(`${task.group}.`) || topic.startsWith(`${task.group}-`)
    const strangers = group.members.filter(member => !member.topics.every(isOwn))
    const isOther = group.protocol !== '' && (task.kind === 'native') !== (group.protocol === ASSIGNOR_NAME)
    if (strangers.length === 0 && !isOther) return []
    const who = strangers.length > 0 ? strangers : group.members
    const topics = [...new Set(strangers.flatMap(member => member.topics).filter(topic => !isOwn(topic)))]
    return [{
      rule: 'group-twice', severity: 'broken', ends: [task.name, task.group, ...new Set(who.map(member => member.clientId))],
      message: `The group ${task.group} of '${task.name}' is in use by ${quoted([...new Set(who.map(member => `${member.clientId} at ${member.host}`))])}, which ${topics.length > 0 ? `reads ${topics.join(', ')}` : `shares partitions by '${group.protocol}'`} and is no process of '${task.name}': they would take partitions from each other, or refuse each other. Give one of them another group.`,
    }]
  })
}

/** `partition-counts`: an internal topic that was made for other counts; the runtime refuses to start with it. */
function internalCountsRule(plan: Plan, facts: ClusterFacts): Broken[] {
  const known = partitionsKnown(plan, facts)
  return plan.tasks.flatMap(task => task.kind !== 'native' ? [] : wantedInternal(task, known, facts.brokers.length).flatMap((wanted): Broken[] => {
    const count = facts.topics.get(wanted.name)?.partitions.length
    if (count === undefined || wanted.partitions === undefined || count === wanted.partitions) return []
    const inputs = task.reads.map(topic => topic.name)
    return [{
      rule: 'partition-counts', severity: 'broken', ends: [wanted.name, ...inputs, task.name],
      message: `${wanted.name} has ${count} partitions, and '${task.name}' needs ${wanted.partitions}, as its inputs have now (${inputs.join(', ')}): its rows would be in the wrong shards, so the task refuses to start. Delete the internal topics of '${task.name}' to begin with new state, or give the app another name.`,
    }]
  }))
}

/** `timestamps`: the broker puts its own time on records whose event times a window needs. */
function appendTimeRule(plan: Plan, facts: ClusterFacts, links: Links): Broken[] {
  return plan.tasks.flatMap(reader => reader.kind !== 'native' ? [] : reader.reads.flatMap(({ name }): Broken[] => {
    const need = needsEventTime(reader, name)
    const writers = links.writers(name).filter(task => task.kind === 'native' || task.link.timestamps === 'event').map(task => task.name)
    if (need?.how !== 'windows' || writers.length === 0 || !facts.topics.has(name) || !declaredSettings(plan, facts, name).isAppendTime) return []
    return [{
      rule: 'timestamps', severity: 'broken', ends: [...writers, name, reader.name],
      message: `'${need.operator}' of '${reader.name}' goes by the event time that ${quoted(writers)} gives its records, and ${name} has message.timestamp.type=LogAppendTime: the broker writes its own time over it. Set CreateTime, or declare the topic with the field that holds the time, topic('${name}', { time: '…' }).`,
    }]
  }))
}

/** `table-retention`: a global table is read from its topic at each start, and the topic forgets rows that were not written lately. */
export function tableRetentionRule(plan: Plan, facts: ClusterFacts | undefined): Broken[] {
  return plan.tasks.flatMap(task => task.kind !== 'native' ? [] : [...new Set(task.globalTables.map(table => table.topic.name))].flatMap((name): Broken[] => {
    const { cleanup = 'delete', retentionMs = RETENTION_MS_DEFAULT } = declaredSettings(plan, facts, name)
    if (!cleanup.includes('delete') || retentionMs < 0) return []
    return [{
      rule: 'table-retention', severity: 'warning', ends: [name, task.name],
      message: `'${task.name}' reads ${name} as a global table, anew at each start, and ${name} deletes what is older than ${retentionMs} ms (cleanup.policy=${cleanup}): a row that was not written since is gone after a restart. Declare the topic with cleanup: 'compact', or retention: 'forever'.`,
    }]
  }))
}

/** `no-writer`: the app is fed, and one of its topics from outside has never had a record. */
function silentTopicRule(plan: Plan, facts: ClusterFacts, links: Links): Broken[] {
  const outside = topicsFromOutside(plan, links)
  const isSilent = (topic: TopicFacts | undefined): boolean => topic === undefined || topic.partitions.every(({ end }) => end === 0)
  const fed = outside.filter(name => {
    const topic = facts.topics.get(name)
    return topic !== undefined && recordsOf(topic) > 0
  })
  if (fed.length === 0) return []
  return outside.filter(name => isSilent(facts.topics.get(name))).map(name => {
    const readers = links.readers(name).map(task => task.name)
    return {
      rule: 'no-writer', severity: 'warning', ends: [name, ...readers],
      message: `${quoted(readers)} reads ${name}, which ${facts.topics.has(name) ? 'has never had a record' : 'does not exist yet'}, while ${fed.join(', ')} has some. No task of the app writes it: is whoever should writing to another name, or another cluster?`,
    }
  })
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}
