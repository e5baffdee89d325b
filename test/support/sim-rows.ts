/** What stands committed in a topic of a simulated machine: values by key, each in the order of the log. */
import type { Cluster } from '../../src/client/cluster.ts'
import { FetchedCursor } from '../../src/client/fetched-batches.ts'
import { Fetcher } from '../../src/client/fetcher.ts'
import type { Topic } from '../../src/dsl/topic.ts'
import type { Sim } from '../../src/testing/sim/sim.ts'

export async function committedByKey<V>(sim: Sim, cluster: Cluster, topic: Topic<string, V>, partitions: number): Promise<Map<string, V[]>> {
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', waitMsMax: 50, onError: (_topic, _partition, error) => { throw error } })
  const found = new Map<string, V[]>()
  for (let partition = 0; partition < partitions; partition++) fetcher.assign(topic.name, partition, 'earliest')
  await sim.run((async () => {
    for (let idle = 0; idle < 5;) {
      const batches = fetcher.poll()
      if (batches === undefined) {
        idle++
        await cluster.env.clock.sleep(200)
        continue
      }
      const cursor = new FetchedCursor().open(batches)
      while (cursor.next()) {
        const key = cursor.buffer.toString('utf8', cursor.keyStart, cursor.keyEnd)
        found.set(key, [...found.get(key) ?? [], topic.value.deserialize(cursor.buffer, cursor.valueStart, cursor.valueEnd)])
      }
      batches.release()
    }
    await fetcher.close()
  })())
  return found
}
