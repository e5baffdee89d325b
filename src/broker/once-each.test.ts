import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { onceEach } from './once-each.ts'

test('each key once, where it first comes and as it was then', () => {
  const items = [{ name: 'a', at: 0 }, { name: 'b', at: 1 }, { name: 'a', at: 2 }, { name: 'a', at: 3 }]
  assert.deepEqual(onceEach(items, ({ name }) => name), [{ item: { name: 'a', at: 0 }, isRepeated: true }, { item: { name: 'b', at: 1 }, isRepeated: false }])
  assert.deepEqual(onceEach([], name => name), [])
})
