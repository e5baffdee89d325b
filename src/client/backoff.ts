/** Jittered exponential backoff, so that many clients that lost the same broker do not come back in step. */
import type { Random } from '../env/env.ts'

export interface BackoffOptions {
  readonly minMs: number
  readonly maxMs: number
}

/** The wait before retry number `attempt` (0 is the first): doubles from `minMs` to `maxMs`, less up to a half at random. */
export function backoffMs(attempt: number, options: BackoffOptions, random: Random): number {
  const full = Math.min(options.maxMs, options.minMs * 2 ** Math.min(attempt, 30))
  return full * (0.5 + random.next() / 2)
}
