/** Which partition a key belongs to, exactly as Kafka's Java clients decide it. */
import { assert } from '../base/assert.ts'

/** Kafka's variant of 32-bit MurmurHash2 (seed 0x9747b28c), as a signed 32-bit number. */
export function murmur2(key: Buffer, start: number = 0, end: number = key.length): number {
  const m = 0x5bd1_e995
  const length = end - start
  let hash = 0x9747_b28c ^ length
  let at = start
  for (const endOfFours = start + (length & ~3); at < endOfFours; at += 4) {
    let k = Math.imul(key.readInt32LE(at), m)
    k = Math.imul(k ^ (k >>> 24), m)
    hash = Math.imul(hash, m) ^ k
  }
  const rest = length & 3
  if (rest === 3) hash ^= key.readUInt8(at + 2) << 16
  if (rest >= 2) hash ^= key.readUInt8(at + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ key.readUInt8(at), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}

/** The partition of a key among `count`, as the Java producer's default partitioner chooses it. */
export function partitionOf(key: Buffer, count: number): number {
  assert(count > 0, 'a topic has at least one partition')
  return (murmur2(key) & 0x7fff_ffff) % count
}
