/**
 * The stores of a node and the changelog topic of each (rule P3).
 *
 * A changelog whose rows expire is deleted by the time of its append, a departure from P3's CreateTime: it holds rows of old event
 * time when old data is replayed, and those must not be deleted on arrival.
 */
import { int64 } from '../serde/number.ts'
import type { Serde } from '../serde/serde.ts'
import { bytes } from '../serde/bytes.ts'
import type { Node } from './node.ts'
import type { ChangelogTopic, StorePlan } from './plan.ts'

const DAY_MS = 86_400_000
/** A changelog of rows that expire keeps them a day longer than the store does: clocks differ. */
const CHANGELOG_SLACK_MS = DAY_MS
/** Brokers compact and expire finished segments alone; their own default of 1 GiB would keep every change of days, to be read at each rebuild and each start. */
const SEGMENTS = { 'segment.bytes': String(16 * 1024 * 1024) }

export function storesOf(group: string, node: Node, subTopology: number): StorePlan[] {
  const at = { node: node.id, subTopology }
  switch (node.kind) {
    case 'table':
      return [{ ...at, name: node.store, kind: 'keyed', use: 'table', key: node.key, value: node.value, retentionMs: undefined, changelog: compacted(group, node.store) }]
    case 'aggregate': {
      const key = node.output.key
      if (node.window === undefined) return [{ ...at, name: node.store, kind: 'keyed', use: 'aggregate', key, value: node.state, retentionMs: undefined, changelog: compacted(group, node.store) }]
      const spanMs = node.window.kind === 'time' ? node.window.sizeMs : node.window.gapMs
      const retentionMs = spanMs + node.window.graceMs
      const use = node.window.kind === 'time' ? 'timeWindow' : 'session'
      return [{ ...at, name: node.store, kind: 'window', use, key, value: node.state, retentionMs, changelog: expiring(group, node.store, retentionMs) }]
    }
    case 'distinct':
      return [{ ...at, name: node.store, kind: 'window', use: 'distinct', key: node.output.key, value: int64, retentionMs: node.withinMs, changelog: expiring(group, node.store, node.withinMs) }]
    case 'process': {
      const state = { ...at, name: node.store, kind: 'keyed', use: 'process', key: node.output.key, value: node.state, retentionMs: undefined, changelog: compacted(group, node.store) } as const satisfies StorePlan
      if (node.timersStore === undefined) return [state]
      const empty: Serde<unknown> = bytes
      return [state, { ...at, name: node.timersStore, kind: 'timers', use: 'timers', key: node.output.key, value: empty, retentionMs: undefined, changelog: compacted(group, node.timersStore) }]
    }
    default:
      return []
  }
}

function compacted(group: string, store: string): ChangelogTopic {
  return { name: `${group}.${store}.changelog`, config: { 'cleanup.policy': 'compact', ...SEGMENTS, 'message.timestamp.type': 'CreateTime' } }
}

function expiring(group: string, store: string, retentionMs: number): ChangelogTopic {
  return {
    name: `${group}.${store}.changelog`,
    config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(retentionMs + CHANGELOG_SLACK_MS), ...SEGMENTS, 'message.timestamp.type': 'LogAppendTime' },
  }
}
