/** The one place where the DSL forgets the types of user functions. */

/**
 * A user's function as the description holds it. The compiler has checked it against the types of the stream it was given to, and the
 * runtime calls it with values of that very stream, so that what is forgotten here cannot be wrong there.
 */
export function erased<R>(fn: unknown): (...args: readonly unknown[]) => R {
  return fn as (...args: readonly unknown[]) => R
}
