/**
 * Which member of a task's group runs which shards: Millrace's own assignor for Kafka's classic group protocol.
 *
 * A shard is a sub-topology × a partition number; it reads that partition of every topic of the sub-topology, so a shard
 * moves whole and co-partitioned topics stay together. The group's leader calls `assignShards`; the rest is the wire
 * form of what members tell it (`encodeUserData`).
 *
 * A1. Every shard is given to one member or, while its old owner still has to let go of it, to none.
 * A2. A shard is never given to a member while another one owns it (cooperative: the owner revokes and joins again, and
 *     the next round gives it away). Two members that claim the same shard: the one of the later generation owns it.
 * A3. Where no load was measured, shares differ by at most one shard per unit of weight, as do the shards of one sub-topology where that costs no
 *     move. Where loads were measured, shares follow those (load-balance.ts).
 * A4. Sticky: an owner keeps its shards as far as A3 allows; a free shard goes to who holds most of its state.
 * A5. The result depends on the arguments alone, not on their order.
 */
import { MillraceError } from '../base/errors.ts'
import { balanceByLoad, measuredWork, ratesOf } from './load-balance.ts'
import type { ShardRate } from './shard-loads.ts'

/** A sub-topology as the assignor sees it: partition numbers 0 … partitions − 1 of each topic (a topic may have fewer). */
export interface ShardGroup {
  readonly subTopology: number
  readonly topics: readonly { readonly topic: string; readonly partitions: number }[]
}

export interface ShardId {
  readonly subTopology: number
  readonly partition: number
}

export const shardKey = (shard: ShardId): string => `${shard.subTopology}_${shard.partition}`

export function parseShardKey(key: string): ShardId {
  const at = key.indexOf('_')
  return { subTopology: Number(key.slice(0, at)), partition: Number(key.slice(at + 1)) }
}

/** What a member tells the leader with its subscription. */
export interface MemberUserData {
  /** The member's slot: `<directory id>-<number>`; for people and logs. */
  readonly slot: string
  /** Its share: the number of worker threads (at least 1). */
  readonly weight: number
  /** State held on its disk: shard key → records of changelog that its stores have seen (the sum of their positions). */
  readonly held: Readonly<Record<string, number>>
  /** What it has measured of the shards that it runs or has just given up, by shard key. */
  readonly rates?: Readonly<Record<string, ShardRate>> | undefined
}

export interface AssignorMember {
  readonly memberId: string
  readonly userData: MemberUserData
  readonly owned: readonly ShardId[]
  /** The generation in which it owned them; −1 where unknown. */
  readonly generation: number
}

const USER_DATA_VERSION = 1

/** Version (int16), then JSON. A reader of version n skips what it does not know; a change of meaning takes a new version. */
export function encodeUserData(data: MemberUserData): Buffer {
  const version = Buffer.alloc(2)
  version.writeInt16BE(USER_DATA_VERSION)
  return Buffer.concat([version, Buffer.from(JSON.stringify(data), 'utf8')])
}

export function decodeUserData(buffer: Buffer | null): MemberUserData {
  const none: MemberUserData = { slot: '?', weight: 1, held: {} }
  if (buffer === null || buffer.length < 2) return none
  if (buffer.readInt16BE(0) > USER_DATA_VERSION) return none // A newer member: assign by balance alone, never refuse.
  const parsed: unknown = JSON.parse(buffer.toString('utf8', 2))
  if (typeof parsed !== 'object' || parsed === null) throw new MillraceError('GROUP_ERROR', 'A group member sent user data that is not an object. Is another program in the group of this task?')
  const { slot, weight, held, rates } = parsed as Partial<MemberUserData> // Checked field by field below.
  return {
    slot: typeof slot === 'string' ? slot : '?',
    weight: typeof weight === 'number' && weight >= 1 ? weight : 1,
    held: typeof held === 'object' && held !== null ? held : {},
    ...typeof rates === 'object' && rates !== null ? { rates: ratesIn(rates) } : {},
  }
}

