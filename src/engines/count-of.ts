/** A number of things to run, as the engines' functions take it. */
import { MillraceError } from '../base/errors.ts'

/** `value`, of `engine({ option })`. Throws `TOPOLOGY_INVALID` where it is no number of things. */
export function countOf(engine: string, option: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) throw new MillraceError('TOPOLOGY_INVALID', `${engine}({ ${option} }): a whole number of at least 1, not ${value}`)
  return value
}
