/** Task `cooc`: pairs, keyed by item, become the item's list of neighbours (model/cooc.ts), published some time after a change. */
import { addPairs, type CoocOptions, type ItemList } from '../model/cooc.ts'
import type { Neighbors, PairsRecord } from '../topics.ts'
import { isMark, type DueTimer, type TaskContext } from './context.ts'

export interface CoocState extends ItemList {
  /** Changed since the last publication. */
  readonly isDirty: boolean
}

export function cooc(options: CoocOptions & { readonly publishMs: number }): {
  onRecord(pairs: PairsRecord, context: TaskContext<CoocState, Neighbors>): void
  onTimer(timer: DueTimer, context: TaskContext<CoocState, Neighbors>): void
} {
  return {
    onRecord(pairs, context) {
      if (isMark(context.key)) return context.timers.set(pairs.at)
      const state = context.state.get()
      if (state?.isDirty !== true) context.timers.set(pairs.at + options.publishMs)
      context.state.set({ ...addPairs(state, pairs, options), isDirty: true })
    },
    onTimer(timer, context) {
      if (isMark(context.key)) return context.emit({ at: timer.time, epoch: 0, mass: 0, items: [], weights: [] }, timer.time)
      const state = context.state.get()
      if (state === undefined) return
      const { epoch, mass, items, weights } = state
      context.state.set({ epoch, mass, items, weights, isDirty: false })
      context.emit({ at: timer.time, epoch, mass, items, weights }, timer.time)
    },
  }
}
