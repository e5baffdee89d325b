import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadBlocks } from './read-blocks.ts'

const MIB = 1024 * 1024

test('a block that was given back is lent again, whatever part of it was sent', () => {
  const blocks = new ReadBlocks()
  const first = blocks.take(3 * MIB)
  assert.equal(first.length, 3 * MIB)
  blocks.give(first.subarray(0, 2 * MIB))
  assert.ok(blocks.keptBytes >= 3 * MIB)
  const second = blocks.take(4 * MIB + 61)
  assert.equal(second.buffer, first.buffer)
  assert.equal(blocks.keptBytes, 0)
})

test('a block is with one reader: not lent twice, and given back once', () => {
  const blocks = new ReadBlocks()
  const [one, other] = [blocks.take(MIB), blocks.take(MIB)]
  assert.notEqual(one.buffer, other.buffer)
  blocks.give(one)
  blocks.give(one)
  const [again, more] = [blocks.take(MIB), blocks.take(MIB)]
  assert.equal(again.buffer, one.buffer)
  assert.notEqual(more.buffer, one.buffer)
})

test('memory of others is never taken in, small and very large reads have their own', () => {
  const blocks = new ReadBlocks()
  for (const bytes of [Buffer.alloc(MIB), blocks.take(1), blocks.take(100_000), blocks.take(9 * MIB)]) blocks.give(bytes)
  assert.equal(blocks.keptBytes, 0)
  assert.equal(blocks.take(9 * MIB).length, 9 * MIB)
  assert.equal(blocks.take(0).length, 0)
})

test('what is kept is bounded', () => {
  const blocks = new ReadBlocks(2 * MIB)
  const lent = [blocks.take(MIB - 4_096), blocks.take(MIB - 4_096), blocks.take(MIB - 4_096)]
  for (const each of lent) blocks.give(each)
  assert.ok(blocks.keptBytes <= 2 * MIB && blocks.keptBytes > 0)
})
