/**
 * The differences that stay: each is one entry, with what Kafka answers and why this broker answers otherwise.
 *
 * A1. At most `ALLOWED_MAX` entries. One that no longer occurs fails the suite: it is taken out, not kept for later.
 */
export const ALLOWED_MAX = 40

export interface AllowedDifference {
  readonly api: string
  /** First and last version it occurs in. */
  readonly versions: readonly [number, number]
  /** Matched against the whole path of the field in the answer. */
  readonly field: RegExp
  /** What Kafka 4.1 answers. */
  readonly kafka: string
  readonly reason: string
}

export const ALLOWED: readonly AllowedDifference[] = []
