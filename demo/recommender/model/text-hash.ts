/**
 * A hash of item ids for tables of whole numbers, which find a row without a Map: FNV-1a over UTF-16 units, then mixed so that its low bits may be taken.
 * Equal texts have equal hashes everywhere; who finds an equal hash still compares the texts.
 */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ hash >>> 15, 0x2c1b3c6d)
  return (hash ^ hash >>> 13) >>> 0
}

/** The slots of a table for `count` rows: a power of two, at most half full. */
export function slotsFor(count: number): number {
  return count <= 4 ? 8 : 2 ** (33 - Math.clz32(count - 1))
}
