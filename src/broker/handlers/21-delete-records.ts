/**
 * DeleteRecords (21), versions 0–2: moves the start of a partition; −1 means up to the high watermark.
 * A topic that is only compacted keeps its records, as with Kafka.
 */
import { deleteRecords } from '../../wire/apis/21-delete-records.ts'
import { errorCode, kafkaCodeOf } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'
import type { Core } from '../handler.ts'

const UP_TO_HIGH_WATERMARK = -1

export const deleteRecordsHandler = handler(deleteRecords, [0, 2], async (core, request) => {
  const topics = []
  for (const { name, partitions } of request.topics) {
    const results = []
    for (const { partitionIndex, offset } of partitions) results.push({ partitionIndex, ...await trim(core, name, partitionIndex, offset) })
    topics.push({ name, partitions: results })
  }
  return { topics }
})

async function trim(core: Core, topic: string, partition: number, offset: number): Promise<{ readonly lowWatermark: number; readonly errorCode: number }> {
  const log = core.topics.log(topic, partition)
  if (log === undefined) return { lowWatermark: -1, errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION') }
  if (core.topics.get(topic)?.isInternal === true) return { lowWatermark: -1, errorCode: errorCode('INVALID_TOPIC_EXCEPTION') }
  if (log.config.cleanupCompact && !log.config.cleanupDelete) return { lowWatermark: -1, errorCode: errorCode('POLICY_VIOLATION') }
  const target = offset === UP_TO_HIGH_WATERMARK ? log.highWatermark : offset
  if (target < 0 || target > log.highWatermark) return { lowWatermark: -1, errorCode: errorCode('OFFSET_OUT_OF_RANGE') }
  try {
    await log.trimTo(target)
    return { lowWatermark: log.logStartOffset, errorCode: 0 }
  } catch (error) {
    const code = kafkaCodeOf(error)
    if (code === undefined) throw error
    return { lowWatermark: -1, errorCode: code }
  }
}
