import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/number.ts'
import { record } from '../serde/record.ts'
import { text } from '../serde/text.ts'
import type { Node } from '../topology/node.ts'
import { app, deadLetter, type App } from './app.ts'
import { topic } from './topic.ts'
import type { Stream } from './stream.ts'

const Event = record({ type: text, item: text, at: int64 })
const events = topic('events', { key: text, value: Event, time: 'at', partitions: 4, retention: '7 days' })
const counts = topic('counts', { key: text, value: int64 })

function nodesOf(described: App): readonly Node[] {
  const [task] = described.tasks
  assert.ok(task?.kind === 'native')
  return task.nodes
}

test('each step is one node, with its inputs, its name and the place it was written', () => {
  const nodes = nodesOf(app('a').task('t', ({ read }) => read(events).filter(e => e.type === 'view').keyBy(e => e.item).count('views').write(counts)))
  assert.deepEqual(nodes.map(node => [node.kind, node.name, node.inputs.map(edge => edge.node)]), [
    ['source', 'events', []],
    ['filter', 'filter-1', [0]],
    ['keyBy', 'keyBy-2', [1]],
    ['aggregate', 'views', [2]],
    ['sink', 'sink-4', [3]],
  ])
  for (const node of nodes) assert.match(node.site?.file ?? '', /dsl\.test\.(js|ts)$/)
})

test('an app is not changed by adding a task to it', () => {
  const empty = app('a')
  const one = empty.task('t', ({ read }) => read(events).peek(() => undefined))
  assert.equal(empty.tasks.length, 0)
  assert.equal(one.tasks.length, 1)
})

test('a task is closed once its function has returned', () => {
  const kept: Stream<string, { readonly item: string }>[] = []
  app('a').task('t', ({ read }) => { kept.push(read(events)) })
  assert.throws(() => kept[0]?.map(event => event.item), { code: 'TOPOLOGY_INVALID', message: /task 't' is described already/ })
})

test('reading a topic twice in the same way is one source, in another way another', () => {
  const nodes = nodesOf(app('a').task('t', ({ read }) => [read(events), read(events), read(events, { fields: ['item'] })]))
  assert.deepEqual(nodes.map(node => node.kind === 'source' ? node.fields : 'other'), [undefined, ['item']])
})

test('a source of some fields takes its time from a field that is not among them', () => {
  const [source] = nodesOf(app('a').task('t', ({ read }) => read(events, { fields: ['item'] })))
  assert.ok(source?.kind === 'source')
  const bytes = Buffer.from('{"type":"view","item":"i","at":42}')
  const value = source.value.deserialize(bytes, 0, bytes.length)
  assert.deepEqual(value, { item: 'i' })
  assert.equal(source.time?.(value, 7), 42)
})

test('fields can be chosen of records only, with a time that is a field', () => {
  const loose = topic('loose', { key: text, value: json<{ a: string }>() })
  assert.throws(() => app('a').task('t', ({ read }) => read(loose, { fields: ['a'] })), /only those of record\({ … }\) have fields/)
  const computed = topic('computed', { key: text, value: Event, time: event => event.at })
  assert.throws(() => app('a').task('t', ({ read }) => read(computed, { fields: ['item'] })), /declare the topic with the name of the field/)
})

test('windows are read from durations', () => {
  const windowOf = (described: App): unknown => nodesOf(described).flatMap(node => node.kind === 'aggregate' ? [node.window] : [])[0]
  assert.deepEqual(windowOf(app('a').task('t', ({ read }) => read(events).window({ tumbling: '1 minute', grace: '10 seconds' }).count())), { kind: 'time', sizeMs: 60_000, advanceMs: 60_000, graceMs: 10_000, emit: 'updates' })
  assert.deepEqual(windowOf(app('a').task('t', ({ read }) => read(events).window({ hopping: '1 minute', every: '10s' }).count())), { kind: 'time', sizeMs: 60_000, advanceMs: 10_000, graceMs: 0, emit: 'updates' })
  assert.deepEqual(windowOf(app('a').task('t', ({ read }) => read(events).window({ session: '30 minutes', emit: 'final' }).count())), { kind: 'session', gapMs: 1_800_000, graceMs: 0, emit: 'final' })
  assert.throws(() => app('a').task('t', ({ read }) => read(events).window({ hopping: '10s', every: '1 minute' }).count()), /would leave gaps/)
  assert.throws(() => app('a').task('t', ({ read }) => read(events).window({ tumbling: '0 ms' }).count()), /too short for a window/)
})

