import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { app } from '../dsl/app.ts'
import { topic } from '../dsl/topic.ts'
import { external } from '../engines/process.ts'
import { text } from '../serde/text.ts'
import { build } from './build.ts'
import { upstreamFirst } from './order.ts'

const named = (name: string): ReturnType<typeof topic<string, string>> => topic(name, { key: text, value: text })
const [a, b, c, d] = [named('a'), named('b'), named('c'), named('d')]

test('writers come before readers, whatever the order of declaration', () => {
  const plan = build(app('x')
    .task('last', { on: external(), reads: [c, b], writes: [d] })
    .task('second', { on: external(), reads: [b], writes: [c] })
    .task('first', { on: external(), reads: [a], writes: [b] }))
  assert.deepEqual(upstreamFirst(plan).map(task => task.name), ['first', 'second', 'last'])
})

test('a cycle is entered where it was declared first', () => {
  const plan = build(app('x')
    .task('loop', { on: external(), reads: [a, c], writes: [b] })
    .task('back', { on: external(), reads: [b], writes: [c] }))
  assert.deepEqual(upstreamFirst(plan).map(task => task.name), ['back', 'loop'])
})
