/** What the processes of all apps have told of themselves in the last minutes: the end of `__millrace.metrics`, read once. */
import type { Admin } from '../client/admin.ts'
import type { Cluster } from '../client/cluster.ts'
import { FetchedCursor } from '../client/fetched-batches.ts'
import { Fetcher } from '../client/fetcher.ts'
import { decodeSnapshot, METRICS_TOPIC } from '../runtime/snapshot.ts'
import type { ProcessSnapshot } from '../runtime/snapshot.ts'

/** Of the log: processes tell once a second. */
const RECORDS_MAX = 3_000
const READ_MS_MAX = 3_000

/** The last `recordsMax` of the log, oldest first; empty where no process has ever told anything. */
export async function metricsTail(cluster: Cluster, admin: Admin, recordsMax: number = RECORDS_MAX): Promise<ProcessSnapshot[]> {
  if (!(await admin.listTopics({ internal: true })).includes(METRICS_TOPIC)) return []
  const place = [{ topic: METRICS_TOPIC, partition: 0 }]
  const [[start], [end]] = await Promise.all([admin.listOffsets(place, 'earliest'), admin.listOffsets(place, 'latest')])
  const last = (end?.offset ?? 0) - 1
  const from = Math.max(start?.offset ?? 0, last + 1 - recordsMax)
  if (from > last) return []
  const found: ProcessSnapshot[] = []
  let [offset, wake] = [from - 1, (): void => {}]
  const fetcher = new Fetcher(cluster, { isolation: 'read_uncommitted', waitMsMax: 100, onData: () => wake(), onError: () => { offset = last; wake() } })
  const { clock } = cluster.env
  const deadline = clock.monotonic() + READ_MS_MAX
  const cursor = new FetchedCursor()
  fetcher.assign(METRICS_TOPIC, 0, from)
  try {
    while (offset < last && clock.monotonic() < deadline) {
      const woken = new Promise<void>(resolve => { wake = resolve })
      const batches = fetcher.poll()
      if (batches === undefined) {
        await Promise.race([woken, clock.sleep(50)])
        continue
      }
      cursor.open(batches)
      while (cursor.next()) {
        offset = cursor.offset
        const snapshot = cursor.valueStart === -1 ? undefined : decodeSnapshot(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd))
        if (snapshot !== undefined) found.push(snapshot)
      }
      batches.release()
    }
  } finally {
    await fetcher.close()
  }
  return found
}
