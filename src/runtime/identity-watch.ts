/**
 * Who this task's shards are owned as: the current member id and generation, and whether ownership was ever interrupted.
 *
 * I1. `interrupt` (shards lost) ends every wait of before with `undefined`: what was done under the old ownership must not be committed under a new one.
 * I2. `end` (the member leaves for good): no identity will follow, so nothing waits for one any more. What cannot be committed as it stands is done
 *     again by whoever gets the shards.
 */
import { assert } from '../base/assert.ts'
import type { GroupIdentity } from '../client/types.ts'
import type { TaskContext } from './task-context.ts'

export class IdentityWatch {
  #identity: GroupIdentity | undefined
  #ended = false
  #waiting: ((identity: GroupIdentity | undefined) => void)[] = []

  current(): GroupIdentity {
    assert(this.#identity !== undefined, 'shards are owned, but nobody said as whom')
    // Without member and generation Kafka takes a transaction's offsets from anybody: nothing would fence a former owner.
    assert(this.#identity.generation >= 0 && this.#identity.memberId !== '', 'shards are owned outside of the group')
    return this.#identity
  }

  set(identity: GroupIdentity): void {
    this.#identity = identity
    this.#tell(identity)
  }

  end(): void {
    this.#ended = true
    this.#tell(undefined)
  }

  interrupt(): void {
    this.#tell(undefined)
  }

  /** The identity after `stale`; `undefined` when ownership was interrupted or no rebalance ended within the session timeout. */
  after(stale: GroupIdentity, context: TaskContext): Promise<GroupIdentity | undefined> {
    const now = this.#identity
    if (now !== undefined && now.memberId === stale.memberId && now.generation > stale.generation) return Promise.resolve(now)
    if (this.#ended) return Promise.resolve(undefined)
    return new Promise(resolve => {
      const timer = context.env.clock.setTimer(() => resolve(undefined), context.settings.sessionTimeoutMs, { background: true })
      this.#waiting.push(identity => {
        timer.cancel()
        resolve(identity !== undefined && identity.memberId === stale.memberId && identity.generation > stale.generation ? identity : undefined)
      })
    })
  }

  #tell(identity: GroupIdentity | undefined): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve(identity)
  }
}
