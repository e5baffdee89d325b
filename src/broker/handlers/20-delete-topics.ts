/**
 * DeleteTopics (20), versions 1–6: by name, or from v6 on by id. Internal topics stay.
 *
 * Version notes: v4 flexible · v5 error text · v6 topic ids.
 */
import { deleteTopics } from '../../wire/apis/20-delete-topics.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { ZERO_UUID } from '../../wire/uuid.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { onceEach } from '../once-each.ts'

interface Result {
  readonly name: string | null
  readonly topicId: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

export const deleteTopicsHandler = handler(deleteTopics, [1, 6], async (core, request, call) => {
  const wanted = call.version >= 6 ? request.topics : request.topicNames.map(name => ({ name, topicId: ZERO_UUID }))
  const responses: Result[] = []
  for (const { item: { name, topicId }, isRepeated } of onceEach<{ readonly name: string | null; readonly topicId: string }>(wanted, ({ name, topicId }) => name ?? topicId)) {
    const problem = isRepeated ? 'Duplicate topic name or id.' : identityProblem(name, topicId)
    responses.push(problem === undefined ? await remove(core, name, topicId) : { name, topicId, errorCode: errorCode('INVALID_REQUEST'), errorMessage: problem })
  }
  return { responses }
})

/** A topic is named by its name or by its id, and once in a request. */
function identityProblem(name: string | null, topicId: string): string | undefined {
  if (name === null && topicId === ZERO_UUID) return 'Neither topic name nor id were specified.'
  return name !== null && topicId !== ZERO_UUID ? 'You may not specify both topic name and topic id.' : undefined
}

async function remove(core: Core, name: string | null, topicId: string): Promise<Result> {
  const topic = name === null ? core.topics.byId(topicId) : core.topics.get(name)
  if (topic === undefined) {
    return name === null
      ? { name: null, topicId, errorCode: errorCode('UNKNOWN_TOPIC_ID'), errorMessage: 'This server does not host this topic ID.' }
      : { name, topicId, errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION'), errorMessage: 'This server does not host this topic-partition.' }
  }
  if (topic.isInternal) return { name: topic.name, topicId: topic.topicId, errorCode: errorCode('INVALID_TOPIC_EXCEPTION'), errorMessage: `${topic.name} is the broker's own and stays.` }
  const problem = await core.topics.delete(topic.name)
  return { name: topic.name, topicId: topic.topicId, errorCode: errorCode(problem?.error ?? 'NONE'), errorMessage: problem?.message ?? null }
}
