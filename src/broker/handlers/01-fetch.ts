/**
 * Fetch (1), versions 4–18.
 *
 * Behaviour: whole batches from the one that contains the offset on; at least one batch even if it is larger than the limits;
 * waits until `minBytes` are there or `maxWaitMs` have passed, and answers at once where a partition has an error. Under
 * read_committed nothing at or above the last stable offset is given, and the aborted transactions of what is given are listed.
 * Version notes: v7 fetch sessions (KIP-227, `fetch-sessions.ts`) · v9 leader epoch fencing · v12 flexible,
 * diverging epochs · v13 topic ids.
 */
import { MillraceError } from '../../base/errors.ts'
import type { PartitionLog } from '../../log/partition-log.ts'
import { fetch } from '../../wire/apis/01-fetch.ts'
import { errorCode, kafkaCodeOf } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { ResponseInput } from '../../wire/schema.ts'
import type { AnsweredPartition, FetchContext, FetchRequest, PartitionRequest, PartitionResponse, WantedPartition } from '../fetch-sessions.ts'
import { handler } from '../handler.ts'
import type { Call, Core } from '../handler.ts'
import { leaderEpochError } from '../leader-epoch.ts'
import type { Topic } from '../topics.ts'

type FetchResponse = ResponseInput<typeof fetch>

const TOPIC_IDS_SINCE_VERSION = 13
const EMPTY = Buffer.alloc(0)

interface Attempt {
  readonly answered: readonly AnsweredPartition[]
  readonly bytes: number
  /** An error or a divergence: the client must hear of it at once. */
  readonly urgent: boolean
  readonly logs: readonly PartitionLog[]
}

export const fetchHandler = handler(fetch, [4, 18], (core, request, call) => {
  const context = core.fetchSessions.begin(request, usesIds(call))
  if (context.kind === 'refused') return { errorCode: errorCode(context.error), responses: [] }
  const first = attempt(core, context.wanted, request, call)
  if (isEnough(first, request) || request.maxWaitMs <= 0) return responseOf(core, context, first, call)
  return longPoll(core, context, request, call, first)
})

type ServedContext = Exclude<FetchContext, { kind: 'refused' }>

function usesIds(call: Call): boolean {
  return call.version >= TOPIC_IDS_SINCE_VERSION
}

async function longPoll(core: Core, context: ServedContext, request: FetchRequest, call: Call, first: Attempt): Promise<FetchResponse> {
  const deadline = core.env.clock.monotonic() + request.maxWaitMs
  let last = first
  let closed = false
  let cancel = (): void => {}
  const forget = call.onClose(() => {
    closed = true
    cancel()
  })
  for (;;) {
    const leftMs = deadline - core.env.clock.monotonic()
    if (leftMs <= 0 || closed || core.waiters.closed) break
    const wait = core.waiters.wait(last.logs, Math.ceil(leftMs))
    cancel = () => wait.cancel()
    await wait.done
    if (closed) break
    last = attempt(core, context.wanted, request, call)
    if (isEnough(last, request)) break
  }
  forget()
  return responseOf(core, context, last, call)
}

function isEnough(result: Attempt, request: FetchRequest): boolean {
  return result.urgent || result.bytes >= request.minBytes || result.logs.length === 0
}

function responseOf(core: Core, context: ServedContext, { answered }: Attempt, call: Call): FetchResponse {
  switch (context.kind) {
    case 'plain':
      return { responses: byTopic(answered) }
    case 'first':
      return { sessionId: core.fetchSessions.create(answered, usesIds(call)), responses: byTopic(answered) }
    case 'incremental':
      return { sessionId: context.session.id, responses: byTopic(core.fetchSessions.changed(context.session, answered)) }
  }
}

/** Neighbours of one topic together, in the order that they have. */
function byTopic(answered: readonly AnsweredPartition[]): { topic: string; topicId: string; partitions: PartitionResponse[] }[] {
  const topics: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = []
  for (const { wanted: { topic, topicId }, response } of answered) {
    const last = topics.at(-1)
    if (last !== undefined && last.topic === topic && last.topicId === topicId) last.partitions.push(response)
    else topics.push({ topic, topicId, partitions: [response] })
  }
  return topics
}

