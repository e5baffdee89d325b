/** CreatePartitions (37), versions 0–3: `count` is the new total, which only grows. */
import { createPartitions } from '../../wire/apis/37-create-partitions.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf } from '../../wire/schema.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'
import { onceEach } from '../once-each.ts'
import { NODE_ID } from '../options.ts'
import { PARTITIONS_MAX } from '../topics.ts'
import type { TopicProblem } from '../topics.ts'

type Wanted = RequestOf<typeof createPartitions>['topics'][number]

export const createPartitionsHandler = handler(createPartitions, [0, 3], async (core, request) => {
  const results = []
  for (const { item: wanted, isRepeated } of onceEach(request.topics, ({ name }) => name)) {
    const refused = isRepeated ? { error: 'INVALID_REQUEST', message: 'Duplicate topic name.' } as const : problem(core, wanted)
    const failed = refused ?? (request.validateOnly ? undefined : await core.topics.grow(wanted.name, wanted.count))
    results.push({ name: wanted.name, errorCode: errorCode(failed?.error ?? 'NONE'), errorMessage: failed?.message ?? null })
  }
  return { results }
})

function problem(core: Core, wanted: Wanted): TopicProblem | undefined {
  const because = (error: KafkaErrorName, message: string): TopicProblem => ({ error, message })
  const topic = core.topics.get(wanted.name)
  if (topic === undefined) return because('UNKNOWN_TOPIC_OR_PARTITION', 'This server does not host this topic-partition.')
  if (topic.isInternal) return because('INVALID_TOPIC_EXCEPTION', `${topic.name} is the broker's own.`)
  const present = topic.partitions.length
  if (wanted.count === present) return because('INVALID_PARTITIONS', `Topic already has ${present} partition(s).`)
  if (wanted.count < present) return because('INVALID_PARTITIONS', `The topic ${wanted.name} currently has ${present} partition(s); ${wanted.count} would not be an increase.`)
  if (core.topics.partitionCount - present + wanted.count > PARTITIONS_MAX) return because('POLICY_VIOLATION', `One broker holds at most ${PARTITIONS_MAX} partitions.`)
  if (wanted.assignments === null) return undefined
  if (wanted.assignments.length !== wanted.count - present) return because('INVALID_REPLICA_ASSIGNMENT', `Attempted to add ${wanted.count - present} additional partition(s), but only ${wanted.assignments.length} assignment(s) were specified.`)
  return wanted.assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === NODE_ID) ? undefined : because('INVALID_REPLICA_ASSIGNMENT', `The one broker there is has the id ${NODE_ID}.`)
}
