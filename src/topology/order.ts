/** The order in which an app's tasks are started: writers of a topic before its readers. A cycle is entered where it was declared first. */
import type { Plan, TaskPlan } from './plan.ts'

export function upstreamFirst(plan: Plan): TaskPlan[] {
  const writers = new Map<string, TaskPlan[]>()
  for (const task of plan.tasks) for (const topic of task.writes) writers.set(topic.name, [...writers.get(topic.name) ?? [], task])
  const ordered = new Set<TaskPlan>()
  const entered = new Set<TaskPlan>()
  const visit = (task: TaskPlan): void => {
    if (entered.has(task)) return
    entered.add(task)
    for (const topic of task.reads) for (const writer of writers.get(topic.name) ?? []) visit(writer)
    ordered.add(task)
  }
  for (const task of plan.tasks) visit(task)
  return [...ordered]
}