function ratesIn(rates: object): Record<string, ShardRate> {
  const isRate = (value: unknown): value is ShardRate => Array.isArray(value) && value.length === 2 && value.every(each => typeof each === 'number' && each >= 0 && Number.isFinite(each))
  return Object.fromEntries(Object.entries(rates).filter((entry): entry is [string, ShardRate] => isRate(entry[1])))
}

/** Every shard of the groups: a sub-topology has as many as its widest topic has partitions. */
export function allShards(groups: readonly ShardGroup[]): ShardId[] {
  const shards: ShardId[] = []
  for (const group of groups) {
    const count = Math.max(0, ...group.topics.map(topic => topic.partitions))
    for (let partition = 0; partition < count; partition++) shards.push({ subTopology: group.subTopology, partition })
  }
  return shards
}

/** The topic partitions that make up `shard`. */
export function partitionsOfShard(groups: readonly ShardGroup[], shard: ShardId): { topic: string; partition: number }[] {
  const group = groups.find(candidate => candidate.subTopology === shard.subTopology)
  if (group === undefined) return []
  return group.topics.filter(topic => shard.partition < topic.partitions).map(topic => ({ topic: topic.topic, partition: shard.partition }))
}

/** The shards that own all their partitions in `owned`: a shard of which a part is missing counts as not owned. */
export function shardsOfPartitions(groups: readonly ShardGroup[], owned: readonly { readonly topic: string; readonly partition: number }[]): ShardId[] {
  const have = new Set(owned.map(entry => `${entry.partition}/${entry.topic}`))
  return allShards(groups).filter(shard => {
    const parts = partitionsOfShard(groups, shard)
    return parts.length > 0 && parts.every(part => have.has(`${part.partition}/${part.topic}`))
  })
}

interface Seat {
  readonly member: AssignorMember
  readonly shards: ShardId[]
  readonly perSubTopology: Map<number, number>
}

/** The shards of each member for this round, by member id (A1 to A5). `remembered`: rates of shards that nobody may tell of any more. */
export function assignShards(groups: readonly ShardGroup[], members: readonly AssignorMember[], remembered?: ReadonlyMap<string, ShardRate>): Map<string, ShardId[]> {
  const shards = allShards(groups)
  const owners = ownersOf(shards, members)
  const measured = measuredWork(shards, ratesOf(sortedMembers(members), remembered))
  const target = measured === undefined ? balance(shards, members, owners) : balanceByLoad(shards, sortedMembers(members), owners, measured.work)
  const result = new Map(members.map(member => [member.memberId, [] as ShardId[]]))
  for (const shard of shards) {
    const key = shardKey(shard)
    const wanted = target.get(key)
    const owner = owners.get(key)
    // A2: withheld while somebody else owns it.
    if (wanted !== undefined && (owner === undefined || owner === wanted)) result.get(wanted)?.push(shard)
  }
  return result
}

/** Shard key → the member that owns it now. */
function ownersOf(shards: readonly ShardId[], members: readonly AssignorMember[]): Map<string, string> {
  const known = new Set(shards.map(shardKey))
  const owners = new Map<string, { memberId: string; generation: number }>()
  for (const member of sortedMembers(members)) {
    for (const shard of member.owned) {
      const key = shardKey(shard)
      const before = owners.get(key)
      if (known.has(key) && (before === undefined || member.generation > before.generation)) owners.set(key, { memberId: member.memberId, generation: member.generation })
    }
  }
  return new Map([...owners].map(([key, owner]) => [key, owner.memberId]))
}

