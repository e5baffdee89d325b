/** `timestamps`: an operator that goes by event time, behind a writer that stamps records with the time of writing. */
import type { NativeTaskPlan, Plan } from '../plan.ts'
import type { Broken } from './broken.ts'
import { type Links, reachedFrom } from './links.ts'

/** How a native task's result depends on the times of a topic's records: it must, it may, or it does not. */
export function needsEventTime(task: NativeTaskPlan, topic: string): { readonly how: 'windows' | 'maybe'; readonly operator: string } | undefined {
  const nodes = reachedFrom(task, topic)
  // An extractor finds the time in the value, whatever the record is stamped with.
  if (!nodes.some(node => (node.kind === 'source' || node.kind === 'table') && node.topic.name === topic && node.time === undefined)) return undefined
  const windowed = nodes.find(node => node.kind === 'aggregate' && node.window !== undefined)
  if (windowed !== undefined) return { how: 'windows', operator: windowed.name }
  // `distinct` compares times too, but a record written again is written soon after.
  const timed = nodes.find(node => node.kind === 'process' && node.timersStore !== undefined)
  return timed === undefined ? undefined : { how: 'maybe', operator: timed.name }
}

export function timestampsRule(plan: Plan, links: Links): Broken[] {
  return plan.tasks.flatMap(reader => reader.kind !== 'native' ? [] : reader.reads.flatMap(({ name }): Broken[] => {
    const need = needsEventTime(reader, name)
    if (need === undefined) return []
    // A writer that reads nothing makes its events: the time of writing is theirs.
    const writers = links.writers(name).filter(task => task.kind === 'foreign' && task.link.timestamps === 'written' && task.reads.length > 0)
    return writers.map(writer => ({
      rule: 'timestamps', severity: need.how === 'windows' ? 'broken' : 'warning', ends: [writer.name, name, reader.name],
      message: `'${need.operator}' of '${reader.name}' goes by the event time of ${name}, and '${writer.name}' stamps what it writes with the time of writing: after a pause or a replay its records fall into other windows. Declare the topic with the field that holds the time, topic('${name}', { time: '…' }), or let '${writer.name}' write the event's timestamp and say timestamps: 'event' in its task.`,
    }))
  }))
}
