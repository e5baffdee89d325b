/** Items of a stream as numbers from 0, in the order of their ids: ids that are whole numbers first, as numbers (the published figures come from integer ids), then the others as text. */
import { compareText } from '../model/cooc.ts'

export class ItemNumbers {
  readonly #numbers: ReadonlyMap<string, number>

  constructor(items: Iterable<string>) {
    this.#numbers = new Map([...new Set(items)].sort(compareId).map((item, index) => [item, index]))
  }

  get count(): number {
    return this.#numbers.size
  }

  /** −1 for an item that is not in the stream. */
  of(item: string): number {
    return this.#numbers.get(item) ?? -1
  }
}

export function compareId(a: string, b: string): number {
  const isNumber = /^\d+$/.test(a)
  if (isNumber !== /^\d+$/.test(b)) return isNumber ? -1 : 1
  return isNumber ? Number(a) - Number(b) || compareText(a, b) : compareText(a, b)
}
