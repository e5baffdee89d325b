/**
 * What goes wrong in a commit, at every step and in every way that a wire can fail, on the simulated machine: the counts that come out must be 1, 2, 3 …
 * with none missing and none twice, whatever the runtime was told or not told about its transactions.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { testApp } from 'millrace/testing'
import { Control } from '../../src/broker/control.ts'
import type { ControlAction } from '../../src/broker/control.ts'
import type { ApiName } from '../../src/wire/apis/names.ts'

const clicks = topic('clicks', { key: text, value: text })
const counts = topic('counts', { key: text, value: int64 })
const copies = topic('copies', { key: text, value: text })

const counting = app('counting')
  .task('count', ({ read }) => read(clicks).keyBy(value => value).aggregate('per-value', { zero: () => 0, add: count => count + 1, state: int64 }).write(counts))
  .task('copy', ({ read }) => read(clicks).write(copies))

const cut = (when: 'before' | 'after'): ControlAction => ({ kind: 'cut', when })
const fail = (error: Extract<ControlAction, { kind: 'fail' }>['error']): ControlAction => ({ kind: 'fail', error })

const FAULTS: readonly (readonly [api: ApiName, name: string, action: ControlAction])[] = [
  ['EndTxn', 'is never carried out, the connection is cut', cut('before')],
  ['EndTxn', 'is carried out, and the answer is lost with the connection', cut('after')],
  ['EndTxn', 'is swallowed', { kind: 'drop' }],
  ['EndTxn', 'is carried out, but says PRODUCER_FENCED', fail('PRODUCER_FENCED')],
  ['EndTxn', 'is carried out, but says INVALID_PRODUCER_EPOCH', fail('INVALID_PRODUCER_EPOCH')],
  ['EndTxn', 'is carried out, but says TRANSACTION_ABORTABLE', fail('TRANSACTION_ABORTABLE')],
  ['TxnOffsetCommit', 'is never carried out, the connection is cut', cut('before')],
  ['TxnOffsetCommit', 'is carried out, and the answer is lost', cut('after')],
  ['TxnOffsetCommit', 'is carried out, but says ILLEGAL_GENERATION', fail('ILLEGAL_GENERATION')],
  ['TxnOffsetCommit', 'is carried out, but says UNKNOWN_MEMBER_ID', fail('UNKNOWN_MEMBER_ID')],
  ['Produce', 'is never carried out, the connection is cut', cut('before')],
  ['Produce', 'is carried out, and the answer is lost', cut('after')],
  ['Produce', 'is carried out, but says INVALID_PRODUCER_EPOCH', fail('INVALID_PRODUCER_EPOCH')],
  ['Produce', 'is carried out, but says NOT_LEADER_OR_FOLLOWER', fail('NOT_LEADER_OR_FOLLOWER')],
  ['Fetch', 'is lost', cut('after')],
  ['InitProducerId', 'is lost', cut('after')],
  ['Heartbeat', 'says that the member is unknown', fail('UNKNOWN_MEMBER_ID')],
  ['Heartbeat', 'says that a rebalance is under way', fail('REBALANCE_IN_PROGRESS')],
  ['OffsetFetch', 'is lost', cut('before')],
]

const HIT: ReadonlySet<number> = new Set([1, 2, 4, 5, 7, 9])

for (const [api, name, action] of FAULTS) {
  test(`${api} ${name}: counts stay exact`, async () => {
    const control = new Control()
    const test = await testApp(counting, { partitions: 2, control, seed: 11 })
    const send = (count: number): void => { for (let index = 0; index < count; index++) test.input(clicks).send(`k${index % 5}`, `v${index % 3}`) }
    send(30)
    await test.settle()
    let requests = 0
    // Several times, with others let through in between, so that each kind of commit is hit: with state and without.
    control.on(api, request => request.clientId === 'test' || !HIT.has(++requests) ? undefined : action)
    send(30)
    await test.settle()
    send(30)
    await test.settle()
    await test.advance('15 seconds')
    for (const value of ['v0', 'v1', 'v2']) {
      const seen = test.output(counts).records().filter(record => record.key === value).map(record => record.value)
      assert.deepEqual(seen, Array.from({ length: 30 }, (_, index) => index + 1), `counts of ${value}`)
    }
    assert.equal(test.output(copies).records().length, 90)
    await test.close()
  })
}
