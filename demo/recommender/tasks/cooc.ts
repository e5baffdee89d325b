/** Task `cooc`: pairs, keyed by item, become the item's list of neighbours (model/neighbor-list.ts), published some time after a change. */
import type { CoocOptions } from '../model/cooc.ts'
import { NeighborList } from '../model/neighbor-list.ts'
import type { Neighbors, PairsRecord } from '../topics.ts'
import { isMark, type DueTimer, type TaskContext } from './context.ts'

export function cooc(options: CoocOptions & { readonly publishMs: number }): {
  onRecord(pairs: PairsRecord, context: TaskContext<NeighborList, Neighbors>): void
  onTimer(timer: DueTimer, context: TaskContext<NeighborList, Neighbors>): void
} {
  return {
    onRecord(pairs, context) {
      if (isMark(context.key)) return context.timers.set(pairs.at)
      const list = context.state.get() ?? new NeighborList(pairs.epoch)
      if (!list.isDirty) context.timers.set(pairs.at + options.publishMs)
      list.add(pairs, options)
      list.isDirty = true
      context.state.set(list)
    },
    onTimer(timer, context) {
      if (isMark(context.key)) return context.emit({ at: timer.time, epoch: 0, mass: 0, items: [], weights: [] }, timer.time)
      const list = context.state.get()
      if (list === undefined) return
      list.isDirty = false
      context.state.set(list)
      context.emit({ at: timer.time, ...list.published() }, timer.time)
    },
  }
}
