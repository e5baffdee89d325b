import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { MemoryBlocks } from './memory-blocks.ts'

const MIB = 1024 * 1024

test('a block that was given back is lent again, whatever part of it was used', () => {
  const blocks = new MemoryBlocks()
  const first = blocks.take(3 * MIB)
  assert.equal(first.length, 3 * MIB)
  blocks.give(first.subarray(0, 2 * MIB))
  assert.ok(blocks.keptBytes >= 3 * MIB)
  const second = blocks.take(3 * MIB - 61)
  assert.equal(second.buffer, first.buffer)
  assert.equal(blocks.keptBytes, 0)
})

test('a block is free when all its holders have given it back, and only then', () => {
  const blocks = new MemoryBlocks()
  const block = blocks.take(MIB)
  blocks.hold(block.subarray(5, 10))
  blocks.give(block)
  assert.notEqual(blocks.take(MIB).buffer, block.buffer)
  blocks.give(block.subarray(1))
  blocks.give(block)
  const [again, more] = [blocks.take(MIB), blocks.take(MIB)]
  assert.equal(again.buffer, block.buffer)
  assert.notEqual(more.buffer, block.buffer)
})

test('a block that somebody keeps is not used again', () => {
  const blocks = new MemoryBlocks()
  const block = blocks.take(MIB)
  blocks.hold(block)
  blocks.keep(block.subarray(7))
  blocks.give(block)
  blocks.give(block)
  assert.equal(blocks.keptBytes, 0)
  assert.notEqual(blocks.take(MIB).buffer, block.buffer)
})

test('memory of others is never taken in, small and very large reads have their own', () => {
  const blocks = new MemoryBlocks()
  for (const bytes of [Buffer.alloc(MIB), blocks.take(1), blocks.take(16_383), blocks.take(9 * MIB)]) {
    blocks.hold(bytes)
    blocks.give(bytes)
    blocks.give(bytes)
  }
  assert.equal(blocks.keptBytes, 0)
  assert.equal(blocks.take(9 * MIB).length, 9 * MIB)
  assert.equal(blocks.take(0).length, 0)
})

test('a block is at most an eighth larger than what was asked', () => {
  const { below, seedText } = seededRandom()
  const blocks = new MemoryBlocks()
  for (let round = 0; round < 2000; round++) {
    const length = 2 ** 14 + below(2 ** 23 - 2 ** 14 + 1)
    const { byteLength } = blocks.take(length).buffer
    assert.ok(byteLength >= length && byteLength <= length * 1.125, `${seedText}: ${length} in ${byteLength}`)
  }
})

test('what is kept is bounded, and the sizes that are asked for stay', () => {
  const blocks = new MemoryBlocks(4 * MIB)
  for (const each of [1, 2, 3, 4, 5].map(() => blocks.take(MIB))) blocks.give(each)
  assert.equal(blocks.keptBytes, 4 * MIB)
  const small = [1, 2, 3, 4].map(() => blocks.take(MIB / 2))
  for (const each of small) blocks.give(each)
  assert.ok(blocks.keptBytes <= 4 * MIB && blocks.keptBytes > 3 * MIB)
  const again = blocks.take(MIB / 2)
  assert.ok(small.some(each => each.buffer === again.buffer))
})
