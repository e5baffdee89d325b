/**
 * Seeded randomness: the same seed gives the same numbers on every machine (xoshiro128**, seeded by splitmix32).
 */
import type { Random } from '../../env/env.ts'

export interface SeededRandom extends Random {
  /** A whole number in `[0, countMax)`. */
  below(countMax: number): number
  /** A whole number in `[from, to]`. */
  between(from: number, to: number): number
  /** True once in `1 / probability` times. */
  chance(probability: number): boolean
  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T
  /** A generator of its own, whose draws do not move this one's. */
  fork(label: string): SeededRandom
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const split = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  let a = split()
  let b = split()
  let c = split()
  let d = split() | 1
  const word = (): number => {
    const scaled = Math.imul(b, 5)
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }
  const next = (): number => (word() * 0x200000 + (word() >>> 11)) / 0x20000000000000
  const below = (countMax: number): number => Math.floor(next() * countMax)
  return {
    next,
    below,
    between: (from, to) => from + below(to - from + 1),
    chance: probability => next() < probability,
    pick(items) {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError('pick from nothing')
      return item
    },
    bytes(count) {
      const bytes = Buffer.alloc(count)
      for (let index = 0; index < count; index++) bytes[index] = word() >>> 24
      return bytes
    },
    fork(label) {
      let hash = seed >>> 0
      for (let index = 0; index < label.length; index++) hash = Math.imul(hash ^ label.charCodeAt(index), 0x01000193) >>> 0
      return seededRandom(hash ^ 0x5bd1e995)
    },
  }
}
