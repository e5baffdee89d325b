/**
 * `no-writer`: a topic that a task reads and nobody writes.
 *
 * Every app has topics that come from outside, so a missing writer alone is no mistake. It is one where the app itself says otherwise: where a
 * task writes a topic of nearly that name which nobody reads, or where the app declares who feeds it (tasks that only write) and nobody for this.
 */
import { editDistance } from '../../base/duration.ts'
import type { Plan, TaskPlan } from '../plan.ts'
import { type Broken, quoted } from './broken.ts'
import type { Links } from './links.ts'

/** Declared topics that a task reads and no task of the app writes: they come from outside. */
export function topicsFromOutside(plan: Plan, links: Links): string[] {
  return plan.topics.map(topic => topic.name).filter(name => links.readers(name).length > 0 && links.writers(name).length === 0 && links.deadLetters(name).length === 0)
}

export function writersRule(plan: Plan, links: Links): Broken[] {
  const unread = plan.topics.map(topic => topic.name).filter(name => links.readers(name).length === 0)
  const feeders = plan.tasks.filter(task => task.kind === 'foreign' && task.reads.length === 0 && task.writes.length > 0).map(task => task.name)
  return topicsFromOutside(plan, links).flatMap((name): Broken[] => {
    const readers = links.readers(name)
    const names = readers.map(task => task.name)
    const meant = unread.find(other => isNear(name, other) && links.writers(other).some(writer => !comesFrom(links, writer, readers)))
    if (meant !== undefined) {
      const writers = links.writers(meant).map(task => task.name)
      return [{
        rule: 'no-writer', severity: 'broken', ends: [...writers, meant, name, ...names],
        message: `${quoted(names)} reads ${name}, which nobody writes, and ${quoted(writers)} writes ${meant}, which nobody reads. Is it the same topic? Declare it once and use it in both.`,
      }]
    }
    if (feeders.length === 0) return []
    return [{
      rule: 'no-writer', severity: 'broken', ends: [name, ...names],
      message: `${quoted(names)} reads ${name}, which nobody writes: the app says who feeds it (${quoted(feeders)}), and nobody for this topic. Add it to the writes of the one that does, or declare it: .task('…', { on: external(), writes: [${name}] }).`,
    }]
  })
}

/** One slip away; names that differ by a number are meant to differ. */
function isNear(left: string, right: string): boolean {
  const slips = Math.min(2, Math.floor(Math.min(left.length, right.length) / 5))
  return left.replace(/\d+/g, '') !== right.replace(/\d+/g, '') && editDistance(left, right) <= slips
}

/** Whether `task` works, over whatever tasks between, on what `sources` write: then its output is a result, not the topic that they miss. */
function comesFrom(links: Links, task: TaskPlan, sources: readonly TaskPlan[]): boolean {
  const seen = new Set<TaskPlan>()
  const visit = (at: TaskPlan): boolean => {
    if (sources.includes(at)) return true
    if (seen.has(at)) return false
    seen.add(at)
    return at.reads.flatMap(topic => links.writers(topic.name)).some(visit)
  }
  return visit(task)
}
