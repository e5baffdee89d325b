/** Grouping by topic, as most requests want it. */

export interface TopicItems<T> {
  readonly topic: string
  readonly items: T[]
}

/** Groups by topic, in the order in which topics first occur. */
export function groupByTopic<S extends { readonly topic: string }, T>(entries: Iterable<S>, itemOf: (entry: S) => T): TopicItems<T>[] {
  const groups = new Map<string, TopicItems<T>>()
  for (const entry of entries) {
    let group = groups.get(entry.topic)
    if (group === undefined) {
      group = { topic: entry.topic, items: [] }
      groups.set(entry.topic, group)
    }
    group.items.push(itemOf(entry))
  }
  return [...groups.values()]
}
