/** Compares what a topology wrote in a paced replay with what a single process writes for the same stream: record by record, byte by byte. */
import assert from 'node:assert/strict'
import type { Cluster } from 'millrace/client'
import type { EventStream } from '../../demo/recommender/data/stream.ts'
import { LocalReplay } from '../../demo/recommender/evaluate/local-replay.ts'
import { pace } from '../../demo/recommender/evaluate/pacing.ts'
import { replayOptions } from '../../demo/recommender/replay-app.ts'
import { isMark } from '../../demo/recommender/tasks/context.ts'
import { recommender } from '../../demo/recommender/topology.ts'
import { readTopic } from './read-topic.ts'

export interface Pace {
  readonly sliceMs: number
  readonly singlyFrom: number
}

/** Throws at the first record of `session.clicks`, `pairs`, `item.neighbors` or `recs` that differs; gives how many were equal. */
export async function assertEqualToSingleProcess(cluster: Cluster, id: string, stream: EventStream, paced: Pace): Promise<number> {
  const described = recommender(replayOptions({ id, partitions: 1, isBasket: stream.isBasket, sliceMs: paced.sliceMs }))
  const { clicks, pairs, neighbors, recs } = described.topics
  const compared = [clicks, pairs, neighbors, recs]
  const expected = new Map<string, string[]>(compared.map(topic => [topic.name, []]))
  const bytesOf = new Map<string, (value: unknown) => Buffer>([
    [clicks.name, value => clicks.value.serialize(value as never)], [pairs.name, value => pairs.value.serialize(value as never)],
    [neighbors.name, value => neighbors.value.serialize(value as never)], [recs.name, value => recs.value.serialize(value as never)],
  ])
  const replayed = new LocalReplay(described, {
    without: ['intent', 'learn', 'measure'],
    onRecord: (topic, record) => {
      if (!isMark(record.key)) expected.get(topic)?.push(`${record.time} ${record.key} ${bytesOf.get(topic)?.(record.value).toString('utf8') ?? ''}`)
    },
  })
  await pace(stream.events, replayed, { ...paced, onProgress: () => {} })
  let equal = 0
  for (const { name } of compared) {
    const actual = (await readTopic(cluster, name)).filter(record => !isMark(record.key)).map(record => `${record.time} ${record.key} ${record.value?.toString('utf8') ?? ''}`)
    const wanted = expected.get(name) ?? []
    for (const [index, line] of wanted.entries()) assert.equal(actual[index], line, `${name}: record ${index} of ${wanted.length}`)
    assert.equal(actual.length, wanted.length, `${name}: as many records`)
    equal += wanted.length
  }
  return equal
}
