/** Rules of delivery: isolation, duplicates, groups and transactional ids used twice, transaction timeouts. */
import type { ForeignTaskPlan, Plan, TaskPlan } from '../plan.ts'
import { type Broken, type Known, quoted } from './broken.ts'
import { guaranteeOf, isTransactional, type Links, reachedFrom, transactionalIdPrefixOf } from './links.ts'

/** `transaction.max.timeout.ms` of a broker that says nothing else. */
export const TRANSACTION_MAX_TIMEOUT_MS = 900_000

/** `isolation`: a reader at read_uncommitted sees records of transactions that are aborted later. */
export function isolationRule(plan: Plan, links: Links): Broken[] {
  return foreignTasks(plan).filter(task => task.link.isolation === 'read_uncommitted').flatMap(reader => reader.reads.flatMap(({ name }) => {
    const writers = links.writers(name).filter(task => task !== reader && isTransactional(task)).map(task => task.name)
    if (writers.length === 0) return []
    return [{
      rule: 'isolation', severity: 'broken', ends: [...writers, name, reader.name],
      message: `'${reader.name}' reads ${name} at read_uncommitted, and ${quoted(writers)} writes it in transactions: it would see records of transactions that are aborted later, as if they had happened. Set isolation.level=read_committed in '${reader.name}', and isolation: 'read_committed' in its task.`,
    } as const]
  }))
}

/** `transaction-ends`: a reader that takes every offset for a record waits at the end of a transaction for one. */
export function transactionEndsRule(plan: Plan, links: Links): Broken[] {
  return foreignTasks(plan).filter(task => task.link.transactionEnds === 'waitedFor').flatMap(reader => reader.reads.flatMap(({ name }) => {
    const writers = links.writers(name).filter(task => task !== reader && isTransactional(task)).map(task => task.name)
    if (writers.length === 0) return []
    return [{
      rule: 'transaction-ends', severity: 'broken', ends: [...writers, name, reader.name],
      message: `'${reader.name}' waits at the end of a transaction for a record that is not there, and ${quoted(writers)} writes ${name} in transactions: a batch that ends with one stands still, and fails when nothing comes behind it. Give ${quoted(writers)} guarantee: 'atLeastOnce', or read ${name} in '${reader.name}' in another way (Spark: Structured Streaming, or a receiver).`,
    } as const]
  }))
}

/** `duplicates`: what a writer without exactly-once writes again after a kill must be somebody's to remove, or be said to do no harm. */
export function duplicatesRule(plan: Plan, links: Links): Broken[] {
  return plan.tasks.flatMap(writer => {
    if (guaranteeOf(writer) === 'exactlyOnce') return []
    const said = writer.kind === 'foreign' ? writer.link.duplicates : undefined
    if (said === 'tolerated') return []
    if (said !== undefined) return removedByRule(plan, links, writer, said.removedBy)
    return writer.writes.flatMap(({ name }): Broken[] => {
      const readers = links.readers(name).filter(reader => reader !== writer && mindsDuplicates(reader, name)).map(reader => reader.name)
      if (readers.length === 0) return []
      const next = writer.kind === 'foreign'
        ? `Say what becomes of them in its task, duplicates: { removedBy: '${readers[0] ?? ''}' } or 'tolerated'; or, if it writes in transactions, guarantee: 'exactlyOnce'.`
        : `Give it guarantee: 'exactlyOnce', or let ${quoted(readers)} begin with .distinct({ within: … }).`
      return [{
        rule: 'duplicates', severity: 'warning', ends: [writer.name, name, ...readers],
        message: `'${writer.name}' writes ${name} at least once, so a kill of it writes some records twice, and ${quoted(readers)} counts each record of it exactly once: the duplicates too. ${next}`,
      }]
    })
  })
}

/** An exactly-once reader that keeps more than the last value of a key, and does not take duplicates out itself. */
function mindsDuplicates(reader: TaskPlan, topic: string): boolean {
  if (guaranteeOf(reader) !== 'exactlyOnce') return false
  if (reader.kind === 'foreign') return true
  const nodes = reachedFrom(reader, topic)
  return nodes.some(node => node.kind === 'source' && node.topic.name === topic) && !nodes.some(node => node.kind === 'distinct')
}

function removedByRule(plan: Plan, links: Links, writer: TaskPlan, remover: string): Broken[] {
  const written = writer.writes.map(topic => topic.name)
  if (downstreamOf(links, writer).has(remover)) return []
  const exists = plan.tasks.some(task => task.name === remover)
  return [{
    rule: 'duplicates', severity: 'broken', ends: [writer.name, remover],
    message: exists
      ? `'${writer.name}' says that its duplicates are removed by '${remover}', which reads nothing that comes from ${written.join(', ')}. Name the task that does, or let '${remover}' read it.`
      : `'${writer.name}' says that its duplicates are removed by '${remover}', and the app has no such task. It has: ${plan.tasks.map(task => task.name).join(', ')}.`,
  }]
}

