/** Task `cooc`: pairs, keyed by item, become the item's list of neighbours (model/cooc.ts), published at most once a second of event time. */
import { addPairs, type CoocOptions, type ItemList } from '../model/cooc.ts'
import type { Neighbors, PairsRecord } from '../topics.ts'
import { isMark, publishDue, type DueTimer, type TaskContext } from './context.ts'

export interface CoocState extends ItemList {
  /** Event time of the last publication; 0 before the first. */
  readonly publishedAt: number
  readonly isDirty: boolean
}

export function cooc(options: CoocOptions): {
  onRecord(pairs: PairsRecord, context: TaskContext<CoocState, Neighbors>): void
  onTimer(timer: DueTimer, context: TaskContext<CoocState, Neighbors>): void
} {
  return {
    onRecord(pairs, context) {
      if (isMark(context.key)) return context.timers.set(pairs.at)
      const state = context.state.get()
      const publishedAt = state?.publishedAt ?? 0
      if (state?.isDirty !== true) context.timers.set(publishDue(pairs.at, publishedAt))
      context.state.set({ ...addPairs(state, pairs, options), publishedAt, isDirty: true })
    },
    onTimer(timer, context) {
      if (isMark(context.key)) return context.emit({ at: timer.time, epoch: 0, mass: 0, items: [], weights: [] }, timer.time)
      const state = context.state.get()
      if (state === undefined) return
      const { epoch, mass, items, weights } = state
      context.state.set({ epoch, mass, items, weights, publishedAt: timer.time, isDirty: false })
      context.emit({ at: timer.time, epoch, mass, items, weights }, timer.time)
    },
  }
}
