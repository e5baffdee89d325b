/** Idempotent and transactional producers, of versions 1 and 2, and what an administrator sees of them. */
import { produce } from '../../../../src/wire/apis/00-produce.ts'
import { fetch } from '../../../../src/wire/apis/01-fetch.ts'
import { listOffsets } from '../../../../src/wire/apis/02-list-offsets.ts'
import { offsetFetch } from '../../../../src/wire/apis/09-offset-fetch.ts'
import { findCoordinator } from '../../../../src/wire/apis/10-find-coordinator.ts'
import { initProducerId } from '../../../../src/wire/apis/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../../../../src/wire/apis/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../../../../src/wire/apis/25-add-offsets-to-txn.ts'
import { endTxn } from '../../../../src/wire/apis/26-end-txn.ts'
import { writeTxnMarkers } from '../../../../src/wire/apis/27-write-txn-markers.ts'
import { txnOffsetCommit } from '../../../../src/wire/apis/28-txn-offset-commit.ts'
import { describeProducers } from '../../../../src/wire/apis/61-describe-producers.ts'
import { describeTransactions } from '../../../../src/wire/apis/65-describe-transactions.ts'
import { listTransactions } from '../../../../src/wire/apis/66-list-transactions.ts'
import type { RequestInput, ResponseOf } from '../../../../src/wire/schema.ts'
import { textBatch } from '../../wire-client.ts'
import { ask, makeTopics } from '../step.ts'
import type { Body, Run, Scenario, Step, StepOptions } from '../step.ts'

const ENDING = ['CONCURRENT_TRANSACTIONS']

function keepProducer(answer: { producerId: number; producerEpoch: number }, run: Run): void {
  if (answer.producerId >= 0) run.numbers.set('pid', answer.producerId)
  if (answer.producerEpoch >= 0) run.numbers.set('epoch', answer.producerEpoch)
}

const owner = (run: Run, bump = 0): { producerId: number; producerEpoch: number } => ({ producerId: run.number('pid'), producerEpoch: run.number('epoch') + bump })

interface SendOptions extends StepOptions<typeof produce> { readonly bump?: number; readonly transactional?: boolean; readonly topic?: string }

function send(name: string, sequence: number, { bump = 0, transactional = true, topic = 'x1', ...options }: SendOptions = {}): Step {
  return ask(name, produce, run => ({
    transactionalId: transactional ? run.name('tx') : null, acks: -1, timeoutMs: 5000,
    topicData: [{ name: run.name(topic), topicId: run.topicId(run.name(topic)), partitionData: [{ index: 0, records: textBatch(['v'], { ...owner(run, bump), baseSequence: sequence, transactional }, run.now) }] }],
  }), { retryOn: [...ENDING, 'NOT_ENOUGH_REPLICAS'], ...options })
}

function end(name: string, committed: boolean, options: StepOptions<typeof endTxn> & { bump?: number } = {}): Step {
  const { bump = 0, ...rest } = options
  return ask(name, endTxn, run => ({ transactionalId: run.name('tx'), ...owner(run, bump), committed }), { retryOn: ENDING, keep: (answer: ResponseOf<typeof endTxn>, run) => { if (answer.errorCode === 0 && bump === 0) keepProducer(answer, run) }, ...rest })
}

function init(name: string, more: Partial<RequestInput<typeof initProducerId>> = {}): Step {
  return ask(name, initProducerId, run => ({ transactionalId: run.name('tx'), transactionTimeoutMs: 30_000, ...more }), { retryOn: ENDING, keep: keepProducer })
}

const offsetsIn = (more: Partial<RequestInput<typeof txnOffsetCommit>> = {}, bump = 0): Body<typeof txnOffsetCommit> => run => ({
  transactionalId: run.name('tx'), groupId: run.name('txg'), ...owner(run, bump), topics: [{ name: run.name('x1'), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }], ...more,
})

