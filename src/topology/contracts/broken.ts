/** What a rule of `millrace plan` gives: a contract between two ends of the graph that does not hold, or may not. */

/** Every rule by its name, as it stands in docs/reference/plan.md; in the order in which they are shown. */
export const RULES = [
  'schemas', 'isolation', 'transaction-ends', 'duplicates', 'group-twice', 'transactional-id-twice', 'transaction-timeout', 'stable-offset', 'partition-counts', 'partitioners',
  'timestamps', 'old-timestamps', 'table-retention', 'cycle', 'no-writer', 'idle-workers', 'skew', 'too-few-partitions', 'too-many-partitions', 'latency',
] as const

export type Rule = typeof RULES[number]

export interface Broken {
  readonly rule: Rule
  /** `broken`: results will be wrong, or a task will not run. `warning`: they may, which nobody but the author can tell. */
  readonly severity: 'broken' | 'warning'
  /** Names of the tasks and topics (groups, transactional ids) that do not fit together; at least one. */
  readonly ends: readonly string[]
  /** What, where, and what to do next. */
  readonly message: string
}

/** What is known beyond the description: filled from a cluster where one was asked. */
export interface Known {
  /** Partition counts by topic; of declared topics alone where no cluster was asked. */
  readonly partitions: ReadonlyMap<string, number>
  /** The lowest `transaction.max.timeout.ms` of the brokers, and whose it is. */
  readonly transactionMaxTimeout: { readonly ms: number; readonly broker: string } | undefined
}

/** `'a'`, `'a' and 'b'`, `'a', 'b' and 'c'`. */
export function quoted(names: readonly string[]): string {
  const all = names.map(name => `'${name}'`)
  return all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} and ${all.at(-1) ?? ''}`
}
