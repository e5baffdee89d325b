/**
 * Places in a topic as people write them, and the offsets they mean.
 *
 *   earliest · latest · 4711 (that offset) · -100 (100 before the end) · -5m, -1h, -2d (that long ago) · 2026-11-22T10:00:00Z
 */
import type { Admin } from '../client/admin.ts'
import type { TopicPartition } from '../client/types.ts'
import { usage } from './command.ts'

export type Place =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset', readonly offset: number }
  | { readonly kind: 'beforeEnd', readonly count: number }
  | { readonly kind: 'time', readonly epochMs: number }

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Throws `USAGE` naming the forms. `now` is epoch milliseconds. */
export function parsePlace(text: string, now: number): Place {
  if (text === 'earliest' || text === 'latest') return { kind: text }
  if (/^\d+$/.test(text)) return { kind: 'offset', offset: Number(text) }
  if (/^-\d+$/.test(text)) return { kind: 'beforeEnd', count: -Number(text) }
  const ago = /^-(\d+)([smhd])$/.exec(text)
  if (ago !== null) return { kind: 'time', epochMs: now - Number(ago[1]) * (UNIT_MS[ago[2] ?? 's'] ?? 1000) }
  const epochMs = Date.parse(text)
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && Number.isFinite(epochMs)) return { kind: 'time', epochMs }
  throw usage(`'${text}' is no place in a topic. Write earliest, latest, an offset (4711), a count before the end (-100), a time ago (-5m, -1h, -2d) or a date (2026-11-22T10:00:00Z).`)
}

/** The offset of `place` in each partition, within what the partition still holds. */
export async function offsetsAt(admin: Admin, partitions: readonly TopicPartition[], place: Place): Promise<Map<number, number>> {
  const [starts, ends] = await Promise.all([admin.listOffsets(partitions, 'earliest'), admin.listOffsets(partitions, 'latest')])
  const start = new Map(starts.map(listing => [listing.partition, listing.offset]))
  const end = new Map(ends.map(listing => [listing.partition, listing.offset]))
  const within = (partition: number, offset: number): number => Math.min(Math.max(offset, start.get(partition) ?? 0), end.get(partition) ?? 0)
  switch (place.kind) {
    case 'earliest': return start
    case 'latest': return end
    case 'offset': return new Map(partitions.map(({ partition }) => [partition, within(partition, place.offset)]))
    case 'beforeEnd': return new Map(partitions.map(({ partition }) => [partition, within(partition, (end.get(partition) ?? 0) - place.count)]))
    case 'time': {
      const found = await admin.listOffsets(partitions, { timestamp: place.epochMs })
      return new Map(found.map(({ partition, offset }) => [partition, offset === -1 ? end.get(partition) ?? 0 : offset]))
    }
  }
}
