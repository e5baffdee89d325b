/**
 * Lag of consumer groups, in records and in seconds, from what any Kafka tells: committed offsets, ends, and the timestamp
 * of the first record that was not yet consumed. The status page, `/metrics` and `millrace lag` all use this one function.
 *
 * G1. `records` counts offsets from the committed one to the last stable offset: an upper bound, markers and gaps included.
 * G2. `seconds` is the age of the oldest record not consumed; 0 where nothing waits, `null` where it could not be read.
 * G3. A partition without a committed offset has `committed: null` and counts from the partition's start.
 * G4. `held` counts offsets behind the last stable one: of transactions that are open, and of what came after their first record. No lag: nobody may read them yet.
 */
import type { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import type { TopicPartition } from '../client/types.ts'
import type { GroupLag } from '../planner/catch-up.ts'

export interface PartitionLag extends GroupLag {
  readonly seconds: number | null
}

export interface LagOptions {
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number
  /** How long to wait for the records whose age is the lag in seconds. Default 2,000. */
  readonly readMsMax?: number | undefined
}

export async function collectLag(cluster: Cluster, admin: Admin, groups: readonly string[], options: LagOptions): Promise<PartitionLag[]> {
  const committed = (await Promise.all(groups.map(async group => (await admin.groupOffsets(group)).map(entry => ({ group, ...entry }))))).flat()
  if (committed.length === 0) return []
  const places = unique(committed)
  const [starts, ends, tops] = await Promise.all([admin.listOffsets(places, 'earliest'), admin.listOffsets(places, 'latest', { isolation: 'read_committed' }), admin.listOffsets(places, 'latest')])
  const startOf = new Map(starts.map(listing => [name(listing), listing.offset]))
  const topOf = new Map(tops.map(listing => [name(listing), listing.offset]))
  const endOf = new Map(ends.map(listing => [name(listing), listing.offset]))
  const rows = committed.map(entry => {
    const end = endOf.get(name(entry)) ?? 0
    const from = Math.max(entry.offset < 0 ? 0 : entry.offset, startOf.get(name(entry)) ?? 0)
    return { group: entry.group, topic: entry.topic, partition: entry.partition, committed: entry.offset < 0 ? null : entry.offset, end, from, records: Math.max(0, end - from), held: Math.max(0, (topOf.get(name(entry)) ?? end) - end) }
  })
  const behind = rows.filter(row => row.records > 0)
  const times = await timesAt(cluster, behind, options)
  const now = options.now()
  return rows.map(({ from, ...row }) => {
    const time = times.get(`${name(row)}@${from}`)
    return { ...row, seconds: row.records === 0 ? 0 : time === undefined ? null : Math.max(0, (now - time) / 1000) }
  })
}

/** Timestamps of the first record at or after each place; a place whose record does not come in time is left out. */
async function timesAt(cluster: Cluster, places: readonly (TopicPartition & { readonly from: number })[], options: LagOptions): Promise<Map<string, number>> {
  const times = new Map<string, number>()
  // Two groups may wait at different offsets of one partition: one pass for each such layer.
  const layers: (typeof places[number])[][] = []
  for (const place of places) {
    const layer = layers.find(each => each.every(other => name(other) !== name(place)))
    if (layer === undefined) layers.push([place])
    else if (!layer.some(other => name(other) === name(place) && other.from === place.from)) layer.push(place)
  }
  for (const layer of layers) await readLayer(cluster, layer, options, times)
  return times
}

async function readLayer(cluster: Cluster, layer: readonly (TopicPartition & { readonly from: number })[], options: LagOptions, times: Map<string, number>): Promise<void> {
  let wake = (): void => {}
  const waiting = new Map(layer.map(place => [name(place), place]))
  const fetcher = new Fetcher(cluster, {
    isolation: 'read_committed', bytesPerPartitionMax: 16_384, waitMsMax: 100,
    onData: () => wake(),
    // A partition that cannot be read has its seconds unknown (G2).
    onError: (topic, partition) => { waiting.delete(`${topic}/${partition}`); wake() },
  })
  const clock = cluster.env.clock
  const deadline = clock.monotonic() + (options.readMsMax ?? 2000)
  const cursor = new FetchedCursor()
  for (const place of layer) fetcher.assign(place.topic, place.partition, place.from)
  try {
    while (waiting.size > 0 && clock.monotonic() < deadline) {
      const woken = new Promise<void>(resolve => { wake = resolve })
      const batches = fetcher.poll()
      if (batches === undefined) {
        await Promise.race([woken, clock.sleep(50)])
        continue
      }
      const place = waiting.get(name(batches))
      if (place !== undefined && cursor.open(batches).next()) {
        times.set(`${name(place)}@${place.from}`, cursor.timestamp)
        waiting.delete(name(place))
        fetcher.unassign(place.topic, place.partition)
      }
      batches.release()
    }
  } finally {
    await fetcher.close()
  }
}

function unique(places: readonly TopicPartition[]): TopicPartition[] {
  return [...new Map(places.map(({ topic, partition }) => [name({ topic, partition }), { topic, partition }])).values()]
}

function name(place: TopicPartition): string {
  return `${place.topic}/${place.partition}`
}
