/**
 * The one table of what each API asks of its caller. Dispatch refuses an API that is not in it while an authorizer is at work: nothing is
 * open because somebody forgot it.
 */
import { CLUSTER_RULES } from './cluster-rules.ts'
import { GROUP_RULES } from './group-rules.ts'
import { RECORD_RULES } from './record-rules.ts'
import type { Rule } from './rule.ts'
import { TOPIC_RULES } from './topic-rules.ts'
import { TRANSACTION_RULES } from './transaction-rules.ts'

export const RULES: ReadonlyMap<number, Rule> = new Map([...RECORD_RULES, ...TOPIC_RULES, ...GROUP_RULES, ...TRANSACTION_RULES, ...CLUSTER_RULES].map(rule => [rule.api.key, rule]))
