/**
 * What the leader of a task's group tells each member with its shards, so that each can see by itself when the group is out of balance.
 *
 * GL1. Rates travel only at a join, so somebody has to ask for one. A member does where it has measured and told nothing yet (of what others have told
 *      alone the leader cannot see that they have too much), or where its share has come to be `OUT_OF_BALANCE` of the even one and is another than
 *      it told last; and at most once in `ASK_MS`.
 * GL2. What a reader does not understand counts as untold: then members ask once a minute at the most, and nothing else is wrong.
 */
import type { ShardId } from './assignor.ts'
import { type Measurement, workOfShard } from './load-balance.ts'
import type { ShardRate } from './shard-loads.ts'

export interface GroupLoad {
  readonly members: number
  /** Threads of all members. */
  readonly weights: number
  /** What was measured; `undefined` where nothing was. */
  readonly measured: { readonly even: number; readonly base: number; readonly costs: Readonly<Record<string, number>> } | undefined
  /** Of the shards that the member gets, as their owners have measured them. */
  readonly rates: Readonly<Record<string, ShardRate>>
}

const OUT_OF_BALANCE = 1.25
/** Of the even share: less is no news. */
const NEWS = 0.15
export const ASK_MS = 60_000

export function encodeGroupLoad(load: GroupLoad): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, ...load }))
}

export function decodeGroupLoad(bytes: Buffer | undefined): GroupLoad | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined
  try {
    const parsed: unknown = JSON.parse(bytes.toString())
    if (typeof parsed !== 'object' || parsed === null || !('version' in parsed) || parsed.version !== 1) return undefined
    return parsed as unknown as GroupLoad // Of our own leader, as `encodeGroupLoad` wrote it.
  } catch {
    return undefined
  }
}

/** The group as the leader sees it; the rates of all members, for those who get their shards. */
export function groupLoad(measured: Measurement | undefined, weights: readonly number[], shards: readonly ShardId[], rates: ReadonlyMap<string, ShardRate>): GroupLoad {
  const all = weights.reduce((total, weight) => total + weight, 0)
  return {
    members: weights.length, weights: all,
    measured: measured === undefined ? undefined : { even: measured.total / Math.max(1, all), base: measured.base, costs: Object.fromEntries(measured.costs ?? []) },
    rates: Object.fromEntries(shards.flatMap(({ subTopology, partition }) => {
      const key = `${subTopology}_${partition}`
      const rate = rates.get(key)
      return rate === undefined ? [] : [[key, rate] as const]
    })),
  }
}

/** GL1, but for the time. `told`: what this member has told last. */
export function shouldAsk(group: GroupLoad | undefined, weight: number, now: Readonly<Record<string, ShardRate>>, told: Readonly<Record<string, ShardRate>>): boolean {
  if (group === undefined || group.members < 2 || Object.keys(now).length === 0) return false
  const { measured } = group
  if (Object.keys(told).length === 0) return true
  if (measured === undefined) return false
  const share = (rates: Readonly<Record<string, ShardRate>>): number => Object.entries(rates).reduce((total, [key, rate]) => total + workOfShard(key, rate, measured.base, measured.costs), 0) / weight
  const mine = share(now)
  return mine > measured.even * OUT_OF_BALANCE && Math.abs(mine - share(told)) > measured.even * NEWS
}
