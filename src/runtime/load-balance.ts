/**
 * Shards weighed by measured work: who should run which, so that no member has much more to do than another.
 *
 * A shard's work is its records per second times what a record of its sub-topology costs, measured over all members (one member's clock is noisy where
 * processors are shared), and a base that every shard has, so that idle ones are shared out by number.
 *
 * W1. A shard that nobody has measured gets the mean of those that were.
 * W2. Sticky: owned shards stay, free ones go to who holds their state where that member has room, else the greatest first to who has least to do.
 * W3. Hysteresis: owned shards move only where that takes `WORTH` or more off the greatest share, or gives work to a member that has none.
 *     What a move by itself would not take `CRUMB` of a mean share off, stays.
 * W4. The result depends on the arguments alone: ties go by what is held, then by names.
 */
import type { AssignorMember, ShardId } from './assignor.ts'
import type { ShardRate } from './shard-loads.ts'

/** By shard key, in any one unit. */
export type Work = ReadonlyMap<string, number>

const WORTH = 0.1
const CRUMB = 0.02
/** Of the mean of the measured. */
const BASE_SHARE = 0.05
/** Swaps are looked for as long as there are not more pairs than this to look at. */
const PAIRS_MAX = 20_000
/** Milliseconds of work a second, records a second: a shard with less is as good as idle. */
const IDLE_BUSY_MS = 2
const IDLE_RECORDS = 1
/** A holder takes a free shard up to this times an even share. */
const ROOM = 1.1

const keyOf = (shard: ShardId): string => `${shard.subTopology}_${shard.partition}`

export interface Measurement {
  readonly work: Work
  readonly total: number
  readonly base: number
  /** What a record costs, by sub-topology; `undefined`: records are counted. */
  readonly costs: ReadonlyMap<number, number> | undefined
}

/** The work of every shard; `undefined` where nobody has measured anything. */
export function measuredWork(shards: readonly ShardId[], rates: ReadonlyMap<string, ShardRate>): Measurement | undefined {
  const known = shards.filter(shard => rates.has(keyOf(shard)))
  if (known.length === 0) return undefined
  const costs = recordCosts(known, rates)
  const own = new Map(known.map(shard => [keyOf(shard), (rates.get(keyOf(shard))?.[0] ?? 0) * (costs?.get(shard.subTopology) ?? 1)]))
  const mean = sumOf(own.values()) / known.length
  const base = Math.max(mean * BASE_SHARE, costs === undefined ? IDLE_RECORDS : IDLE_BUSY_MS)
  const work = new Map(shards.map(shard => [keyOf(shard), base + (own.get(keyOf(shard)) ?? mean)]))
  return { work, total: sumOf(work.values()), base, costs }
}

/** Of all members. Who runs a shard knows best; who has given it up tells of it for a while, so that it arrives with its rate; else it is what was `remembered`. */
export function ratesOf(members: readonly AssignorMember[], remembered: ReadonlyMap<string, ShardRate> = new Map()): Map<string, ShardRate> {
  const rates = new Map(remembered)
  const told = members.flatMap(({ userData, owned }) => Object.entries(userData.rates ?? {}).map(([key, rate]) => ({ key, rate, isOwner: owned.some(shard => keyOf(shard) === key) })))
  for (const { key, rate } of [...told.filter(each => !each.isOwner), ...told.filter(each => each.isOwner)]) rates.set(key, rate)
  return rates
}

/** The same of one shard, from what a leader has told. `costs` by sub-topology, empty where records are counted. */
export function workOfShard(key: string, [records]: ShardRate, base: number, costs: Readonly<Record<string, number>>): number {
  return base + records * (costs[key.slice(0, key.indexOf('_'))] ?? 1)
}

/** Milliseconds of a record by sub-topology; `undefined` where no time was measured (in simulation processing takes none): records are counted then. */
function recordCosts(known: readonly ShardId[], rates: ReadonlyMap<string, readonly [number, number]>): Map<number, number> | undefined {
  const sums = new Map<number, { records: number, busyMs: number }>()
  for (const shard of known) {
    const [records, busyMs] = rates.get(keyOf(shard)) ?? [0, 0]
    const before = sums.get(shard.subTopology) ?? { records: 0, busyMs: 0 }
    sums.set(shard.subTopology, { records: before.records + records, busyMs: before.busyMs + busyMs })
  }
  const all = [...sums.values()].reduce((total, each) => ({ records: total.records + each.records, busyMs: total.busyMs + each.busyMs }))
  if (all.busyMs === 0 || all.records === 0) return undefined
  return new Map([...sums].map(([sub, { records, busyMs }]) => [sub, records === 0 || busyMs === 0 ? all.busyMs / all.records : busyMs / records]))
}

interface Seat {
  readonly member: AssignorMember
  readonly weight: number
  readonly shards: Set<string>
  work: number
}

