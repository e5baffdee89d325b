/**
 * A consumer group while it is read back from the log: compaction may have left its records in any order, so they are put together
 * at the end.
 */
import type { Assignment } from './assignors.ts'
import { ConsumerGroup, ConsumerMember } from './consumer-group.ts'
import type { MemberFacts, ResolvedRegex, StoredPart } from './consumer-group.ts'
import type { ConsumerValue } from './consumer-records.ts'
import type { CurrentAssignment } from './reconcile.ts'

export class RestoredGroup {
  readonly #groupId: string
  #epoch = 0
  #metadataHash = 0
  #targetEpoch = 0
  readonly #facts = new Map<string, MemberFacts>()
  readonly #currents = new Map<string, CurrentAssignment>()
  readonly #targets = new Map<string, Assignment>()
  readonly #regexes = new Map<string, ResolvedRegex>()

  constructor(groupId: string) {
    this.#groupId = groupId
  }

  /** No value: a tombstone. */
  take(part: StoredPart, value: ConsumerValue | undefined): void {
    if (value === undefined) return this.#forget(part)
    if ('memberId' in part) {
      if (value.kind === 'member') this.#facts.set(part.memberId, value.facts)
      else if (value.kind === 'current') this.#currents.set(part.memberId, value.current)
      else if (value.kind === 'target') this.#targets.set(part.memberId, value.target)
    } else if (value.kind === 'epoch') {
      this.#epoch = value.epoch
      this.#metadataHash = value.metadataHash
    } else if (value.kind === 'targetEpoch') this.#targetEpoch = value.targetEpoch
    else if (value.kind === 'regex' && 'regex' in part) this.#regexes.set(part.regex, { topics: value.topics, resolvedAtMs: value.resolvedAtMs })
  }

  /** `undefined` where only leftovers of a group that was ended are there. */
  build(now: number): ConsumerGroup | undefined {
    if (this.#epoch === 0) return undefined
    const group = new ConsumerGroup(this.#groupId, now)
    group.epoch = this.#epoch
    group.targetEpoch = this.#targetEpoch
    group.metadataHash = this.#metadataHash
    for (const [regex, resolved] of this.#regexes) group.regexes.set(regex, resolved)
    for (const [memberId, facts] of this.#facts) {
      group.add(new ConsumerMember(memberId, facts, this.#currents.get(memberId)))
      const target = this.#targets.get(memberId)
      if (target !== undefined) group.targets.set(memberId, target)
    }
    return group
  }

  #forget(part: StoredPart): void {
    if ('regex' in part) this.#regexes.delete(part.regex)
    else if (!('memberId' in part)) this.#targetEpoch = 0
    else if (part.kind === 'member') this.#facts.delete(part.memberId)
    else if (part.kind === 'current') this.#currents.delete(part.memberId)
    else this.#targets.delete(part.memberId)
  }
}
