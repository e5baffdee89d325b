/** Sums over lists. */
export function sumBy<T>(list: readonly T[], pick: (each: T) => number): number {
  let total = 0
  for (const each of list) total += pick(each)
  return total
}
