/** DescribeLogDirs (35), versions 1–4: the one data directory, with the real sizes of its partitions. */
import { describeLogDirs } from '../../wire/apis/35-describe-log-dirs.ts'
import { handler } from '../handler.ts'

export const describeLogDirsHandler = handler(describeLogDirs, [1, 4], (core, request) => {
  const wanted = request.topics === null ? undefined : new Map(request.topics.map(({ topic, partitions }) => [topic, new Set(partitions)]))
  const topics = core.topics.all().filter(topic => wanted === undefined || wanted.has(topic.name)).map(topic => ({
    name: topic.name,
    partitions: topic.partitions.flatMap((log, partitionIndex) => wanted === undefined || wanted.get(topic.name)?.has(partitionIndex) === true
      ? [{ partitionIndex, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false }] : []),
  })).filter(topic => topic.partitions.length > 0)
  const totalBytes = core.topics.all().flatMap(topic => topic.partitions).reduce((sum, log) => sum + log.sizeBytes, 0)
  const { directory } = core.options
  const freeBytes = core.env.disk.freeBytes(directory)
  return { errorCode: 0, results: [{ errorCode: 0, logDir: directory, topics, totalBytes: Math.min(Number.MAX_SAFE_INTEGER, totalBytes + freeBytes), usableBytes: freeBytes }] }
})
