/**
 * Learns leader epochs for the changelog positions of running shards, so that a restore can see that a log was truncated (KIP-320, R2 of `restore.ts`).
 *
 * N1. An epoch comes from the log's leader and from nowhere else: a produce's answer has none, and cached metadata may be older than what was written,
 *     which would look like truncation. A leader of epoch E whose log reaches a position has what was acknowledged below it; after a truncation
 *     of that, the next epoch begins below the position.
 * N2. Where the leader has changed since the last look, the end of the epoch that was known must reach what it was known for. What was written since is
 *     vouched for by the offsets of the acknowledgements (`ShardSeats.committed`): they never go back.
 * N3. No commit waits for a look. What was committed after the last one is not vouched for: a truncation there is found only where it reaches below.
 */
import { messageOf } from '../base/errors.ts'
import type { Timer } from '../env/env.ts'
import type { Seat } from './shard-seats.ts'
import type { OpenedState } from './shard-opener.ts'
import type { ChangelogPosition } from './state/store.ts'
import type { TaskContext } from './task-context.ts'

const LOOK_AFTER_MS = 2_000

/** What the leader of a changelog said. */
export interface LeaderSaid {
  readonly end: number
  readonly leaderEpoch: number
  /** Where the epoch of the position ended; `undefined`: that epoch is the leader's own, or there is none. */
  readonly epochEnd: number | undefined
}

/** `position` after its leader was asked while it stood at `offset`. */
export function vouchedFor(position: ChangelogPosition, offset: number, said: LeaderSaid): ChangelogPosition {
  if (position.truncated === true || said.leaderEpoch < 0 || said.leaderEpoch < position.leaderEpoch || said.end < offset) return position
  if (said.epochEnd !== undefined && said.epochEnd < (position.epochOffset ?? position.offsetNext)) return { ...position, truncated: true }
  return { ...position, leaderEpoch: said.leaderEpoch, epochOffset: offset }
}

/** One changelog that is asked about. */
interface Asked {
  readonly seat: Seat
  readonly opened: OpenedState
  readonly store: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
}

export class ChangelogEpochs {
  readonly #context: TaskContext
  readonly #seats: ReadonlyMap<string, Seat>
  #timer: Timer | undefined
  #phase: 'resting' | 'waiting' | 'looking' | 'looking, then again' | 'closed' = 'resting'

  constructor(context: TaskContext, seats: ReadonlyMap<string, Seat>) {
    this.#context = context
    this.#seats = seats
  }

  /** There was a commit: looks within a while. */
  soon(): void {
    if (this.#phase === 'looking') this.#phase = 'looking, then again'
    if (this.#phase !== 'resting') return
    this.#phase = 'waiting'
    this.#timer = this.#context.env.clock.setTimer(() => {
      this.#phase = 'looking'
      void this.#look()
        .catch((error: unknown) => this.#context.logger.debug('leader epochs of changelogs cannot be read', { problem: messageOf(error) }))
        .finally(() => this.#looked())
    }, LOOK_AFTER_MS, { background: true })
  }

  close(): void {
    this.#phase = 'closed'
    this.#timer?.cancel()
  }

  #looked(): void {
    if (this.#phase === 'closed') return
    const again = this.#phase === 'looking, then again'
    this.#phase = 'resting'
    if (again) this.soon()
  }

  async #look(): Promise<void> {
    const asked = this.#toAsk()
    if (asked.length === 0) return
    const { admin } = this.#context
    const ends = await admin.listOffsets(asked, 'latest', { isolation: 'read_uncommitted' })
    const endOf = (one: Asked): (typeof ends)[number] | undefined => ends.find(end => end.topic === one.topic && end.partition === one.partition)
    const changed = asked.filter(one => one.leaderEpoch >= 0 && (endOf(one)?.leaderEpoch ?? -1) > one.leaderEpoch)
    const epochEnds = changed.length === 0 ? [] : await admin.epochEnds(changed)
    for (const one of asked) {
      const end = endOf(one)
      const epochEnd = epochEnds.find(each => each.topic === one.topic && each.partition === one.partition)?.endOffset
      if (end === undefined || (epochEnd === undefined && changed.includes(one))) continue
      this.#learn(one, { end: end.offset, leaderEpoch: end.leaderEpoch, epochEnd })
    }
  }

  #toAsk(): Asked[] {
    const asked: Asked[] = []
    for (const seat of this.#seats.values()) {
      const { opened } = seat
      if (opened === undefined || seat.phase !== 'running') continue
      for (const [store, position] of opened.changelogs) {
        const topic = this.#context.plan.stores.find(candidate => candidate.name === store)?.changelog.name
        if (topic === undefined || position.truncated === true || (position.leaderEpoch >= 0 && position.epochOffset === position.offsetNext)) continue
        asked.push({ seat, opened, store, topic, partition: seat.id.partition, offset: position.offsetNext, leaderEpoch: position.leaderEpoch })
      }
    }
    return asked
  }

  #learn({ seat, opened, store, topic, partition, offset }: Asked, said: LeaderSaid): void {
    // The shard may have left, or begun anew, while the leader was asked.
    const position = opened.changelogs.get(store)
    if (this.#seats.get(seat.key) !== seat || seat.opened !== opened || seat.phase === 'lost' || position === undefined) return
    const next = vouchedFor(position, offset, said)
    if (next === position) return
    if (next.truncated === true) this.#context.logger.error('a changelog was truncated: the store is rebuilt from what is left at its next start', { topic, partition, epoch: position.leaderEpoch, endedAt: said.epochEnd ?? -1 })
    opened.changelogs.set(store, next)
    opened.state.amend(Object.fromEntries(opened.changelogs))
  }
}
