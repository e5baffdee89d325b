/**
 * Everything `millrace plan` says, as one document: the graph, its topics beside the cluster's, shards beside workers, the load, and every broken contract.
 *
 * W1. Pure; without facts it is what the description alone tells, and says so (`cluster: null`).
 */
import { type AppGraph, describe } from '../topology/describe.ts'
import type { Broken } from '../topology/contracts/broken.ts'
import { brokenContracts, inOrder } from '../topology/contracts/contracts.ts'
import { linksOf } from '../topology/contracts/links.ts'
import { topicsFromOutside } from '../topology/contracts/writers.ts'
import type { Plan } from '../topology/plan.ts'
import { brokerLoadRule, type Capacity, capacityOf, capacityRules, type Load } from './capacity.ts'
import { clusterRules, knownFrom, tableRetentionRule } from './cluster-rules.ts'
import type { ClusterFacts } from './facts.ts'
import { sampleRules } from './sample-rules.ts'
import { shardRules, shardsOf, type TaskShards, type Workers } from './shards.ts'
import { topicRows, type TopicRow } from './topics.ts'

export interface PlanReport {
  readonly app: string
  /** `null`: no cluster was asked. */
  readonly cluster: { readonly bootstrap: string; readonly brokers: number; readonly sampled: number; readonly gaps: readonly string[] } | null
  readonly graph: AppGraph
  /** Read by a task, written by none: they come from outside. */
  readonly fromOutside: readonly string[]
  readonly topics: readonly TopicRow[]
  readonly tasks: readonly TaskShards[]
  readonly capacity: Capacity | null
  readonly contracts: readonly Broken[]
  /** No contract is broken; there may be warnings. */
  readonly holds: boolean
}

export interface PlanOptions {
  readonly workers: Workers
  readonly load: Load | undefined
}

export function planReport(plan: Plan, facts: ClusterFacts | undefined, options: PlanOptions): PlanReport {
  const links = linksOf(plan)
  const topics = topicRows(plan, facts)
  const tasks = shardsOf(plan, facts, options.workers)
  const capacity = options.load === undefined ? null : capacityOf(plan, options.load)
  const contracts = inOrder([
    ...brokenContracts(plan, knownFrom(plan, facts)),
    ...facts === undefined ? [] : [...clusterRules(plan, facts, links), ...sampleRules(plan, facts, links), ...brokerLoadRule(topics, facts)],
    ...tableRetentionRule(plan, facts), ...shardRules(tasks),
    ...capacity === null ? [] : capacityRules(plan, capacity, facts),
  ])
  return {
    app: plan.app, topics, tasks, capacity, contracts,
    cluster: facts === undefined ? null : { bootstrap: facts.bootstrap, brokers: facts.brokers.length, sampled: facts.samples.length, gaps: facts.gaps },
    graph: describe(plan), fromOutside: topicsFromOutside(plan, links),
    holds: contracts.every(each => each.severity === 'warning'),
  }
}
