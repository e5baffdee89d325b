/**
 * TxnOffsetCommit (28), versions 0–5: offsets that become visible with the transaction.
 *
 * Behaviour: checked against the transaction (KIP-890) and against member and generation or epoch (KIP-447), then written as pending; durable
 * before the answer.
 * Version notes: v2 leader epoch · v3 flexible, member and generation · v4 TRANSACTION_ABORTABLE · v5 adds the group to the
 * transaction by itself (transactions v2).
 */
import { txnOffsetCommit } from '../../wire/apis/28-txn-offset-commit.ts'
import { errorName, kafkaCodeOf } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf } from '../../wire/schema.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { GROUPS_TOPIC } from '../topics.ts'
import { commitAnswers, sortOffsets } from './08-offset-commit.ts'

type CommitRequest = RequestOf<typeof txnOffsetCommit>

const ABORTABLE_SINCE_VERSION = 4
const IMPLICIT_ADD_SINCE_VERSION = 5
const GROUP_PARTITION = { topic: GROUPS_TOPIC, partition: 0 }

export const txnOffsetCommitHandler = handler(txnOffsetCommit, [0, 5], async (core, request, call) => {
  const { problems, offsets } = sortOffsets(core, request.topics)
  const commit = { groupId: request.groupId, memberId: request.memberId, groupInstanceId: request.groupInstanceId, generationId: request.generationId, knowsEpochs: true, offsets }
  if (call.version >= IMPLICIT_ADD_SINCE_VERSION) await core.transactions.coordinator.settled(request.transactionalId)
  let error = core.groups.transactionalCommitError(commit)
  let added: Promise<void> | undefined
  if (error === 'NONE') ({ error, added } = join(core, request, call.version))
  if (error === 'NONE') error = await write(core, request, commit)
  await added
  return { topics: commitAnswers(request.topics, problems, error) }
})

function join(core: Core, request: CommitRequest, version: number): { readonly error: KafkaErrorName; readonly added: Promise<void> | undefined } {
  const { coordinator } = core.transactions
  if (version >= IMPLICIT_ADD_SINCE_VERSION) {
    const { error, durable } = coordinator.addPartitions({ ...request, partitions: [GROUP_PARTITION], version: 2 })
    return { error: inOffsetCommit(error, version), added: durable }
  }
  return { error: inOffsetCommit(coordinator.verifyError(request, GROUP_PARTITION), version), added: undefined }
}

async function write(core: Core, request: CommitRequest, commit: Parameters<Core['groups']['commit']>[0]): Promise<KafkaErrorName> {
  try {
    return await core.groups.commitInTransaction(commit, request)
  } catch (error) {
    const code = kafkaCodeOf(error)
    if (code === undefined) throw error
    // A name, since the code came from `kafkaError`.
    return errorName(code) as KafkaErrorName
  }
}

/** The coordinator's errors in the words a producer understands from TxnOffsetCommit. */
function inOffsetCommit(error: KafkaErrorName, version: number): KafkaErrorName {
  if (error === 'PRODUCER_FENCED') return 'INVALID_PRODUCER_EPOCH'
  if (error === 'TRANSACTION_ABORTABLE' && version < ABORTABLE_SINCE_VERSION) return 'INVALID_TXN_STATE'
  return error
}

