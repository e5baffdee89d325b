/**
 * The contracts between the tasks of an app, held against each other: what follows from the description alone.
 *
 * R1. Pure: the same plan and the same knowledge give the same list: broken ones first, each kind in the order of `RULES`.
 * R2. A rule names both ends, and is silent where it cannot know; nothing in it depends on an engine's name.
 */
import type { AppDescription, TopicSpec } from '../node.ts'
import type { Plan } from '../plan.ts'
import { type Broken, type Known, quoted, RULES } from './broken.ts'
import { cycleRule } from './cycle.ts'
import { duplicatesRule, groupRule, isolationRule, transactionalIdRule, transactionEndsRule, transactionTimeoutRule } from './delivery.ts'
import { partitionCountsRule, partitionersRule } from './keys.ts'
import { linksOf } from './links.ts'
import { timestampsRule } from './time.ts'
import { writersRule } from './writers.ts'

/** The partition counts that the topics are declared with. */
export function declaredPartitions(plan: Plan): Map<string, number> {
  return new Map(plan.topics.flatMap(topic => topic.partitions === undefined ? [] : [[topic.name, topic.partitions] as const]))
}

/** Every contract of `plan` that is broken or may be; `known` is the declaration's without a cluster. */
export function brokenContracts(plan: Plan, known: Known = { partitions: declaredPartitions(plan), transactionMaxTimeout: undefined }): Broken[] {
  const links = linksOf(plan)
  return inOrder([
    ...isolationRule(plan, links), ...transactionEndsRule(plan, links), ...duplicatesRule(plan, links), ...groupRule(plan), ...transactionalIdRule(plan), ...transactionTimeoutRule(plan, known),
    ...partitionCountsRule(plan, known), ...partitionersRule(plan, links), ...timestampsRule(plan, links), ...cycleRule(plan), ...writersRule(plan, links),
  ])
}

/** As R1 says. */
export function inOrder(all: readonly Broken[]): Broken[] {
  const rank = (each: Broken): number => (each.severity === 'broken' ? 0 : RULES.length) + RULES.indexOf(each.rule)
  return [...all].sort((a, b) => rank(a) - rank(b))
}

/** `schemas`: one topic declared twice, which `build` refuses: with both ends named. */
export function declaredTwice(app: AppDescription): Broken[] {
  const declared = new Map<string, Map<TopicSpec, string[]>>()
  for (const task of app.tasks) {
    const topics = task.kind === 'foreign' ? [...task.reads, ...task.writes] : task.nodes.flatMap(node => 'topic' in node && typeof node.topic === 'object' ? [node.topic] : [])
    for (const topic of new Set(topics)) {
      const specs = declared.get(topic.name) ?? new Map<TopicSpec, string[]>()
      specs.set(topic, [...specs.get(topic) ?? [], task.name])
      declared.set(topic.name, specs)
    }
  }
  return [...declared].filter(([, specs]) => specs.size > 1).map(([name, specs]) => {
    const sides = [...specs].map(([spec, tasks]) => `${quoted(tasks)} as ${serdeText(spec.key)} → ${serdeText(spec.value)}`)
    return {
      rule: 'schemas', severity: 'broken', ends: [...new Set([name, ...[...specs.values()].flat()])],
      message: `${name} is declared more than once: ${sides.join('; ')}. Declare it once and import it, so that its types are the same at both ends.`,
    }
  })
}

function serdeText(serde: TopicSpec['value']): string {
  // A record knows its fields; other serdes are what their kind says.
  if (!('fieldNames' in serde) || !Array.isArray(serde.fieldNames)) return serde.kind
  return `${serde.kind} { ${serde.fieldNames.join(', ')} }`
}
