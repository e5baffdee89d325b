import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownLists, type KnownList } from './known-lists.ts'

function listAt(version: number, item: string): KnownList {
  return {
    recs: { at: version, session: 1, position: version, item, group: 'cooc', items: [], seen: [item], origin: '0@0', received: 0, sessionized: 0, recommended: 0 },
    version,
  }
}

test('a list that comes after a newer one of its visitor is dropped, and so is the same one again', () => {
  const lists = new KnownLists({ visitorsMax: 10 })
  assert.equal(lists.take('v', listAt(7, 'newer')), true)
  assert.equal(lists.take('v', listAt(6, 'older')), false)
  assert.equal(lists.take('v', listAt(7, 'again')), false)
  assert.equal(lists.of('v')?.recs.item, 'newer')
  // Another visitor's offsets say nothing: they may be of another partition.
  assert.equal(lists.take('w', listAt(2, 'theirs')), true)
  assert.equal(lists.take('v', listAt(8, 'newest')), true)
  assert.equal(lists.of('v')?.recs.item, 'newest')
})

test('who was heard of longest ago is forgotten first', () => {
  const lists = new KnownLists({ visitorsMax: 2 })
  lists.take('a', listAt(1, 'x'))
  lists.take('b', listAt(2, 'x'))
  lists.take('a', listAt(3, 'x'))
  lists.take('c', listAt(4, 'x'))
  assert.deepEqual(['a', 'b', 'c'].map(visitor => lists.of(visitor)?.version), [3, undefined, 4])
})
