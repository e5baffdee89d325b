/** What the rules of advice know, what they give, and what they share. */
import type { AppGraph } from '../topology/describe.ts'
import type { OptionRow } from '../topology/options.ts'
import { secondsText } from './catch-up-text.ts'
import type { CatchUp, WorkerRates } from './catch-up.ts'

/** In docs/reference/advise.md, each with its row. */
export const ADVICE_RULES = [
  'stopped', 'failed', 'restoring', 'rebalancing', 'unowned', 'transaction-open',
  'hot-partition', 'uneven', 'too-few-partitions', 'more-workers', 'idle-workers',
  'commit-throughput', 'commit-latency', 'output', 'fetch',
  'parallelism', 'checkpoint-cost', 'checkpoint-latency', 'rate-limit', 'replicas',
] as const
export type AdviceRule = typeof ADVICE_RULES[number]

export type AdviceLevel = 'high' | 'medium' | 'low'

export interface Advice {
  readonly rule: AdviceRule
  readonly level: AdviceLevel
  readonly task: string
  readonly problem: string
  /** Numbers as they were measured. */
  readonly evidence: readonly string[]
  readonly option: { readonly name: string, readonly value: number | null, readonly to: number, readonly unit: OptionRow['unit'] } | null
  /** A command or a step. */
  readonly change: string
  readonly costs: string
}

export interface AdvisedTask {
  readonly task: string
  readonly engine: string
  readonly state: string
  readonly lagRecords: number | null
  readonly lagSeconds: number | null
  readonly catchUp: CatchUp
  readonly workers: readonly WorkerRates[]
  readonly commitsPerSecond: number | null
  readonly commitMsP50: number | null
  readonly restore: { readonly done: number, readonly total: number } | null
  readonly lastError: string | null
  readonly job: { readonly instances: number | null, readonly checkpoint: { readonly ms: number, readonly failed: number } | null, readonly backPressure: number | null } | null
}

export interface AdviceFacts {
  readonly app: string
  readonly tasks: readonly AdvisedTask[]
  readonly options: readonly OptionRow[]
  /** By task: the topics it reads, and how many partitions each has, where that is known. */
  readonly reads: ReadonlyMap<string, readonly { readonly topic: string, readonly partitions: number }[]>
  /** By task: the topics it writes, and their replicas. */
  readonly writes: ReadonlyMap<string, readonly { readonly topic: string, readonly replicas: number }[]>
  readonly brokers: number | null
}

/** How wide and how safe topics are on the cluster, as far as it was asked. */
export interface TopicWidths {
  readonly topics: ReadonlyMap<string, { readonly partitions: number, readonly replicas: number }>
  readonly brokers: number | null
}

export const UNKNOWN_WIDTHS: TopicWidths = { topics: new Map(), brokers: null }

/** Declared topics that `task` reads (not as a global table), and those it writes. */
export function topicsOf(edges: AppGraph['edges'], task: string): { readonly reads: readonly string[], readonly writes: readonly string[] } {
  return {
    reads: edges.flatMap(edge => edge.to === `task:${task}` && edge.as !== 'globalTable' && edge.as !== 'repartition' ? [edge.from.slice('topic:'.length)] : []),
    writes: edges.flatMap(edge => edge.from === `task:${task}` && edge.as === 'write' ? [edge.to.slice('topic:'.length)] : []),
  }
}

export function adviceFacts(app: string, tasks: readonly AdvisedTask[], { options, edges }: { readonly options: readonly OptionRow[], readonly edges: AppGraph['edges'] }, { topics, brokers }: TopicWidths): AdviceFacts {
  const of = <T>(way: 'reads' | 'writes', pick: (topic: string, about: { readonly partitions: number, readonly replicas: number }) => T): Map<string, T[]> =>
    new Map(tasks.map(({ task }) => [task, topicsOf(edges, task)[way].flatMap(topic => { const about = topics.get(topic); return about === undefined ? [] : [pick(topic, about)] })]))
  return { app, tasks, options, reads: of('reads', (topic, { partitions }) => ({ topic, partitions })), writes: of('writes', (topic, { replicas }) => ({ topic, replicas })), brokers }
}

export function lagEvidence({ lagRecords, lagSeconds, catchUp }: AdvisedTask): string {
  const rates = catchUp.arrivalPerSecond === null ? '' : `; ${Math.round(catchUp.arrivalPerSecond)} a second arrive, ${catchUp.drainPerSecond === null ? 'an unknown number' : Math.round(catchUp.drainPerSecond)} drain`
  const when = catchUp.verdict === 'never' ? '; never caught up at this rate' : catchUp.verdict === 'in' ? `; caught up in ${secondsText(catchUp.seconds ?? 0)}` : ''
  return `lag ${lagRecords ?? '?'} records${lagSeconds === null ? '' : `, ${lagSeconds.toFixed(1)} s`}${rates}${when}`
}

export function optionOf(facts: AdviceFacts, target: string, option: string): OptionRow | undefined {
  return facts.options.find(row => row.target === target && row.option === option)
}

/** An advice to set an option; `undefined` where the target has none of that name, or it stands there already. */
export function setting(facts: AdviceFacts, target: string, option: string, to: number, about: Omit<Advice, 'option' | 'change' | 'costs'>): Advice[] {
  const row = optionOf(facts, target, option)
  const bounded = row === undefined ? to : Math.min(row.max, Math.max(row.min, Math.round(to)))
  if (row === undefined || (row.value ?? row.default) === bounded) return []
  return [{ ...about, option: { name: row.name, value: row.value ?? row.default, to: bounded, unit: row.unit }, change: `millrace start … --set ${row.name}=${bounded}`, costs: row.costs }]
}
