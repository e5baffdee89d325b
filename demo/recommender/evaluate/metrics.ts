/** HR@20, MRR@20 and HR@20 on novel targets, counted one prediction at a time. */
export interface Quality {
  readonly hr20: number
  readonly mrr20: number
  readonly novelHr20: number
  readonly n: number
}

export const LIST_LENGTH = 20

export class QualityCounter {
  #count = 0
  #hits = 0
  #reciprocal = 0
  #novelCount = 0
  #novelHits = 0

  /** Items are numbers (item-numbers.ts). `isNovel`: the session had not seen the target before. */
  add(list: readonly number[], target: number, isNovel: boolean): void {
    const rank = list.indexOf(target)
    const isHit = rank >= 0 && rank < LIST_LENGTH
    this.#count += 1
    if (isNovel) this.#novelCount += 1
    if (!isHit) return
    this.#hits += 1
    this.#reciprocal += 1 / (rank + 1)
    if (isNovel) this.#novelHits += 1
  }

  quality(): Quality {
    return {
      hr20: ratio(this.#hits, this.#count),
      mrr20: ratio(this.#reciprocal, this.#count),
      novelHr20: ratio(this.#novelHits, this.#novelCount),
      n: this.#count,
    }
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
