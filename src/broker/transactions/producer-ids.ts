/**
 * Gives out producer ids, each once for ever.
 *
 * P1. Ids are taken from a block, and a block is used only after the start of the next one is durable: after a crash the rest
 *     of a block is lost, and no id comes twice.
 */
import type { StateFile } from '../state-file.ts'

const BLOCK_IDS = 1000

export class ProducerIds {
  readonly #file: StateFile
  #next = 0
  #end = 0
  #floor = 0
  #allocating: Promise<void> | undefined = undefined

  constructor(file: StateFile) {
    this.#file = file
  }

  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#allocating ??= this.#allocate().finally(() => { this.#allocating = undefined })
      await this.#allocating
    }
    return this.#next++
  }

  /** Makes sure that no id up to `producerId`, found in the logs, is given out again (the file may be from an older copy). */
  skipPast(producerId: number): void {
    this.#floor = Math.max(this.#floor, producerId + 1)
  }

  async #allocate(): Promise<void> {
    const stored = this.#file.read()
    const start = Math.max(this.#floor, Number.isSafeInteger(stored) ? Number(stored) : 0)
    await this.#file.write(start + BLOCK_IDS)
    this.#next = start
    this.#end = start + BLOCK_IDS
  }
}
