/**
 * The broker's own assignors for consumer groups (KIP-848): who shall read which partition.
 *
 * A1. Each partition of a topic that somebody subscribes to goes to exactly one member, and that member subscribes to the topic.
 * A2. `uniform` is balanced: no member could give a partition to another one and both be closer together. It moves as little as
 *     it can from what members have.
 * A3. `range` gives each member of a topic one run of neighbouring partitions, in the order of instance ids, then member ids: topics with the
 *     same members and the same number of partitions are cut alike, so that they can be joined.
 * A4. The same input gives the same result.
 */
export const ASSIGNOR_NAMES = ['uniform', 'range'] as const
export type AssignorName = (typeof ASSIGNOR_NAMES)[number]
export const ASSIGNOR_DEFAULT: AssignorName = 'uniform'

/** Topic id → partitions, in ascending order. Never changed once made. */
export type Assignment = ReadonlyMap<string, readonly number[]>
export const NOTHING_ASSIGNED: Assignment = new Map()

export interface AssignedMember {
  readonly memberId: string
  readonly instanceId: string | null
  /** Ids of existing topics. */
  readonly topicIds: readonly string[]
  /** What was meant for it before. */
  readonly target: Assignment
}

export function isAssignorName(name: string): name is AssignorName {
  return (ASSIGNOR_NAMES as readonly string[]).includes(name)
}

/** `partitionCounts`: by topic id, of every topic that a member subscribes to. The result has every member. */
export function assign(assignor: AssignorName, members: readonly AssignedMember[], partitionCounts: ReadonlyMap<string, number>): Map<string, Assignment> {
  const ordered = [...members].sort((a, b) => compare(a.instanceId ?? a.memberId, b.instanceId ?? b.memberId) || compare(a.memberId, b.memberId))
  return assignor === 'range' ? range(ordered, partitionCounts) : uniform(ordered, partitionCounts)
}

function range(members: readonly AssignedMember[], partitionCounts: ReadonlyMap<string, number>): Map<string, Assignment> {
  const result = new Map(members.map(member => [member.memberId, new Map<string, number[]>()]))
  for (const [topicId, count] of partitionCounts) {
    const readers = members.filter(member => member.topicIds.includes(topicId))
    let next = 0
    for (const [index, reader] of readers.entries()) {
      const size = Math.floor(count / readers.length) + (index < count % readers.length ? 1 : 0)
      if (size > 0) result.get(reader.memberId)?.set(topicId, Array.from({ length: size }, (_, offset) => next + offset))
      next += size
    }
  }
  return result
}

/** A member while `uniform` works: partitions as numbers, an index over all partitions of all topics. */
interface Share {
  readonly memberId: string
  readonly topics: ReadonlySet<number>
  readonly held: Set<number>
}

function uniform(members: readonly AssignedMember[], partitionCounts: ReadonlyMap<string, number>): Map<string, Assignment> {
  const topicIds = [...partitionCounts.keys()].sort(compare)
  const topicIndex = new Map(topicIds.map((topicId, index) => [topicId, index]))
  const starts: number[] = []
  const topicOf: number[] = []
  for (const [index, topicId] of topicIds.entries()) {
    starts.push(topicOf.length)
    for (let partition = 0; partition < (partitionCounts.get(topicId) ?? 0); partition++) topicOf.push(index)
  }
  const owner = new Array<Share | undefined>(topicOf.length).fill(undefined)
  const shares = members.map(member => takenBefore(member, topicIndex, topicIds, partitionCounts, starts, owner))
  const isAlike = shares.every(share => share.topics.size === topicIds.length)
  if (isAlike) shareEqually(shares, owner)
  else shareBySubscription(shares, owner, topicOf)
  return new Map(shares.map(share => {
    const partitions = new Map<string, number[]>()
    for (const index of [...share.held].sort((a, b) => a - b)) {
      const topic = topicOf[index] ?? 0
      const topicId = topicIds[topic] ?? ''
      const list = partitions.get(topicId)
      const partition = index - (starts[topic] ?? 0)
      if (list === undefined) partitions.set(topicId, [partition])
      else list.push(partition)
    }
    return [share.memberId, partitions]
  }))
}

