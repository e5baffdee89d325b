import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '../base/errors.ts'
import type { GroupIdentity } from '../client/types.ts'
import { commitAtLeastOnce, commitExactlyOnce } from './commit.ts'
import type { CommitOptions } from './commit.ts'
import { noFailpoints } from './failpoints.ts'

const identity = (generation: number, memberId = 'm-1'): GroupIdentity => ({ groupId: 'shop.sales', generation, memberId })
const refused = (kafkaCode: number): MillraceError => new MillraceError('GROUP_ERROR', 'refused', { detail: { kafkaCode } })

/** Runs a commit whose steps behave as told, and says what was called. */
function scenario(steps: { flush?: () => void; sendOffsets?: (identity: GroupIdentity) => void; commit?: () => void }, identityAfter: CommitOptions['identityAfter'] = () => Promise.resolve(undefined)) {
  const calls: string[] = []
  const result = commitExactlyOnce({
    identity: identity(4), offsets: [{ topic: 'a', partition: 0, offset: 7 }], failpoints: noFailpoints, identityAfter,
    transaction: {
      flush: async () => { calls.push('flush'); steps.flush?.() },
      sendOffsets: async group => { calls.push(`offsets@${group.generation}`); steps.sendOffsets?.(group) },
      commit: async () => { calls.push('end'); steps.commit?.() },
    },
  })
  return { result, calls }
}

test('T4: outputs and offsets, then EndTxn', async () => {
  const { result, calls } = scenario({})
  assert.deepEqual(await result, { kind: 'committed' })
  assert.deepEqual(calls, ['flush', 'offsets@4', 'end'])
})

test('T1: what fails before EndTxn has failed for certain, and EndTxn is not sent', async () => {
  const flush = scenario({ flush: () => { throw new MillraceError('BROKER_ERROR', 'no') } })
  assert.equal((await flush.result).kind, 'failed')
  assert.ok(!flush.calls.includes('end'))
  const offsets = scenario({ sendOffsets: () => { throw new MillraceError('FENCED', 'no') } })
  assert.equal((await offsets.result).kind, 'failed')
  assert.ok(!offsets.calls.includes('end'))
})

test('T2: from EndTxn on a failure is unknown, even a fencing one', async () => {
  for (const code of ['FENCED', 'TIMEOUT', 'CONNECTION_CLOSED'] as const) {
    assert.equal((await scenario({ commit: () => { throw new MillraceError(code, 'no') } }).result).kind, 'unknown')
  }
})

test('T3: an old generation waits for the rebalance, and goes on under the new one if nothing was taken away', async () => {
  const { result, calls } = scenario({ sendOffsets: group => { if (group.generation < 6) throw refused(22) } }, stale => Promise.resolve(identity(stale.generation + 1)))
  assert.deepEqual(await result, { kind: 'committed' })
  assert.deepEqual(calls, ['flush', 'offsets@4', 'offsets@5', 'offsets@6', 'end'])
})

test('T3: with shards lost meanwhile it fails; a member that was thrown out does not even wait', async () => {
  assert.equal((await scenario({ sendOffsets: () => { throw refused(22) } }).result).kind, 'failed')
  let waited = false
  const thrownOut = scenario({ sendOffsets: () => { throw refused(25) } }, () => { waited = true; return Promise.resolve(identity(9)) })
  assert.equal((await thrownOut.result).kind, 'failed')
  assert.equal(waited, false)
})

test('At least once: flush before offsets', async () => {
  const calls: string[] = []
  const result = await commitAtLeastOnce({ failpoints: noFailpoints, flush: async () => { calls.push('flush') }, commitOffsets: async () => { calls.push('offsets') } })
  assert.deepEqual([result.kind, ...calls], ['committed', 'flush', 'offsets'])
  const failed = await commitAtLeastOnce({ failpoints: noFailpoints, flush: () => Promise.reject(new MillraceError('TIMEOUT', 'no')), commitOffsets: () => Promise.reject(new Error('not reached')) })
  assert.equal(failed.kind === 'failed' && failed.error instanceof MillraceError && failed.error.code, 'TIMEOUT')
})
