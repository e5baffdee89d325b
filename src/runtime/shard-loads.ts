/**
 * How much work each shard of a task is, as a process measures it: records a second and the time they take, smoothed over the last minutes.
 *
 * L1. A rate is what a shard is asked to do: what it takes, and what its lag grows by. So a shard that cannot keep up shows its whole load, and one
 *     that works off a backlog shows what it takes.
 * L2. A rate is known after `WARM_MS` of measuring, or at once where the owner before has told it (`seed`).
 * L3. A total that went back (a shard was rewound, or came back) begins a new stretch: it counts as nothing, never as negative work.
 */
import type { ShardLoad } from './snapshot.ts'

/** Records a second; milliseconds a second that processing them takes. */
export type ShardRate = readonly [recordsPerSecond: number, busyMsPerSecond: number]

/** What was measured longer ago than this has lost two thirds of its say. */
const SMOOTHING_MS = 60_000
export const WARM_MS = 20_000

interface Measured {
  atMs: number
  load: ShardLoad
  records: number
  busyMs: number
  /** Of measuring, at most `SMOOTHING_MS`; what was seeded counts as measured for that long. */
  measuredMs: number
}

export class ShardLoads {
  readonly #shards = new Map<string, Measured>()
  readonly #seeds = new Map<string, ShardRate>()

  /** `atMs` never goes back. Shards that are not in `loads` are forgotten. */
  take(atMs: number, loads: readonly ShardLoad[]): void {
    for (const key of this.#shards.keys()) if (!loads.some(load => load.shard === key)) this.#shards.delete(key)
    for (const load of loads) {
      const before = this.#shards.get(load.shard)
      if (before === undefined) this.#shards.set(load.shard, this.#first(atMs, load))
      else if (atMs > before.atMs) move(before, atMs, load)
    }
  }

  /** What the owner before had measured of a shard that is to come here. */
  seed(shard: string, rate: ShardRate): void {
    if (!this.#shards.has(shard)) this.#seeds.set(shard, rate)
  }

  /** L2. */
  rates(): Record<string, ShardRate> {
    return Object.fromEntries([...this.#shards].filter(([, each]) => each.measuredMs >= WARM_MS).map(([key, { records, busyMs }]) => [key, [round(records), round(busyMs)] as const]))
  }

  #first(atMs: number, load: ShardLoad): Measured {
    const seed = this.#seeds.get(load.shard)
    this.#seeds.delete(load.shard)
    return { atMs, load, records: seed?.[0] ?? 0, busyMs: seed?.[1] ?? 0, measuredMs: seed === undefined ? 0 : SMOOTHING_MS }
  }
}

function move(measured: Measured, atMs: number, load: ShardLoad): void {
  const passedMs = atMs - measured.atMs
  const taken = load.in - measured.load.in
  const grown = (load.end - load.position) - (measured.load.end - measured.load.position)
  const isWhole = taken >= 0 && load.busyMs >= measured.load.busyMs && load.position >= measured.load.position
  const busyMs = load.busyMs - measured.load.busyMs
  measured.atMs = atMs
  measured.load = load
  if (!isWhole) return
  const seconds = passedMs / 1_000
  const keeps = Math.exp(-passedMs / SMOOTHING_MS)
  // The mean of what there is, until there is a minute of it.
  const share = Math.max(1 - keeps, passedMs / (measured.measuredMs + passedMs))
  measured.measuredMs = Math.min(SMOOTHING_MS, measured.measuredMs + passedMs)
  measured.records += share * (Math.max(taken, taken + grown) / seconds - measured.records)
  measured.busyMs += share * (busyMs / seconds - measured.busyMs)
}

/** Three digits: more would only make one subscription differ from the next. */
function round(value: number): number {
  return Number(value.toPrecision(3))
}
