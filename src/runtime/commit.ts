/**
 * One commit of a task on a worker: outputs, changelog records, input offsets, under one of the two guarantees.
 *
 * ```
 *   freeze k ──┬──▶ flush k ──────────┬──▶ EndTxn(commit) ──▶ committed: k goes to the stores
 *              └──▶ TxnOffsetCommit ──┘         │
 *                         │                     └── unknown ──▶ fence, OffsetFetch(require_stable): committed or failed
 *                         └── failed
 * ```
 * T1. Until EndTxn has been sent, a failure is definite: nothing of k will ever be visible, the caller drops k and k+1.
 * T2. From then on every failure is `unknown`, even a fencing one: an earlier attempt may have landed. The commit's id in the offsets' metadata decides.
 * T3. The offsets carry the identity that owned the shards. Where the coordinator says its generation is over, the commit waits for the rebalance
 *     to end, and goes on under the new identity only if no shard of it was taken away or lost in between: then nobody else can have run them.
 *     A member that was thrown out gets no new identity, and the commit fails (the fencing of KIP-447).
 * T4. Flush and TxnOffsetCommit run side by side: both belong to the transaction by EndTxn, and nothing is visible before.
 */
import { MillraceError } from '../base/errors.ts'
import type { FrozenTransaction } from '../client/producer.ts'
import type { GroupIdentity, OffsetEntry } from '../client/types.ts'
import type { Failpoints } from './failpoints.ts'

export type CommitResult =
  | { readonly kind: 'committed' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'unknown'; readonly error: unknown }

export interface CommitOptions {
  readonly transaction: FrozenTransaction
  readonly offsets: readonly OffsetEntry[]
  readonly identity: GroupIdentity
  /** T3: resolves with the identity that came after `stale` if every shard of the commit is still owned, else `undefined`. */
  readonly identityAfter: (stale: GroupIdentity) => Promise<GroupIdentity | undefined>
  readonly failpoints: Failpoints
}

export async function commitExactlyOnce(options: CommitOptions): Promise<CommitResult> {
  const { transaction, failpoints } = options
  try {
    // Side by side: neither needs the other, and one round trip less is felt in every hop (T4).
    const flushed = transaction.flush().then(() => failpoints.reach('after-flush'))
    const sent = sendOffsets(options).then(() => failpoints.reach('after-txn-offset-commit'))
    const [first, second] = await Promise.allSettled([flushed, sent])
    if (first.status === 'rejected') throw first.reason
    if (second.status === 'rejected') throw second.reason
  } catch (error) {
    return { kind: 'failed', error }
  }
  try {
    failpoints.reach('before-end-txn')
    const answered = transaction.commit()
    failpoints.reach('end-txn-sent')
    await answered
    failpoints.reach('after-end-txn')
    return { kind: 'committed' }
  } catch (error) {
    return { kind: 'unknown', error }
  }
}

const IDENTITY_CHANGES_MAX = 20

async function sendOffsets(options: CommitOptions): Promise<void> {
  let identity = options.identity
  for (let changes = 0; ; changes++) {
    try {
      return await options.transaction.sendOffsets(identity, options.offsets)
    } catch (error) {
      if (!isStaleGeneration(error) || changes >= IDENTITY_CHANGES_MAX) throw error
      const next = await options.identityAfter(identity)
      if (next === undefined) throw error
      identity = next
    }
  }
}

/** ILLEGAL_GENERATION or REBALANCE_IN_PROGRESS. UNKNOWN_MEMBER_ID is not one: the member was thrown out, and others may have run its shards. */
function isStaleGeneration(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false
  const code = error.detail['kafkaCode']
  return code === 22 || code === 27
}

export interface AtLeastOnceOptions {
  readonly flush: () => Promise<void>
  readonly commitOffsets: () => Promise<void>
  readonly failpoints: Failpoints
}

/** Outputs and changelogs first, then offsets: a crash in between doubles them, and loses nothing. */
export async function commitAtLeastOnce(options: AtLeastOnceOptions): Promise<CommitResult> {
  try {
    await options.flush()
    options.failpoints.reach('after-flush')
    await options.commitOffsets()
    options.failpoints.reach('after-txn-offset-commit')
    return { kind: 'committed' }
  } catch (error) {
    return { kind: 'failed', error }
  }
}
