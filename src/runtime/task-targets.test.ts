import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, text, topic } from 'millrace'
import { files } from 'millrace/sinks'
import { build } from '../topology/build.ts'
import type { ToNode } from '../topology/node.ts'
import { ShardOutlet } from './task-targets.ts'
import type { Origin } from './operators/operator.ts'

const events = topic('e', { key: text, value: text })

function nodes(): readonly ToNode[] {
  const plan = build(app('a').task('t', ({ read }) => {
    read(events).to('one', files({ directory: '/one' }))
    read(events).to('two', files({ directory: '/two' }))
  })).tasks[0]
  assert.ok(plan?.kind === 'native')
  return plan.subTopologies.flatMap(sub => sub.nodes.flatMap(node => node.kind === 'to' ? [node] : []))
}

const at = (offset: number): Origin => ({ topic: 'e', partition: 0, offset, keyBytes: undefined, valueBytes: undefined, headers: () => [], lateKey: () => undefined })
const committed = (offset: number): { topic: string; partition: number; offset: number; leaderEpoch: number; metadata: string } => ({ topic: 'e', partition: 0, offset, leaderEpoch: 4, metadata: 'm' })

function outlet(exclusive: boolean, positions: readonly (number | undefined)[]): ShardOutlet {
  const made = new ShardOutlet({ key: '0_0', partition: 0, inputs: [{ topic: 'e', partition: 0 }] }, exclusive)
  for (const [index, node] of nodes().entries()) {
    const offset = positions[index]
    made.open(node, offset === undefined ? [] : [{ topic: 'e', partition: 0, offset }])
  }
  return made
}

test('B2: rows of records below a position are left out, sink by sink, and keep their numbers', () => {
  const made = outlet(true, [2, undefined])
  for (const offset of [0, 1, 1, 2]) for (const name of ['one', 'two']) made.add(name, 'k', `v${offset}`, 1, at(offset))
  assert.deepEqual(made.sinks.get('one')?.rows.map(row => [row.offset, row.index]), [[2, 0]])
  assert.deepEqual(made.sinks.get('two')?.rows.map(row => [row.offset, row.index]), [[0, 0], [1, 0], [1, 1], [2, 0]])
  assert.throws(() => made.add('one', 'k', 'v', 1, at(-1)), /no single record/)
})

test('B3: where targets alone come out of a shard, it starts where the least of them stands, before the group or behind it', () => {
  for (const group of [committed(5), committed(50), committed(-1)]) {
    const { offsets, missing } = outlet(true, [12, 9]).startOf([group])
    assert.deepEqual([offsets.map(entry => entry.offset), missing], [[9], []])
  }
  assert.deepEqual(outlet(true, [12, undefined]).startOf([committed(5)]).offsets, [committed(5)], 'a new sink begins where the group is')
  assert.deepEqual(outlet(true, [undefined, undefined]).startOf([]).offsets, [])
})

test('B3: a shard that writes to Kafka too goes on from its offsets, and says what a sink would miss', () => {
  assert.deepEqual(outlet(false, [12, 9]).startOf([committed(5)]), { offsets: [committed(5)], missing: [] })
  assert.deepEqual(outlet(false, [12, 9]).startOf([committed(20)]), { offsets: [committed(20)], missing: [{ topic: 'e', partition: 0, offset: 9 }] })
})
