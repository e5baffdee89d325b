/** Assertions of the demo: it may import Millrace by its public name alone, and that has none. */
export class DemoAssertionError extends Error {
  override readonly name = 'DemoAssertionError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new DemoAssertionError(message)
}

export function unreachable(value: never): never {
  throw new DemoAssertionError(`unreachable: ${String(value)}`)
}