function add(name: string, topics: (run: Run) => { name: string; partitions: number[] }[], options: StepOptions<typeof addPartitionsToTxn> & { bump?: number; verifyOnly?: boolean } = {}): Step {
  const { bump = 0, verifyOnly = false, ...rest } = options
  return ask(name, addPartitionsToTxn, run => ({
    v3AndBelowTransactionalId: run.name('tx'), v3AndBelowProducerId: owner(run, bump).producerId, v3AndBelowProducerEpoch: owner(run, bump).producerEpoch, v3AndBelowTopics: topics(run),
    transactions: [{ transactionalId: run.name('tx'), ...owner(run, bump), verifyOnly, topics: topics(run) }],
  }), { retryOn: ENDING, ...rest })
}

const x1 = (run: Run): { name: string; partitions: number[] }[] => [{ name: run.name('x1'), partitions: [0] }]
const committedOnly = (name: string, retryOn: readonly string[] = []): Step => ask(name, fetch, run => ({
  maxWaitMs: 200, minBytes: 1, isolationLevel: 1, sessionEpoch: -1, topics: [{ topic: run.name('x1'), topicId: run.topicId(run.name('x1')), partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000 }] }],
}), { retryOn })
const groupOffsets = (name: string, requireStable: boolean, retryOn: readonly string[] = []): Step =>
  ask(name, offsetFetch, run => ({ groupId: run.name('txg'), topics: [{ name: run.name('x1'), partitionIndexes: [0] }], groups: [{ groupId: run.name('txg'), topics: [{ name: run.name('x1'), partitionIndexes: [0] }] }], requireStable }), { retryOn })
const seen = (name: string): Step => ask(name, describeTransactions, run => ({ transactionalIds: [run.name('tx')] }), {})

export const idempotent: Scenario = {
  name: 'idempotent producers: sequences, duplicates, epochs', rungs: 11, steps: [
    makeTopics({ name: 'x1' }),
    ask('an id', initProducerId, { transactionalId: null, transactionTimeoutMs: 0 }, { keep: keepProducer }),
    send('first', 0, { transactional: false }), send('second', 1, { transactional: false }), send('second again', 1, { transactional: false }), send('a gap', 5, { transactional: false }), send('first again', 0, { transactional: false }),
    ask('who produces', describeProducers, run => ({ topics: [{ name: run.name('x1'), partitionIndexes: [0] }] })),
    send('a new epoch with an old sequence', 2, { transactional: false, bump: 1 }), send('a new epoch', 0, { transactional: false, bump: 1 }), send('the old epoch', 2, { transactional: false }),
    ask('a bump of the epoch', initProducerId, run => ({ transactionalId: null, transactionTimeoutMs: 0, ...owner(run) }), { from: 3 }),
  ],
}

/** Versions before 12 of Produce, 5 of EndTxn and of TxnOffsetCommit: partitions are added by name. */
const V1 = { to: 3 } as const
const V1_SEND = { to: 11 } as const

