/** Which partition a key belongs to, exactly as Kafka's Java clients decide it. */
import { assert } from '../base/assert.ts'

/** Kafka's variant of 32-bit MurmurHash2 (seed 0x9747b28c), as a signed 32-bit number. */
export function murmur2(key: Buffer, start: number = 0, end: number = key.length): number {
  const m = 0x5bd1_e995
  const length = end - start
  let hash = 0x9747_b28c ^ length
  let at = start
  for (const endOfFours = start + (length & ~3); at < endOfFours; at += 4) {
    // Bytes, as a Buffer's own reader costs a call and its checks.
    let k = Math.imul((key[at] ?? 0) | ((key[at + 1] ?? 0) << 8) | ((key[at + 2] ?? 0) << 16) | ((key[at + 3] ?? 0) << 24), m)
    k = Math.imul(k ^ (k >>> 24), m)
    hash = Math.imul(hash, m) ^ k
  }
  const rest = length & 3
  if (rest === 3) hash ^= (key[at + 2] ?? 0) << 16
  if (rest >= 2) hash ^= (key[at + 1] ?? 0) << 8
  if (rest >= 1) hash = Math.imul(hash ^ (key[at] ?? 0), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}

/** As `partitionOf`, of a range of a Buffer. */
export function partitionOfSlice(buffer: Buffer, start: number, end: number, count: number): number {
  return (murmur2(buffer, start, end) & 0x7fff_ffff) % count
}

/** The partition of a key among `count`, as the Java producer's default partitioner chooses it. */
export function partitionOf(key: Buffer, count: number): number {
  assert(count > 0, 'a topic has at least one partition')
  return (murmur2(key) & 0x7fff_ffff) % count
}
