/**
 * What a request names twice is answered once, and by some APIs refused for it. In one pass: a hostile request names a million.
 *
 *     onceEach(['a', 'b', 'a'], name => name)   // [{ item: 'a', isRepeated: true }, { item: 'b', isRepeated: false }]
 */
export interface Named<T> {
  /** The first with its key. */
  readonly item: T
  readonly isRepeated: boolean
}

/** In the order in which the keys first come. */
export function onceEach<T>(items: readonly T[], keyOf: (item: T) => string | number): readonly Named<T>[] {
  const named = new Map<string | number, { item: T; isRepeated: boolean }>()
  for (const item of items) {
    const key = keyOf(item)
    const before = named.get(key)
    if (before === undefined) named.set(key, { item, isRepeated: false })
    else before.isRepeated = true
  }
  return [...named.values()]
}