/** The member's share, with what it had and may keep. */
function takenBefore(member: AssignedMember, topicIndex: ReadonlyMap<string, number>, topicIds: readonly string[], partitionCounts: ReadonlyMap<string, number>, starts: readonly number[], owner: (Share | undefined)[]): Share {
  const topics = new Set(member.topicIds.flatMap(topicId => topicIndex.get(topicId) ?? []))
  const share: Share = { memberId: member.memberId, topics, held: new Set() }
  for (const topic of topics) {
    const topicId = topicIds[topic] ?? ''
    const count = partitionCounts.get(topicId) ?? 0
    for (const partition of member.target.get(topicId) ?? []) {
      const index = (starts[topic] ?? 0) + partition
      if (partition < count && owner[index] === undefined) give(share, index, owner)
    }
  }
  return share
}

function give(share: Share, index: number, owner: (Share | undefined)[]): void {
  owner[index]?.held.delete(index)
  owner[index] = share
  share.held.add(index)
}

/** All subscribe to the same: everybody gets the floor of the mean, and those who have most already get the remainder. */
function shareEqually(shares: readonly Share[], owner: (Share | undefined)[]): void {
  if (shares.length === 0) return
  const floor = Math.floor(owner.length / shares.length)
  let larger = owner.length % shares.length
  for (const share of [...shares].sort((a, b) => b.held.size - a.held.size)) {
    const quota = share.held.size > floor && larger > 0 ? floor + 1 : floor
    if (quota > floor) larger -= 1
    for (const index of [...share.held].sort((a, b) => b - a).slice(0, Math.max(0, share.held.size - quota))) {
      share.held.delete(index)
      owner[index] = undefined
    }
  }
  const free = [...owner.keys()].filter(index => owner[index] === undefined)
  let at = 0
  for (const share of shares) while (share.held.size < floor && at < free.length) give(share, free[at++] ?? 0, owner)
  for (const share of shares) {
    if (at >= free.length) return
    if (share.held.size === floor) give(share, free[at++] ?? 0, owner)
  }
}

/**
 * Subscriptions differ: partitions that few may read are given first, each to its least loaded reader; then partitions move, from
 * the more to the less loaded, until A2 holds.
 */
function shareBySubscription(shares: readonly Share[], owner: (Share | undefined)[], topicOf: readonly number[]): void {
  const readers = new Map<number, Share[]>()
  for (const share of shares) {
    for (const topic of share.topics) {
      const list = readers.get(topic)
      if (list === undefined) readers.set(topic, [share])
      else list.push(share)
    }
  }
  const readersOf = (index: number): readonly Share[] => readers.get(topicOf[index] ?? -1) ?? []
  const free = [...owner.keys()].filter(index => owner[index] === undefined && readersOf(index).length > 0)
  free.sort((a, b) => readersOf(a).length - readersOf(b).length || a - b)
  for (const index of free) {
    const least = leastLoaded(readersOf(index))
    if (least !== undefined) give(least, index, owner)
  }
  // Each move makes the sum of the squares of loads smaller, so this ends.
  for (let moved = true; moved;) {
    moved = false
    for (const share of [...shares].sort((a, b) => b.held.size - a.held.size)) {
      for (const index of [...share.held]) {
        const least = leastLoaded(readersOf(index))
        if (least === undefined || share.held.size - least.held.size < 2) continue
        give(least, index, owner)
        moved = true
      }
    }
  }
}

function leastLoaded(shares: readonly Share[]): Share | undefined {
  let least: Share | undefined
  for (const share of shares) if (least === undefined || share.held.size < least.held.size) least = share
  return least
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
