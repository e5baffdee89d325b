/**
 * Hot items: counts that halve every six hours, and the heaviest hundred of each category.
 *
 * H1. Counts are forward-decayed with a landmark of their own (multiples of 16 half-lives): between two events an order never changes,
 *     so a list of the heaviest needs an update only for the item that was touched.
 * H2. A top list is exact as long as every touched item is reported to it: weights only grow.
 */
import { compareText } from './cooc.ts'

const HALF_LIFE_MS = 6 * 3_600_000
const HALF_LIVES_PER_EPOCH = 16
const EPOCH_MS = HALF_LIVES_PER_EPOCH * HALF_LIFE_MS
const SCALE = 1024
export const TOP_MAX = 100

export interface Heat {
  readonly epoch: number
  readonly sum: number
}

export interface HotEntry extends Heat {
  readonly item: string
}

/** `heat` after `units` at event time `at`. */
export function warm(heat: Heat | undefined, units: number, at: number): Heat {
  const epoch = Math.max(heat?.epoch ?? 0, Math.floor(at / EPOCH_MS))
  const added = Math.round(units * SCALE * 2 ** ((at - epoch * EPOCH_MS) / HALF_LIFE_MS))
  return { epoch, sum: (heat === undefined ? 0 : heatIn(heat, epoch)) + added }
}

/** The sum as counted from landmark `epoch`. */
function heatIn(heat: Heat, epoch: number): number {
  return Math.round(heat.sum / 2 ** (HALF_LIVES_PER_EPOCH * (epoch - heat.epoch)))
}

/** What a heat is worth at event time `at`, in units. */
export function heatAt(heat: Heat, at: number): number {
  return heat.sum / (SCALE * 2 ** ((at - heat.epoch * EPOCH_MS) / HALF_LIFE_MS))
}

/** `top` after one of its items, or a new one, has been reported with `entry`'s heat (H2); the same array where that changes nothing. */
export function mergeTop(top: readonly HotEntry[], entry: HotEntry): readonly HotEntry[] {
  const epoch = Math.max(entry.epoch, top[0]?.epoch ?? 0)
  const moved = movedTo(entry, epoch)
  const last = top.length < TOP_MAX ? undefined : top.at(-1)
  // Weights only grow: one that stands in the list already is never lighter than its last.
  if (last !== undefined && last.epoch === epoch && compareHeat(moved, last) > 0) return top
  const others = top.filter(other => other.item !== entry.item).map(other => movedTo(other, epoch))
  const above = others.findIndex(other => compareHeat(moved, other) < 0)
  others.splice(above < 0 ? others.length : above, 0, moved)
  if (others.length > TOP_MAX) others.pop()
  return others
}

/** The heaviest of several tops that have no item in common. */
export function mergeTops(tops: readonly (readonly HotEntry[])[]): HotEntry[] {
  const all = tops.flat()
  const epoch = all.reduce((max, entry) => Math.max(max, entry.epoch), 0)
  return all.map(entry => movedTo(entry, epoch)).sort(compareHeat).slice(0, TOP_MAX)
}

function movedTo(entry: HotEntry, epoch: number): HotEntry {
  return entry.epoch === epoch ? entry : { item: entry.item, epoch, sum: heatIn(entry, epoch) }
}

/** Heaviest first, ties by item id. Both are counted from one landmark. */
function compareHeat(a: HotEntry, b: HotEntry): number {
  return b.sum - a.sum || compareText(a.item, b.item)
}