function attempt(core: Core, allWanted: readonly WantedPartition[], request: FetchRequest, call: Call): Attempt {
  const logs: PartitionLog[] = []
  let bytes = 0
  let urgent = false
  const byId = usesIds(call)
  // Neighbours mostly are of one topic, and it is looked up once.
  let before: WantedPartition | undefined
  let topic: Topic | undefined
  const answered = allWanted.map(wanted => {
    const partition = wanted.request
    if (before?.topic !== wanted.topic || before.topicId !== wanted.topicId) {
      before = wanted
      topic = byId ? core.topics.byId(wanted.topicId) : core.topics.get(wanted.topic)
      if (topic !== undefined) core.clients.uses(call.connectionId, 'reads', topic.name)
    }
    const log = topic?.partitions[partition.partition]
    if (log === undefined) {
      urgent = true
      return { wanted, response: { ...failed(partition, topic === undefined && byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'), abortedTransactions: [] } }
    }
    logs.push(log)
    const response = read(log, partition, request, { bytesLeft: request.maxBytes - bytes, isFirst: bytes === 0 })
    bytes += response.records?.length ?? 0
    if (response.errorCode !== 0 || response.divergingEpoch != null) urgent = true
    return { wanted, response }
  })
  return { answered, bytes, urgent, logs }
}

function read(log: PartitionLog, partition: PartitionRequest, request: FetchRequest, limits: { readonly bytesLeft: number; readonly isFirst: boolean }): PartitionResponse {
  const fenced = leaderEpochError(log, partition.currentLeaderEpoch)
  if (fenced !== 'NONE') return failed(partition, fenced)
  const offset = partition.fetchOffset
  if (offset < log.logStartOffset || offset > log.logEndOffset) return failed(partition, 'OFFSET_OUT_OF_RANGE')
  const diverging = divergence(log, partition)
  if (diverging !== undefined) return diverging
  try {
    const bytesMax = Math.min(partition.partitionMaxBytes, limits.bytesLeft)
    const result = log.read({ offset, bytesMax: Math.max(0, bytesMax), isolation: request.isolationLevel === 1 ? 'committed' : 'uncommitted', minOneBatch: limits.isFirst })
    return {
      partitionIndex: partition.partition, errorCode: 0, highWatermark: result.highWatermark, lastStableOffset: result.lastStableOffset,
      logStartOffset: result.logStartOffset, abortedTransactions: result.abortedTransactions, records: result.records,
    }
  } catch (error) {
    // What is damaged on disk is told as Kafka tells it; the log line says where it is.
    if (error instanceof MillraceError && error.code === 'LOG_CORRUPT') {
      log.context.logger.error('a damaged segment was read', { topic: log.id.topic, partition: log.id.partition, reason: error.message })
      return failed(partition, 'CORRUPT_MESSAGE')
    }
    const code = kafkaCodeOf(error)
    if (code === undefined) throw error
    return { ...failed(partition, 'NONE'), errorCode: code }
  }
}

/** KIP-595: whoever fetches says the epoch of its last record; where our log differs it is told from where. */
function divergence(log: PartitionLog, partition: PartitionRequest): PartitionResponse | undefined {
  if (partition.lastFetchedEpoch < 0) return undefined
  const end = log.endOffsetForEpoch(partition.lastFetchedEpoch)
  if (end.epoch < 0 || end.endOffset < 0) return failed(partition, 'OFFSET_OUT_OF_RANGE')
  if (end.epoch >= partition.lastFetchedEpoch && end.endOffset >= partition.fetchOffset) return undefined
  return {
    partitionIndex: partition.partition, errorCode: 0, highWatermark: log.highWatermark, lastStableOffset: log.lastStableOffset, logStartOffset: log.logStartOffset,
    divergingEpoch: { epoch: end.epoch, endOffset: end.endOffset }, records: EMPTY,
  }
}

function failed(partition: PartitionRequest, error: KafkaErrorName): PartitionResponse {
  return { partitionIndex: partition.partition, errorCode: errorCode(error), highWatermark: -1, records: EMPTY }
}
