/**
 * Who owes an answer, since which click: what `blend` judges by whether an engine is missing.
 *
 * O1. Judged by event time and by what was clicked: in a shop where nobody clicks, nobody owes anything.
 * O2. An answer about a click answers all clicks before it: engines read in order. Two partitions may differ by some clicks, which the time that is granted bears.
 * O3. Published once in PUBLISH_EVERY_MS of wall-clock time, also when nothing comes any more: an answer is not forgotten because it was the last.
 */
import type { ProcessContext } from 'millrace'
import { ENGINES, type Owing } from './topics.ts'

const PUBLISH_EVERY_MS = 1000

/** A click (`engine` is empty), or what an engine has said of one. */
export interface Heard {
  readonly engine: string
  readonly at: number
}

export interface OweState {
  readonly at: number
  /** By engine: the last click it has answered, and the first that it has not. */
  readonly engines: Readonly<Record<string, { readonly answered: number, readonly since: number | null }>>
  readonly isPublished: boolean
}

type Context = Pick<ProcessContext<string, OweState, Owing>, 'state' | 'timers' | 'emit'>

export const owe = {
  onRecord({ engine, at }: Heard, { state, timers }: Context): void {
    const before = state.get() ?? { at: 0, engines: {}, isPublished: true }
    if (before.isPublished) timers.setWallClock(timers.now() + PUBLISH_EVERY_MS)
    state.set({ at: Math.max(before.at, at), engines: engine === '' ? clicked(before.engines, at) : answered(before.engines, engine, at), isPublished: false })
  },

  onTimer(_timer: unknown, { state, emit }: Context): void {
    const now = state.get()
    if (now === undefined) return
    state.set({ ...now, isPublished: true })
    emit({ at: now.at, engines: Object.entries(now.engines).flatMap(([engine, { since }]) => since === null ? [] : [{ engine, since }]) }, now.at)
  },
}

function clicked(before: OweState['engines'], at: number): OweState['engines'] {
  return Object.fromEntries(ENGINES.map(engine => {
    const { answered: last, since } = before[engine] ?? { answered: 0, since: null }
    return [engine, { answered: last, since: since ?? (at > last ? at : null) }]
  }))
}

function answered(before: OweState['engines'], engine: string, at: number): OweState['engines'] {
  const { answered: last, since } = before[engine] ?? { answered: 0, since: null }
  return { ...before, [engine]: { answered: Math.max(last, at), since: since !== null && since <= at ? null : since } }
}