/** Shard key → the member that should run it once everybody has let go. `members` sorted by id. */
export function balanceByLoad(shards: readonly ShardId[], members: readonly AssignorMember[], owners: ReadonlyMap<string, string>, work: Work): Map<string, string> {
  let seats = members.map((member): Seat => ({ member, weight: member.userData.weight, shards: new Set(), work: 0 }))
  const even = sumOf(work.values()) / Math.max(1, seats.reduce((total, seat) => total + seat.weight, 0))
  const free: string[] = []
  for (const shard of shards) {
    const key = keyOf(shard)
    const owner = seats.find(seat => seat.member.memberId === owners.get(key))
    if (owner === undefined) free.push(key)
    else put(owner, key, work)
  }
  for (const key of [...free].sort((a, b) => workOf(work, b) - workOf(work, a) || (a < b ? -1 : 1))) {
    const seat = holderWithRoom(seats, key, work, even) ?? leastAfter(seats, workOf(work, key))
    if (seat !== undefined) put(seat, key, work)
  }
  // What is free moves nothing, wherever it goes.
  seats = improved(seats, work, 0, new Set(free))
  const better = improved(seats, work, even * CRUMB)
  const isWorth = greatest(better) <= greatest(seats) * (1 - WORTH) || (seats.some(seat => seat.shards.size === 0) && better.filter(seat => seat.shards.size === 0).length < seats.filter(seat => seat.shards.size === 0).length)
  return new Map((isWorth ? better : seats).flatMap(seat => [...seat.shards].map(key => [key, seat.member.memberId] as const)))
}

function holderWithRoom(seats: readonly Seat[], key: string, work: Work, even: number): Seat | undefined {
  let best: Seat | undefined
  let position = 0
  for (const seat of seats) {
    const held = seat.member.userData.held[key] ?? 0
    if (held > position && (seat.work + workOf(work, key)) / seat.weight <= even * ROOM) {
      best = seat
      position = held
    }
  }
  return best
}

function leastAfter(seats: readonly Seat[], more: number): Seat | undefined {
  return seats.reduce<Seat | undefined>((best, seat) => best === undefined || (seat.work + more) / seat.weight < (best.work + more) / best.weight ? seat : best, undefined)
}

/** Moves and swaps between the greatest share and the others (of `movable` ones, where that is given), the best first, while they gain more than `least`. */
function improved(seats: readonly Seat[], work: Work, least: number, movable?: ReadonlySet<string>): Seat[] {
  const copies = seats.map((seat): Seat => ({ ...seat, shards: new Set(seat.shards) }))
  for (let step = 0; step < work.size * 2; step++) {
    const top = copies.reduce<Seat | undefined>((most, seat) => most === undefined || share(seat) > share(most) ? seat : most, undefined)
    if (top === undefined) break
    const best = bestChange(top, copies, work, movable)
    if (best === undefined || best.gain <= least) break
    take(top, best.key, work)
    if (best.back !== undefined) {
      take(best.to, best.back, work)
      put(top, best.back, work)
    }
    put(best.to, best.key, work)
  }
  return copies
}

interface Change {
  readonly key: string
  readonly to: Seat
  /** Given in return, in a swap. */
  readonly back: string | undefined
  /** What it takes off the greater of both shares. */
  readonly gain: number
}

function bestChange(top: Seat, seats: readonly Seat[], work: Work, movable: ReadonlySet<string> | undefined): Change | undefined {
  const mayMove = (key: string): boolean => movable?.has(key) ?? true
  let best: Change | undefined
  let bestHeld = 0
  const isSmall = top.shards.size * work.size <= PAIRS_MAX
  for (const key of [...top.shards].filter(mayMove).sort()) {
    const moved = workOf(work, key)
    for (const to of seats) {
      if (to === top) continue
      for (const back of [undefined, ...isSmall ? [...to.shards].filter(mayMove).sort() : []]) {
        const less = moved - (back === undefined ? 0 : workOf(work, back))
        if (less <= 0) continue
        const after = Math.max((top.work - less) / top.weight, (to.work + less) / to.weight)
        const gain = share(top) - after
        const held = to.member.userData.held[key] ?? 0
        // A swap costs two moves: it has to be the better one by far.
        const counted = back === undefined ? gain : gain * 0.7
        const before = best === undefined ? 0 : best.back === undefined ? best.gain : best.gain * 0.7
        if (counted > before * 1.001 || (counted > before * 0.999 && best !== undefined && held > bestHeld)) {
          best = { key, to, back, gain }
          bestHeld = held
        }
      }
    }
  }
  return best
}

function put(seat: Seat, key: string, work: Work): void {
  seat.shards.add(key)
  seat.work += workOf(work, key)
}

function take(seat: Seat, key: string, work: Work): void {
  seat.shards.delete(key)
  seat.work -= workOf(work, key)
}

const share = (seat: Seat): number => seat.work / seat.weight

function greatest(seats: readonly Seat[]): number {
  return Math.max(0, ...seats.map(share))
}

function workOf(work: Work, key: string): number {
  return work.get(key) ?? 0
}

function sumOf(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