export const transactionsOld: Scenario = {
  name: 'transactions of version 1', rungs: 9, steps: [
    makeTopics({ name: 'x1' }),
    ask('find', findCoordinator, run => ({ key: run.name('tx'), keyType: 1, coordinatorKeys: [run.name('tx')] }), { from: 1 }),
    ask('a long timeout', initProducerId, run => ({ transactionalId: run.name('tx'), transactionTimeoutMs: 10_000_000 })),
    ask('no timeout', initProducerId, run => ({ transactionalId: run.name('tx'), transactionTimeoutMs: 0 })),
    ask('an empty id', initProducerId, { transactionalId: '', transactionTimeoutMs: 1000 }),
    init('begin'),
    send('not added', 0, V1_SEND),
    add('add one that is not there', run => [...x1(run), { name: run.name('nope'), partitions: [0] }], V1),
    add('add', x1, V1), add('add again', x1, V1), add('add under an old epoch', x1, { ...V1, bump: -1 }), add('add under a new epoch', x1, { ...V1, bump: 1 }),
    ask('add for nobody', addPartitionsToTxn, run => ({ v3AndBelowTransactionalId: run.name('nobody'), v3AndBelowProducerId: 987_654, v3AndBelowTopics: x1(run) }), V1),
    send('send', 0, V1_SEND), send('send again', 0, V1_SEND), send('a gap', 7, V1_SEND),
    committedOnly('nothing is committed'),
    ask('latest committed', listOffsets, run => ({ isolationLevel: 1, topics: [{ name: run.name('x1'), partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }), { from: 2 }),
    ask('offsets that were not added', txnOffsetCommit, offsetsIn(), { to: 4 }),
    ask('add offsets', addOffsetsToTxn, run => ({ transactionalId: run.name('tx'), groupId: run.name('txg'), ...owner(run) }), { retryOn: ENDING }),
    ask('add offsets under an old epoch', addOffsetsToTxn, run => ({ transactionalId: run.name('tx'), groupId: run.name('txg'), ...owner(run, -1) })),
    ask('add offsets of no group', addOffsetsToTxn, run => ({ transactionalId: run.name('tx'), groupId: '', ...owner(run) })),
    ask('offsets', txnOffsetCommit, offsetsIn(), { to: 4 }),
    ask('offsets of an unknown member', txnOffsetCommit, offsetsIn({ memberId: 'x', generationId: 4 }), { to: 4, from: 3 }),
    ask('offsets of an unknown static member', txnOffsetCommit, offsetsIn({ memberId: 'x', generationId: 4, groupInstanceId: 'i' }), { to: 4, from: 3 }),
    ask('offsets to no topic', txnOffsetCommit, run => ({ ...offsetsOfNobody(run), topics: [{ name: run.name('nope'), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] }] }), { to: 4 }),
    groupOffsets('pending', false), ask('pending, stable wanted', offsetFetch, run => ({ groupId: run.name('txg'), topics: [{ name: run.name('x1'), partitionIndexes: [0] }], groups: [{ groupId: run.name('txg'), topics: [{ name: run.name('x1'), partitionIndexes: [0] }] }], requireStable: true }), { from: 7 }),
    seen('described'), ask('describe nobody', describeTransactions, { transactionalIds: ['nobody', ''] }),
    ask('list', listTransactions, run => ({ stateFilters: ['Ongoing', 'Nonsense'], producerIdFilters: [run.number('pid')] })),
    ask('list long ones', listTransactions, run => ({ producerIdFilters: [run.number('pid')], durationFilter: 3_600_000 }), { from: 1 }),
    ask('list by pattern', listTransactions, run => ({ producerIdFilters: [run.number('pid')], transactionalIdPattern: 'tx.*' }), { from: 2 }),
    ask('list by another pattern', listTransactions, run => ({ producerIdFilters: [run.number('pid')], transactionalIdPattern: 'x' }), { from: 2 }),
    ask('list by a bad pattern', listTransactions, { transactionalIdPattern: '(' }, { from: 2 }),
    ask('who produces', describeProducers, run => ({ topics: [{ name: run.name('x1'), partitionIndexes: [0] }] })),
    end('end under a wrong epoch', true, { ...V1, bump: 5 }), ask('end for nobody', endTxn, { transactionalId: 'nobody', producerId: 1, producerEpoch: 0, committed: true }, V1),
    end('commit', true, { to: 4 }), end('commit again', true, { to: 4 }), end('abort what is committed', false, { to: 4 }),
    groupOffsets('stable', true, ['UNSTABLE_OFFSET_COMMIT']),
    seen('described when committed'),
    add('the next', x1, V1), send('of the next', 1, V1_SEND), end('abort', false, { to: 4 }), end('abort again', false, { to: 4 }), end('commit what is aborted', true, { to: 4 }),
    add('the one after', x1, V1), send('of the one after', 2, V1_SEND),
    committedOnly('what is committed'),
    init('fence it'), seen('described when fenced'), send('of the past', 3, { ...V1_SEND, bump: -1 }),
  ],
}

function offsetsOfNobody(run: Run): Pick<RequestInput<typeof txnOffsetCommit>, 'transactionalId' | 'groupId' | 'producerId' | 'producerEpoch'> {
  return { transactionalId: run.name('tx'), groupId: run.name('txg'), ...owner(run) }
}

const V2 = { from: 5 } as const
const V2_SEND = { from: 12 } as const

export const transactionsNew: Scenario = {
  name: 'transactions of version 2', rungs: 4, steps: [
    makeTopics({ name: 'x1' }, { name: 'x2' }),
    init('begin'),
    end('end nothing', true, V2),
    send('send', 0, V2_SEND), send('send again', 0, V2_SEND), send('next', 1, V2_SEND), send('a gap', 9, V2_SEND), send('elsewhere', 0, { ...V2_SEND, topic: 'x2' }),
    add('verify', x1, { from: 4, verifyOnly: true }), add('verify what is not in it', run => [{ name: run.name('nope'), partitions: [0] }], { from: 4, verifyOnly: true }), add('add one more', run => [{ name: run.name('x2'), partitions: [0] }], { from: 4 }),
    ask('offsets', txnOffsetCommit, offsetsIn(), V2), ask('offsets of a stranger', txnOffsetCommit, offsetsIn({ memberId: 'x', generationId: 4 }), V2), ask('offsets under an old epoch', txnOffsetCommit, offsetsIn({}, -1), V2),
    seen('described'),
    end('abort', false, V2), end('abort, retried', false, { ...V2, bump: -1 }), end('commit instead', true, { ...V2, bump: -1 }), end('under a past epoch', true, { ...V2, bump: -2 }), end('under a future epoch', true, { ...V2, bump: 3 }),
    send('under the old epoch', 3, { ...V2_SEND, bump: -1 }),
    groupOffsets('nothing was committed', true, ['UNSTABLE_OFFSET_COMMIT']),
    send('under the new epoch', 0, V2_SEND), end('commit', true, V2), end('commit, retried', true, { ...V2, bump: -1 }), end('commit of nothing', true, V2), end('abort of nothing', false, V2),
    committedOnly('what is committed'),
    send('left open', 0, V2_SEND), init('fence it'), seen('described when fenced'),
    init('keep what it has'), ask('as a stranger', initProducerId, run => ({ transactionalId: run.name('tx'), transactionTimeoutMs: 30_000, producerId: 987_654, producerEpoch: 3 }), { from: 3 }),
    ask('with half of an id', initProducerId, run => ({ transactionalId: run.name('tx'), transactionTimeoutMs: 30_000, producerId: 987_654, producerEpoch: -1 }), { from: 3 }),
    ask('with its own id', initProducerId, run => ({ transactionalId: run.name('tx'), transactionTimeoutMs: 30_000, ...owner(run) }), { from: 3, keep: keepProducer, retryOn: ENDING }),
    ask('with a past epoch', initProducerId, run => ({ transactionalId: run.name('tx'), transactionTimeoutMs: 30_000, ...owner(run, -3) }), { from: 3 }),
    send('a hanging one', 0, V2_SEND),
    ask('its marker, by hand', writeTxnMarkers, run => ({ markers: [{ producerId: run.number('pid'), producerEpoch: run.number('epoch') + 1, transactionResult: false, topics: [{ name: run.name('x1'), partitionIndexes: [0] }, { name: run.name('nope'), partitionIndexes: [0] }], coordinatorEpoch: 0 }] })),
    ask('who produces', describeProducers, run => ({ topics: [{ name: run.name('x1'), partitionIndexes: [0] }] })),
  ],
}
