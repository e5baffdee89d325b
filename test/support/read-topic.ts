/** All records of a topic, read committed, as bytes: for tests that compare what was written. */
import { Admin, FetchedCursor, Fetcher, type Cluster } from 'millrace/client'

export interface ReadRecord {
  readonly partition: number
  readonly key: string
  readonly value: Buffer | null
  readonly time: number
}

export async function readTopic(cluster: Cluster, topic: string): Promise<ReadRecord[]> {
  const partitions = (await cluster.partitions(topic)).map(({ partition }) => ({ topic, partition }))
  const ends = await new Admin(cluster).listOffsets(partitions, 'latest', { isolation: 'read_committed' })
  const wanted = new Map(ends.filter(end => end.offset > 0).map(end => [end.partition, end.offset]))
  const records: ReadRecord[] = []
  if (wanted.size === 0) return records
  const cursor = new FetchedCursor()
  await new Promise<void>((resolve, reject) => {
    const fetcher: Fetcher = new Fetcher(cluster, { isolation: 'read_committed', onError: (_topic, _partition, error) => reject(error), onData: () => take(fetcher) })
    const take = (from: Fetcher): void => {
      for (let fetched = from.poll(); fetched !== undefined; fetched = from.poll()) {
        cursor.open(fetched)
        while (cursor.next()) {
          const { record } = cursor
          const key = cursor.buffer.toString('utf8', record.keyStart, record.keyEnd)
          const value = record.valueStart < 0 ? null : Buffer.from(cursor.buffer.subarray(record.valueStart, record.valueEnd))
          records.push({ partition: fetched.partition, key, value, time: cursor.timestamp })
        }
        if (cursor.offsetNext >= (wanted.get(fetched.partition) ?? 0)) wanted.delete(fetched.partition)
        fetched.release()
      }
      if (wanted.size === 0) from.close().then(resolve, reject)
    }
    for (const partition of wanted.keys()) fetcher.assign(topic, partition, 'earliest')
  })
  return records
}
