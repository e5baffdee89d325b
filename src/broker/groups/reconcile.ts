/**
 * One member's way from what it has to what is meant for it (KIP-848): revoke first, then be assigned.
 *
 *   stable ──target has moved on──▶ unrevoked ──member has given up──▶ stable, or unreleased ──others have given up──▶ stable
 *
 * R1. A partition is given to a member only when no other one has it, not even among what that other one is still to give up.
 * R2. A member's epoch follows the target's only once it has given up all that is no longer meant for it.
 * R3. Pure: what the group keeps is changed by the caller.
 */
import type { Assignment } from './assignors.ts'

/** Kafka's words: STABLE, UNREVOKED_PARTITIONS, UNRELEASED_PARTITIONS. */
export type MemberState = 'stable' | 'unrevoked' | 'unreleased'

export interface CurrentAssignment {
  readonly memberEpoch: number
  /** The epoch before: a member whose answer was lost still sends it. */
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly assigned: Assignment
  /** Still in use by the member, until it says that it is not. */
  readonly pendingRevocation: Assignment
}

export interface ReconcileInput {
  readonly targetEpoch: number
  readonly target: Assignment
  /** What the member says it owns; `null`: as it said before, so it may still own all it was to give up. */
  readonly owned: Assignment | null
  /** No other member has the partition (R1). */
  readonly isFree: (topicId: string, partition: number) => boolean
}

/** The next assignment; the same object where nothing changes. */
export function reconcile(current: CurrentAssignment, input: ReconcileInput): CurrentAssignment {
  switch (current.state) {
    case 'stable':
      return current.memberEpoch === input.targetEpoch ? current : next(current, input)
    case 'unrevoked':
      return input.owned === null || overlaps(input.owned, current.pendingRevocation) ? current : next(current, input)
    case 'unreleased':
      return next(current, input)
  }
}

function next(current: CurrentAssignment, { targetEpoch, target, owned, isFree }: ReconcileInput): CurrentAssignment {
  const kept = intersection(current.assigned, target)
  const toRevoke = difference(current.assigned, target)
  if (size(toRevoke) > 0 && (owned === null || overlaps(owned, toRevoke))) {
    return { ...current, state: 'unrevoked', assigned: kept, pendingRevocation: toRevoke }
  }
  const wanted = difference(target, current.assigned)
  const free = filtered(wanted, isFree)
  const state = size(free) === size(wanted) ? 'stable' : 'unreleased'
  const isSame = current.memberEpoch === targetEpoch && current.state === state && size(free) === 0 && size(toRevoke) === 0 && size(current.pendingRevocation) === 0
  if (isSame) return current
  const previousMemberEpoch = current.memberEpoch === targetEpoch ? current.previousMemberEpoch : current.memberEpoch
  return { memberEpoch: targetEpoch, previousMemberEpoch, state, assigned: union(kept, free), pendingRevocation: new Map() }
}

export function size(assignment: Assignment): number {
  let count = 0
  for (const partitions of assignment.values()) count += partitions.length
  return count
}

export function contains(assignment: Assignment, topicId: string, partition: number): boolean {
  return assignment.get(topicId)?.includes(partition) === true
}

/** Whether every partition of `part` is in `whole`. */
export function isWithin(part: Assignment, whole: Assignment): boolean {
  return size(difference(part, whole)) === 0
}

/** Partitions of a topic are in ascending order, so that no sets are needed. */
export function isSameAssignment(a: Assignment, b: Assignment): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    if (others === undefined || others.length !== partitions.length) return false
    for (const [index, partition] of partitions.entries()) if (others[index] !== partition) return false
  }
  return true
}

function overlaps(a: Assignment, b: Assignment): boolean {
  return size(intersection(a, b)) > 0
}

function intersection(a: Assignment, b: Assignment): Assignment {
  return filteredBy(a, b, true)
}

function difference(a: Assignment, b: Assignment): Assignment {
  return filteredBy(a, b, false)
}

function filteredBy(a: Assignment, b: Assignment, wanted: boolean): Assignment {
  const result = new Map<string, readonly number[]>()
  for (const [topicId, partitions] of a) {
    const other = new Set(b.get(topicId) ?? [])
    const left = partitions.filter(partition => other.has(partition) === wanted)
    if (left.length > 0) result.set(topicId, left)
  }
  return result
}

function filtered(assignment: Assignment, keep: (topicId: string, partition: number) => boolean): Assignment {
  const result = new Map<string, readonly number[]>()
  for (const [topicId, partitions] of assignment) {
    const left = partitions.filter(partition => keep(topicId, partition))
    if (left.length > 0) result.set(topicId, left)
  }
  return result
}

function union(a: Assignment, b: Assignment): Assignment {
  const result = new Map(a)
  for (const [topicId, partitions] of b) result.set(topicId, [...result.get(topicId) ?? [], ...partitions].sort((x, y) => x - y))
  return result
}
