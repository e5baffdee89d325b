/**
 * `cycle`: a way from a topic back to itself on which every record makes the next one, for ever.
 *
 * A way leads from head to sink through operators that pass each record on. What may drop or hold one (filter, branch, flatMap, inner join, distinct,
 * process, a window with `emit: 'final'`) breaks the cycle; so does a table that is only looked up. What a job of another engine does inside
 * nobody can see: a cycle through one is a warning.
 */
import { unreachable } from '../../base/assert.ts'
import { inputTopic } from '../build.ts'
import type { Node } from '../node.ts'
import type { NativeTaskPlan, Plan } from '../plan.ts'
import { type Broken, quoted } from './broken.ts'

interface Step {
  readonly from: string
  readonly to: string
  readonly task: string
  readonly seen: boolean
}

export function cycleRule(plan: Plan): Broken[] {
  const steps = plan.tasks.flatMap((task): Step[] => task.kind === 'native'
    ? passages(task)
    : task.reads.flatMap(from => task.writes.map(to => ({ from: from.name, to: to.name, task: task.name, seen: false }))))
  const cycles = new Map<string, Step[]>()
  for (const step of steps) {
    const back = wayBack(steps, step.to, step.from)
    if (back === undefined) continue
    const cycle = [step, ...back]
    const id = cycle.map(each => each.from).sort().join(' ')
    if (!cycles.has(id)) cycles.set(id, cycle)
  }
  return [...cycles.values()].map(cycle => {
    const tasks = [...new Set(cycle.map(step => step.task))]
    const unseen = [...new Set(cycle.filter(step => !step.seen).map(step => step.task))]
    const way = [...cycle.map(step => step.from), cycle[0]?.from ?? ''].join(' → ')
    return {
      rule: 'cycle', severity: unseen.length === 0 ? 'broken' : 'warning', ends: [...tasks, ...cycle.map(step => step.from)],
      message: unseen.length === 0
        ? `${way}: every record comes back and is written again, for ever, by ${quoted(tasks)}. Put a filter(…) or a process(…) on the way that stops a record which has been round, or read one of the topics as a table.`
        : `${way} is a cycle through ${quoted(unseen)}: Millrace cannot see whether a record that has been round is stopped there. If it is not, the topics fill for ever.`,
    }
  })
}

/** The shortest way, or `undefined`; empty where they are the same. */
function wayBack(steps: readonly Step[], from: string, to: string): Step[] | undefined {
  const ways = new Map<string, Step[]>([[from, []]])
  for (const [at, way] of ways) {
    if (at === to) return way
    for (const step of steps) if (step.from === at && !ways.has(step.to)) ways.set(step.to, [...way, step])
  }
  return undefined
}

/** From each topic the task reads to each it writes, where every record of the one makes one of the other; repartition topics among them. */
function passages(task: NativeTaskPlan): Step[] {
  return task.subTopologies.flatMap(sub => {
    const byId = new Map(sub.nodes.map(node => [node.id, node]))
    return sub.sources.flatMap(head => {
      const from = inputTopic(head)
      const found = new Set<string>()
      const visit = (node: Node): void => {
        if (node.kind === 'sink') found.add(node.topic.name)
        if (node.kind === 'repartitionSink') found.add(node.topic)
        if (!passesEach(node)) return
        for (const { to } of sub.children.get(node.id) ?? []) {
          const child = byId.get(to)
          if (child !== undefined) visit(child)
        }
      }
      visit(head)
      return from === undefined ? [] : [...found].map(to => ({ from, to, task: task.name, seen: true }))
    })
  })
}

function passesEach(node: Node): boolean {
  switch (node.kind) {
    case 'source': case 'table': case 'repartitionSource': case 'map': case 'peek': case 'keyBy': case 'merge': case 'combine': case 'repartitionSink': case 'sink': case 'to': return true
    case 'aggregate': return node.window?.emit !== 'final'
    case 'streamTableJoin': case 'streamGlobalJoin': return node.left
    case 'globalTable': case 'filter': case 'tableFilter': case 'flatMap': case 'branch': case 'distinct': case 'process': return false
    default: return unreachable(node)
  }
}