test('count, reduce and aggregate are folds', () => {
  const nodes = nodesOf(app('a').task('t', ({ read }) => {
    const numbers = read(topic('numbers', { key: text, value: int64 }))
    numbers.count()
    numbers.reduce((left, right) => Math.max(left, right))
    numbers.aggregate({ zero: () => 0, add: (sum, value) => sum + value })
  }))
  const fold = (flavour: string, values: readonly number[]): unknown => {
    const node = nodes.find(each => each.kind === 'aggregate' && each.flavour === flavour)
    assert.ok(node?.kind === 'aggregate')
    const context = { key: 'k', window: undefined, time: 0, topic: '', partition: 0, offset: 0, headers: [] }
    return values.reduce<unknown>((state, value) => node.add(state, value, context), node.zero())
  }
  assert.equal(fold('count', [5, 5, 5]), 3)
  assert.equal(fold('reduce', [5, 9, 2]), 9)
  assert.equal(fold('reduce', [5]), 5)
  assert.equal(fold('aggregate', [5, 9, 2]), 16)
})

test('tasks are linked by topics only', () => {
  const kept: Stream<string, { readonly item: string }>[] = []
  const first = app('a').task('one', ({ read }) => { kept.push(read(events)) })
  assert.throws(() => first.task('two', ({ read }) => { for (const other of kept) read(events).merge(other) }), /task 'two' uses a stream of task 'one'/)
})

test('names are checked where they are given', () => {
  assert.throws(() => app('my.app'), { code: 'TOPOLOGY_INVALID', message: /app name 'my\.app' must be .*no dot/ })
  assert.throws(() => app('a').task('a b', ({ read }) => read(events)), /task name 'a b'/)
  assert.throws(() => app('a').task('t', ({ read }) => read(events)).task('t', ({ read }) => read(events)), /two tasks named 't'/)
  assert.throws(() => topic('a topic', { key: text, value: text }), /topic name 'a topic'/)
  assert.throws(() => deadLetter(''), /topic name ''/)
  assert.throws(() => topic('t', { key: text, value: text, partitions: 0 }), /partitions of topic 't' must be a whole number/)
})

test('options of a topic and of a task are kept as data', () => {
  assert.equal(events.retentionMs, 604_800_000)
  assert.equal(topic('x', { key: text, value: text, retention: 'forever' }).retentionMs, -1)
  const [one, two] = app('a', { guarantee: 'atLeastOnce' })
    .task('one', ({ read }) => read(events), { onError: deadLetter('bad'), guarantee: 'exactlyOnce' })
    .task('two', ({ read }) => read(events), { onError: 'skip' }).tasks
  assert.ok(one?.kind === 'native' && two?.kind === 'native')
  assert.deepEqual([one.onError, one.guarantee], [{ kind: 'deadLetter', topic: 'bad' }, 'exactlyOnce'])
  assert.deepEqual([two.onError, two.guarantee], [{ kind: 'skip' }, undefined])
})

test('a Standard Schema stands in for a serde', () => {
  const checked = topic('checked', { key: text, value: { '~standard': { version: 1, vendor: 'by-hand', validate: (value: unknown) => ({ value: String(value) }) } } })
  const bytes = Buffer.from('5')
  assert.equal(checked.value.kind, 'by-hand')
  assert.equal(checked.value.deserialize(bytes, 0, 1), '5')
})
