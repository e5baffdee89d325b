/**
 * A task of the graph that is an operating-system process of its own, in any language, with any Kafka client.
 *
 * The supervisor starts it and keeps it running; what it needs to know it finds in its environment:
 *
 *   MILLRACE_BOOTSTRAP   addresses of the cluster, `host:port[,host:port …]`
 *   MILLRACE_GROUP       the consumer group to join, `<app>.<task>`: lag and restarts are seen through it
 *   MILLRACE_READS       names of the topics it reads, separated by commas
 *   MILLRACE_WRITES      names of the topics it writes, separated by commas
 *   MILLRACE_APP, MILLRACE_TASK, MILLRACE_INSTANCE (0 …)
 *
 * F1. Declared variables cannot take the place of these.
 */
import { MillraceError } from '../base/errors.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import type { ExternalSpec, Link, ProcessSpec } from '../topology/foreign.ts'
import { countOf } from './count-of.ts'

export interface ProcessOptions {
  /** Program to start, found by `PATH`. */
  readonly command: string
  readonly args?: readonly string[] | undefined
  /** Added to the environment of the supervisor. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Working directory; the supervisor's without it. */
  readonly directory?: string | undefined
  /** How many to keep running; 1 without it. */
  readonly instances?: number | undefined
}

/** What a careful client does that commits its offsets after its results, with Java's partitioner: at least once. */
const USUAL: Link = {
  guarantee: 'atLeastOnce', duplicates: undefined, isolation: 'read_committed', commitsOffsets: true, group: undefined,
  transactionalIdPrefix: undefined, transactionTimeoutMs: undefined, partitioner: 'murmur2', timestamps: 'written', keepsHeaders: false,
}

/**
 * For `{ on }` of a task: a process of its own. Describes; starts nothing.
 *
 * @example
 *   .task('score', { on: process({ command: 'python3', args: ['score.py'] }), reads: [clicks], writes: [scores], duplicates: { removedBy: 'once' } })
 */
export function process(options: ProcessOptions): ProcessSpec {
  const { command, instances = 1 } = options
  if (command.trim() === '') throw new MillraceError('TOPOLOGY_INVALID', 'process({ command }): the command is empty')
  return { engine: 'process', link: USUAL, command, args: options.args ?? [], env: options.env ?? {}, directory: options.directory, instances: countOf('process', 'instances', instances) }
}

/**
 * For `{ on }` of a task that somebody else runs: drawn, planned and watched by its consumer group, never started or stopped.
 *
 * @example
 *   .task('billing', { on: external(), reads: [orders], writes: [invoices], group: 'billing-prod', guarantee: 'exactlyOnce' })
 */
export function external(): ExternalSpec {
  return { engine: 'external', link: USUAL }
}

/** The variables that instance number `instance` of `task` gets, on top of the supervisor's own. */
export function processEnvironment(app: string, task: ForeignTaskPlan, bootstrap: string, instance: number): Readonly<Record<string, string>> {
  return {
    MILLRACE_APP: app,
    MILLRACE_TASK: task.name,
    MILLRACE_INSTANCE: String(instance),
    MILLRACE_BOOTSTRAP: bootstrap,
    MILLRACE_GROUP: task.group,
    MILLRACE_READS: task.reads.map(topic => topic.name).join(','),
    MILLRACE_WRITES: task.writes.map(topic => topic.name).join(','),
  }
}