function downstreamOf(links: Links, task: TaskPlan): Set<string> {
  const seen = new Set<string>()
  const visit = (at: TaskPlan): void => {
    for (const reader of at.writes.flatMap(topic => links.readers(topic.name))) {
      if (seen.has(reader.name)) continue
      seen.add(reader.name)
      visit(reader)
    }
  }
  visit(task)
  return seen
}

/** `group-twice`: two tasks that commit offsets under one name share partitions, or overwrite each other's positions. */
export function groupRule(plan: Plan): Broken[] {
  return twice(plan.tasks, task => task.kind === 'native' || (task.link.commitsOffsets && task.reads.length > 0) ? task.group : undefined).map(({ name, tasks }) => ({
    rule: 'group-twice', severity: 'broken', ends: [...tasks, name],
    message: `${quoted(tasks)} use the consumer group '${name}': each would get a part of the partitions only, and commit over the other's offsets. Give each a group of its own, group: '…'.`,
  }))
}

/** `transactional-id-twice`: Kafka takes the two for one producer and fences the one that came first. */
export function transactionalIdRule(plan: Plan): Broken[] {
  return twice(plan.tasks, task => transactionalIdPrefixOf(plan.app, task)).map(({ name, tasks }) => ({
    rule: 'transactional-id-twice', severity: 'broken', ends: [...tasks, name],
    message: `${quoted(tasks)} write under transactional ids that begin with '${name}': the one that starts later fences the other and aborts its transaction. Give each a prefix of its own, transactionalIdPrefix: '…'.`,
  }))
}

/** `transaction-timeout`: a broker refuses a producer that asks for more than it allows, and aborts one that takes longer than it asked for. */
export function transactionTimeoutRule(plan: Plan, known: Known): Broken[] {
  return [...aboveBroker(plan, known), ...belowCheckpoint(plan)]
}

/** A transaction is open from one checkpoint to the end of the next. */
function belowCheckpoint(plan: Plan): Broken[] {
  return foreignTasks(plan).flatMap((task): Broken[] => {
    const { transactionTimeoutMs } = task.link
    const everyMs = 'checkpointIntervalMs' in task.on ? task.on.checkpointIntervalMs : undefined
    if (transactionTimeoutMs === undefined || everyMs === undefined || !isTransactional(task) || transactionTimeoutMs > everyMs) return []
    const written = task.writes.map(topic => topic.name)
    return [{
      rule: 'transaction-timeout', severity: 'broken', ends: [task.name, ...written],
      message: `'${task.name}' checkpoints every ${everyMs} ms, and its transactions on ${written.join(', ')} time out after ${transactionTimeoutMs} ms: the broker aborts them before the checkpoint that would commit them, and what they hold is lost. Checkpoint more often, or raise transaction.timeout.ms well above the interval and the longest pause that the job is to survive.`,
    }]
  })
}

function aboveBroker(plan: Plan, known: Known): Broken[] {
  const { transactionMaxTimeout } = known
  const maxMs = transactionMaxTimeout?.ms ?? TRANSACTION_MAX_TIMEOUT_MS
  return foreignTasks(plan).flatMap(task => {
    const { transactionTimeoutMs } = task.link
    if (transactionTimeoutMs === undefined || transactionTimeoutMs <= maxMs || task.writes.length === 0) return []
    const limit = transactionMaxTimeout === undefined
      ? `Kafka's default for transaction.max.timeout.ms is ${maxMs} (ask the cluster with --bootstrap)`
      : `${transactionMaxTimeout.broker} allows ${maxMs} (transaction.max.timeout.ms)`
    return [{
      rule: 'transaction-timeout', severity: transactionMaxTimeout === undefined ? 'warning' : 'broken', ends: [task.name, transactionMaxTimeout?.broker ?? 'transaction.max.timeout.ms'],
      message: `'${task.name}' asks for a transaction timeout of ${transactionTimeoutMs} ms, and ${limit}: the broker refuses its producer with INVALID_TRANSACTION_TIMEOUT. Set transaction.timeout.ms of '${task.name}' to ${maxMs} or less (Flink: the sink's property; more than its checkpoint interval), or raise the brokers' limit.`,
    } as const]
  })
}

function foreignTasks(plan: Plan): ForeignTaskPlan[] {
  return plan.tasks.filter((task): task is ForeignTaskPlan => task.kind === 'foreign')
}

function twice(tasks: readonly TaskPlan[], nameOf: (task: TaskPlan) => string | undefined): { name: string; tasks: string[] }[] {
  const users = new Map<string, string[]>()
  for (const task of tasks) {
    const name = nameOf(task)
    if (name !== undefined) users.set(name, [...users.get(name) ?? [], task.name])
  }
  return [...users].filter(([, names]) => names.length > 1).map(([name, names]) => ({ name, tasks: names }))
}