/** Shard key → the member that should run it once everybody has let go. */
function balance(shards: readonly ShardId[], members: readonly AssignorMember[], owners: ReadonlyMap<string, string>): Map<string, string> {
  const seats = sortedMembers(members).map((member): Seat => ({ member, shards: [], perSubTopology: new Map() }))
  const quotas = quotasOf(seats, shards.length)
  const free: ShardId[] = []
  for (const shard of interleaved(shards)) {
    const owner = seats.find(seat => seat.member.memberId === owners.get(shardKey(shard)))
    if (owner !== undefined && owner.shards.length < quotas.least(owner)) seatShard(owner, shard)
    else free.push(shard)
  }
  // Owners above their least share keep one more each, as long as there are ones to give (A4 before A3's finer half).
  const rest = free.filter(shard => {
    const owner = seats.find(seat => seat.member.memberId === owners.get(shardKey(shard)))
    if (owner === undefined || !quotas.takeExtra(owner)) return true
    seatShard(owner, shard)
    return false
  })
  const unheld = rest.filter(shard => {
    const holder = bestHolder(seats, shard, quotas)
    if (holder === undefined) return true
    seatShard(holder, shard)
    return false
  })
  for (const shard of unheld) {
    const seat = leastLoaded(seats, shard, quotas)
    if (seat !== undefined) seatShard(seat, shard)
  }
  return new Map(seats.flatMap(seat => seat.shards.map(shard => [shardKey(shard), seat.member.memberId] as const)))
}

interface Quotas {
  least(seat: Seat): number
  /** Whether the seat may go one beyond its least share; takes that one if so. */
  takeExtra(seat: Seat): boolean
  hasRoom(seat: Seat): boolean
}

function quotasOf(seats: readonly Seat[], count: number): Quotas {
  const weights = seats.reduce((sum, seat) => sum + seat.member.userData.weight, 0)
  const least = (seat: Seat): number => Math.floor(count * seat.member.userData.weight / Math.max(1, weights))
  let extras = count - seats.reduce((sum, seat) => sum + least(seat), 0)
  const taken = new Set<Seat>()
  return {
    least,
    takeExtra(seat) {
      if (seat.shards.length < least(seat)) return true
      if (seat.shards.length > least(seat) || taken.has(seat) || extras <= 0) return false
      extras--
      taken.add(seat)
      return true
    },
    hasRoom: seat => seat.shards.length < least(seat) || (seat.shards.length === least(seat) && !taken.has(seat) && extras > 0),
  }
}

function bestHolder(seats: readonly Seat[], shard: ShardId, quotas: Quotas): Seat | undefined {
  let best: Seat | undefined
  let position = 0
  for (const seat of seats) {
    const held = seat.member.userData.held[shardKey(shard)] ?? 0
    if (held > position && quotas.hasRoom(seat)) {
      best = seat
      position = held
    }
  }
  return best !== undefined && quotas.takeExtra(best) ? best : undefined
}

/** The seat with the fewest shards of the shard's sub-topology, then the fewest for its weight. */
function leastLoaded(seats: readonly Seat[], shard: ShardId, quotas: Quotas): Seat | undefined {
  let best: Seat | undefined
  for (const seat of seats) {
    if (!quotas.hasRoom(seat)) continue
    if (best === undefined || compareLoad(seat, best, shard.subTopology) < 0) best = seat
  }
  if (best !== undefined) quotas.takeExtra(best)
  return best
}

function compareLoad(a: Seat, b: Seat, subTopology: number): number {
  const own = (seat: Seat): number => (seat.perSubTopology.get(subTopology) ?? 0) / seat.member.userData.weight
  const all = (seat: Seat): number => seat.shards.length / seat.member.userData.weight
  return own(a) - own(b) || all(a) - all(b)
}

function seatShard(seat: Seat, shard: ShardId): void {
  seat.shards.push(shard)
  seat.perSubTopology.set(shard.subTopology, (seat.perSubTopology.get(shard.subTopology) ?? 0) + 1)
}

/** By partition first, so that what an owner keeps is spread over its sub-topologies. */
function interleaved(shards: readonly ShardId[]): ShardId[] {
  return [...shards].sort((a, b) => a.partition - b.partition || a.subTopology - b.subTopology)
}

function sortedMembers(members: readonly AssignorMember[]): AssignorMember[] {
  return [...members].sort((a, b) => a.memberId < b.memberId ? -1 : a.memberId > b.memberId ? 1 : 0)
}
