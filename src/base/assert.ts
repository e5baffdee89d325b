/**
 * Assertions: a failed one is a bug of Millrace, never of a user or a peer.
 *
 * A failed assertion throws `AssertionError`, which no code catches to go on: the task, broker or client that
 * threw it is stopped, because its state can no longer be trusted. Bad input from outside is `MillraceError`.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws `AssertionError` with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Closes a `switch` over a union: does not compile while a variant is left over, throws if one arrives all the same. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`)
}
