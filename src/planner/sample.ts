/**
 * The last records of each topic, read committed.
 *
 * Bounded by `RECORD_BYTES_MAX` for a record (a larger one is left out), `READ_MS_MAX` for all topics together: what has not come by then is
 * not part of the sample.
 */
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { SampledRecord, TopicFacts } from './facts.ts'

const READ_MS_MAX = 10_000
const RECORD_BYTES_MAX = 1_048_576
const BYTES_PER_PARTITION_MAX = 262_144
const LOOK_AGAIN_MS = 50

/** At most `count` of each topic, evenly from its partitions. */
export async function sampleTopics(cluster: Cluster, topics: readonly TopicFacts[], count: number): Promise<SampledRecord[]> {
  const open = new Map<string, number>()
  const { clock } = cluster.env
  let wake = (): void => {}
  const done = (topic: string, partition: number): void => {
    open.delete(`${topic}/${partition}`)
    fetcher.unassign(topic, partition)
    wake()
  }
  const fetcher = new Fetcher(cluster, {
    isolation: 'read_committed', bytesPerPartitionMax: BYTES_PER_PARTITION_MAX, waitMsMax: 100, reset: 'earliest', onData: () => wake(),
    // A partition that cannot be read is not part of the sample.
    onError: done,
  })
  const records: SampledRecord[] = []
  try {
    for (const topic of topics) {
      const each = Math.ceil(count / topic.partitions.length)
      for (const { partition, start, stable } of topic.partitions) {
        if (stable <= start) continue
        open.set(`${topic.name}/${partition}`, stable)
        fetcher.assign(topic.name, partition, Math.max(start, stable - each))
      }
    }
    const cursor = new FetchedCursor()
    const deadline = clock.monotonic() + READ_MS_MAX
    while (open.size > 0 && clock.monotonic() < deadline) {
      const woken = new Promise<void>(resolve => { wake = resolve })
      const fetched = fetcher.poll()
      if (fetched === undefined) {
        await Promise.race([woken, clock.sleep(LOOK_AGAIN_MS)])
        continue
      }
      const { topic, partition } = fetched
      const end = open.get(`${topic}/${partition}`)
      cursor.open(fetched)
      while (end !== undefined && cursor.next() && cursor.offset < end) takeRecord(cursor, topic, partition, records)
      fetched.release()
      if (end === undefined || cursor.offsetNext >= end) done(topic, partition)
    }
  } finally {
    await fetcher.close()
  }
  return records
}

function takeRecord(cursor: FetchedCursor, topic: string, partition: number, into: SampledRecord[]): void {
  const { offset, timestamp, keyStart, keyEnd, valueStart, valueEnd, buffer } = cursor
  if (keyEnd - keyStart + valueEnd - valueStart > RECORD_BYTES_MAX) return
  // Copies: a slice would hold the whole response.
  const copy = (start: number, end: number): Buffer | null => start < 0 ? null : Buffer.from(buffer.subarray(start, end))
  into.push({ topic, partition, offset, timestamp, key: copy(keyStart, keyEnd), value: copy(valueStart, valueEnd) })
}
