/** AlterReplicaLogDirs (34), versions 1–2: there is one directory, so what is there already stays and nothing else can be a target. */
import { alterReplicaLogDirs } from '../../wire/apis/34-alter-replica-log-dirs.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const alterReplicaLogDirsHandler = handler(alterReplicaLogDirs, [1, 2], (core, request) => {
  const results = new Map<string, { partitionIndex: number; errorCode: number }[]>()
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      const answers = results.get(name) ?? []
      results.set(name, answers)
      for (const partitionIndex of partitions) {
        const error: KafkaErrorName = path !== core.options.directory ? 'LOG_DIR_NOT_FOUND' : core.topics.log(name, partitionIndex) === undefined ? 'REPLICA_NOT_AVAILABLE' : 'NONE'
        answers.push({ partitionIndex, errorCode: errorCode(error) })
      }
    }
  }
  return { results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })) }
})
