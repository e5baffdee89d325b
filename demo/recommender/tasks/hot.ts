/**
 * Tasks `hot` and its merge: mass, keyed by item, becomes decayed heat; reports of heat, keyed by category (and `all`), become lists of the hundred hottest.
 * Both publish some time after a change. The list of `all` also carries the total mass of all events, which scoring needs.
 */
import { moveEpoch } from '../model/decay.ts'
import { mergeTop, warm, type Heat, type HotEntry } from '../model/hot.ts'
import type { HotPartial, HotTop, Mass } from '../topics.ts'
import { isMark, PUBLISH_MS, type DueTimer, type TaskContext } from './context.ts'

export const ALL = 'all'

export interface HotState extends Heat {
  readonly category: string
  /** Mass since the last report, to be added to the total. */
  readonly totalEpoch: number
  readonly added: number
  readonly isDirty: boolean
}

/** A report, with the list it is for. */
export interface HotReport {
  readonly list: string
  readonly partial: HotPartial
}

export function hot(options: { readonly publishMs: number }) {
  return { onRecord, onTimer: reportHeat }

  function onRecord(mass: Mass, context: TaskContext<HotState, HotReport>): void {
    if (isMark(context.key)) return context.timers.set(mass.at)
    const state = context.state.get()
    if (state?.isDirty !== true) context.timers.set(mass.at + options.publishMs)
    const totalEpoch = Math.max(mass.epoch, state?.totalEpoch ?? 0)
    const added = (state === undefined ? 0 : moveEpoch(state.added, state.totalEpoch, totalEpoch)) + moveEpoch(mass.weight, mass.epoch, totalEpoch)
    const category = mass.category === '' ? state?.category ?? '' : mass.category
    context.state.set({ ...warm(state, mass.units, mass.at), category, totalEpoch, added, isDirty: true })
  }
}

function reportHeat(timer: DueTimer, context: TaskContext<HotState, HotReport>): void {
  if (isMark(context.key)) {
    return context.emit({ list: context.key, partial: { item: '', at: timer.time, epoch: 0, sum: 0, totalEpoch: 0, added: 0 } }, timer.time)
  }
  const state = context.state.get()
  if (state === undefined) return
  context.state.set({ ...state, added: 0, isDirty: false })
  const partial = { item: context.key, at: timer.time, epoch: state.epoch, sum: state.sum, totalEpoch: state.totalEpoch, added: state.added }
  context.emit({ list: ALL, partial }, timer.time)
  if (state.category !== '') context.emit({ list: state.category, partial }, timer.time)
}

export interface MergeState {
  readonly top: readonly HotEntry[]
  readonly totalEpoch: number
  readonly total: number
  readonly isDirty: boolean
}

export const mergeHot = {
  onRecord(partial: HotPartial, context: TaskContext<MergeState, HotTop>): void {
    if (isMark(context.key)) return context.timers.set(partial.at)
    const state = context.state.get()
    if (state?.isDirty !== true) context.timers.set(partial.at + PUBLISH_MS)
    const totalEpoch = Math.max(partial.totalEpoch, state?.totalEpoch ?? 0)
    const total = (state === undefined ? 0 : moveEpoch(state.total, state.totalEpoch, totalEpoch)) + moveEpoch(partial.added, partial.totalEpoch, totalEpoch)
    const top = mergeTop(state?.top ?? [], { item: partial.item, epoch: partial.epoch, sum: partial.sum })
    context.state.set({ top, totalEpoch, total, isDirty: true })
  },

  onTimer(timer: DueTimer, context: TaskContext<MergeState, HotTop>): void {
    if (isMark(context.key)) return context.emit({ at: timer.time, epoch: 0, items: [], sums: [], totalEpoch: 0, total: 0 }, timer.time)
    const state = context.state.get()
    if (state === undefined) return
    context.state.set({ ...state, isDirty: false })
    context.emit({
      at: timer.time,
      epoch: state.top[0]?.epoch ?? 0,
      items: state.top.map(entry => entry.item),
      sums: state.top.map(entry => entry.sum),
      totalEpoch: state.totalEpoch,
      total: state.total,
    }, timer.time)
  },
}
