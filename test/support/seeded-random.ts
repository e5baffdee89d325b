/**
 * Randomness for tests and benchmarks, from a seed that a failure prints (`MILLRACE_SEED` repeats it).
 * 32-bit multiply-and-xorshift (SplitMix32): not for anything secret.
 */
export interface SeededRandom {
  /** `seed 123`, for the message of an assertion. */
  readonly seedText: string
  /** A whole number in `[0, limit)`. */
  below(limit: number): number
  bytes(count: number): Buffer
}

export function seededRandom(seed: number = Number(process.env['MILLRACE_SEED'] ?? Math.floor(performance.now() * 1_000))): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e37_79b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0_aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  const below = (limit: number): number => limit <= 0x1_0000_0000
    ? Math.floor(next() / 0x1_0000_0000 * limit)
    : Math.floor((next() * 0x20_0000 + (next() >>> 11)) / 2 ** 53 * limit)
  return {
    seedText: `seed ${seed}`,
    below,
    bytes: count => Buffer.from(Array.from({ length: count }, () => next() & 0xff)),
  }
}
