/**
 * Browsers that are looking, by visitor, and what they are told.
 *
 * V1. A connection gets the current rows as soon as it is there: one that comes back has missed nothing that matters.
 * V2. Rows carry the version of their list; the page drops a version lower than the one it shows.
 */
import type { WebSocket } from 'ws'
import type { ToPage } from './messages.ts'
import type { Language } from './strings.ts'

export interface Looking {
  readonly visitor: string
  readonly language: Language
  readonly socket: WebSocket
}

/** Above this a page does not keep up: it is cut, and gets the current rows when it is back (V1). */
const BUFFERED_MAX = 1024 * 1024

export class Visitors {
  readonly #byVisitor = new Map<string, Set<Looking>>()

  add(looking: Looking): void {
    const all = this.#byVisitor.get(looking.visitor) ?? new Set<Looking>()
    this.#byVisitor.set(looking.visitor, all.add(looking))
    looking.socket.on('close', () => {
      all.delete(looking)
      if (all.size === 0 && this.#byVisitor.get(looking.visitor) === all) this.#byVisitor.delete(looking.visitor)
    })
  }

  of(visitor: string): Iterable<Looking> {
    return this.#byVisitor.get(visitor) ?? []
  }

  *all(): Iterable<Looking> {
    for (const set of this.#byVisitor.values()) yield* set
  }

  get count(): number {
    let count = 0
    for (const set of this.#byVisitor.values()) count += set.size
    return count
  }
}

export function tell(looking: Looking, message: ToPage): void {
  if (looking.socket.bufferedAmount > BUFFERED_MAX) return looking.socket.terminate()
  looking.socket.send(JSON.stringify(message))
}
