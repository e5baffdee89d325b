/**
 * Task `hot`, in three steps, each keyed by what it keeps:
 *
 *   item.mass (item) ─▶ heat of each item ─▶ (partition) hundred hottest of the partition ─▶ hot.partial (list) ─▶ hundred hottest of all ─▶ hot.top (list)
 *
 * Lists are one for each category and `all`. So however many items are touched, the one partition of `hot.partial` takes at most a list for each partition
 * and category in the time of a publication. The list of `all` also carries the total mass of all events, which scoring needs.
 *
 * H3. An item's mass is always in one partition: what two partitions report has no item in common.
 */
import { moveEpoch } from '../model/decay.ts'
import { mergeTop, mergeTops, warm, type Heat, type HotEntry } from '../model/hot.ts'
import type { HotPartial, HotTop, Mass } from '../topics.ts'
import { isMark, PUBLISH_MS, type DueTimer, type TaskContext } from './context.ts'

export const ALL = 'all'

export interface HeatState extends Heat {
  readonly category: string
}

/** An item's heat after an event, for the list of its partition. */
export interface HeatReport extends HotEntry {
  /** Of `item.mass`. */
  readonly partition: number
  readonly category: string
  readonly at: number
  /** What the event adds to the total. */
  readonly totalEpoch: number
  readonly added: number
}

export const heat = {
  onRecord(mass: Mass, context: TaskContext<HeatState, HeatReport>): void {
    const { key: item, partition } = context
    if (isMark(item)) return context.emit({ item, partition, category: '', at: mass.at, epoch: 0, sum: 0, totalEpoch: 0, added: 0 })
    const state = context.state.get()
    const { epoch, sum } = warm(state, mass.units, mass.at)
    const category = mass.category === '' ? state?.category ?? '' : mass.category
    context.state.set({ epoch, sum, category })
    context.emit({ item, partition, category, at: mass.at, epoch, sum, totalEpoch: mass.epoch, added: mass.weight })
  },
}

export interface PartitionState {
  readonly lists: readonly { readonly name: string; readonly top: readonly HotEntry[]; readonly isDirty: boolean }[]
  /** Mass since the last publication. */
  readonly totalEpoch: number
  readonly added: number
}

export interface PartitionTop {
  readonly list: string
  readonly partial: HotPartial
}

const NO_PARTITION: PartitionState = { lists: [], totalEpoch: 0, added: 0 }

/** Keyed by the number of a partition of `item.mass`. */
export function partitionTops(options: { readonly publishMs: number }) {
  return {
    onRecord(report: HeatReport, context: TaskContext<PartitionState, PartitionTop>): void {
      // A mark comes out of a timer of its own name, so behind what its time makes due.
      if (isMark(report.item)) return context.timers.set(report.at, report.item)
      const state = context.state.get() ?? NO_PARTITION
      if (!state.lists.some(list => list.isDirty)) context.timers.set(report.at + options.publishMs)
      const { item, epoch, sum } = report
      const names = report.category === '' ? [ALL] : [ALL, report.category]
      const missing = names.filter(name => !state.lists.some(list => list.name === name)).map(name => ({ name, top: [], isDirty: true }))
      // All is told of every event, since it carries the total; a category of what changes its list.
      const lists = [...state.lists, ...missing].map(list => {
        if (!names.includes(list.name)) return list
        const top = mergeTop(list.top, { item, epoch, sum })
        return { name: list.name, top, isDirty: list.isDirty || list.name === ALL || top !== list.top }
      })
      const totalEpoch = Math.max(state.totalEpoch, report.totalEpoch)
      context.state.set({ lists, totalEpoch, added: moveEpoch(state.added, state.totalEpoch, totalEpoch) + moveEpoch(report.added, report.totalEpoch, totalEpoch) })
    },

    onTimer(timer: DueTimer, context: TaskContext<PartitionState, PartitionTop>): void {
      const partition = Number(context.key)
      if (isMark(timer.name)) {
        return context.emit({ list: timer.name, partial: { partition, at: timer.time, epoch: 0, items: [], sums: [], totalEpoch: 0, added: 0 } }, timer.time)
      }
      const state = context.state.get()
      if (state === undefined) return
      const { totalEpoch, added } = state
      context.state.set({ lists: state.lists.map(list => list.isDirty ? { ...list, isDirty: false } : list), totalEpoch, added: 0 })
      for (const { name, top, isDirty } of state.lists) {
        if (isDirty) context.emit({ list: name, partial: { partition, at: timer.time, ...columnsOf(top), totalEpoch, added: name === ALL ? added : 0 } }, timer.time)
      }
    },
  }
}

export interface MergeState {
  /** The last list of each partition. */
  readonly parts: readonly { readonly partition: number; readonly epoch: number; readonly items: readonly string[]; readonly sums: readonly number[] }[]
  readonly totalEpoch: number
  readonly total: number
  readonly isDirty: boolean
}

/** Keyed by the name of a list. */
export const mergeHot = {
  onRecord(partial: HotPartial, context: TaskContext<MergeState, HotTop>): void {
    if (isMark(context.key)) return context.timers.set(partial.at)
    const state = context.state.get()
    if (state?.isDirty !== true) context.timers.set(partial.at + PUBLISH_MS)
    const totalEpoch = Math.max(partial.totalEpoch, state?.totalEpoch ?? 0)
    const total = (state === undefined ? 0 : moveEpoch(state.total, state.totalEpoch, totalEpoch)) + moveEpoch(partial.added, partial.totalEpoch, totalEpoch)
    const { partition, epoch, items, sums } = partial
    const parts = [...(state?.parts ?? []).filter(part => part.partition !== partition), { partition, epoch, items, sums }].sort((a, b) => a.partition - b.partition)
    context.state.set({ parts, totalEpoch, total, isDirty: true })
  },

  onTimer(timer: DueTimer, context: TaskContext<MergeState, HotTop>): void {
    if (isMark(context.key)) return context.emit({ at: timer.time, epoch: 0, items: [], sums: [], totalEpoch: 0, total: 0 }, timer.time)
    const state = context.state.get()
    if (state === undefined) return
    context.state.set({ ...state, isDirty: false })
    const top = mergeTops(state.parts.map(({ epoch, items, sums }) => items.map((item, place) => ({ item, epoch, sum: sums[place] ?? 0 }))))
    context.emit({ at: timer.time, ...columnsOf(top), totalEpoch: state.totalEpoch, total: state.total }, timer.time)
  },
}

/** All entries of a top are counted from one landmark. */
function columnsOf(top: readonly HotEntry[]): { readonly epoch: number; readonly items: string[]; readonly sums: number[] } {
  return { epoch: top[0]?.epoch ?? 0, items: top.map(entry => entry.item), sums: top.map(entry => entry.sum) }
}
