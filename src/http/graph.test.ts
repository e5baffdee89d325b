import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { json } from '../serde/json.ts'
import { build } from '../topology/build.ts'
import { type AppGraph, describe } from '../topology/describe.ts'
import { process } from '../engines/process.ts'
import type { ForeignTask, TopicSpec } from '../topology/node.ts'
import { graphOf } from './graph.ts'

const declared = new Map<string, TopicSpec>()
const declare = (name: string): TopicSpec => ({ kind: 'topic', name, key: json(), value: json(), time: undefined, disorderMs: 0, partitions: 1, replicas: undefined, retentionMs: undefined, cleanup: undefined })
function topic(name: string): TopicSpec {
  const spec = declared.get(name) ?? declare(name)
  declared.set(name, spec)
  return spec
}
const task = (name: string, reads: string[], writes: string[]): ForeignTask => ({
  kind: 'foreign', name, reads: reads.map(topic), writes: writes.map(topic), site: undefined,
  on: process({ command: 'x' }), link: {},
})
const app = (...tasks: ForeignTask[]): AppGraph => describe(build({ name: 'a', tasks, guarantee: 'exactlyOnce' }))

test('each box stands right of what feeds it, the same each time', () => {
  const described = app(task('t1', ['in'], ['mid']), task('t2', ['mid', 'in'], ['out']))
  const graph = graphOf(described)
  const column = (id: string): number | undefined => graph.nodes.find(node => node.id === id)?.column
  for (const edge of graph.edges) assert.ok((column(edge.from) ?? 0) < (column(edge.to) ?? 0), `${edge.from} → ${edge.to}`)
  assert.equal(graph.columns, 5)
  assert.deepEqual(graphOf(described), graph)
  assert.equal(new Set(graph.nodes.map(node => `${node.column}/${node.row}`)).size, graph.nodes.length, 'no two boxes on one place')
})

test('a cycle is drawn with one edge backwards', () => {
  const graph = graphOf(app(task('ask', ['questions'], ['work']), task('answer', ['work'], ['questions'])))
  const column = new Map(graph.nodes.map(node => [node.id, node.column]))
  const backwards = graph.edges.filter(edge => (column.get(edge.from) ?? 0) >= (column.get(edge.to) ?? 0))
  assert.equal(backwards.length, 1)
})

test('what rows go to beside Kafka is a box of its own behind its task', () => {
  const described = app(task('t1', ['in'], ['mid']))
  const graph = graphOf({ ...described, targets: [{ id: 'target:t1.archive', task: 't1', kind: 'files', detail: '/tmp/till', delivery: 'exactlyOnce' }], edges: [...described.edges, { from: 'task:t1', to: 'target:t1.archive', as: 'target' }] })
  const drawn = graph.nodes.find(node => node.kind === 'target')
  assert.deepEqual([drawn?.name, drawn?.detail, drawn?.column], ['files', '/tmp/till (exactlyOnce)', 2])
})
