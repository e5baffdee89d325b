import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBlocks } from './memory-blocks.ts'
import { TailBudget, TailCache } from './tail-cache.ts'

const KIB = 1024

/** Batches of one request, in one block of memory. */
function requestOf(batches: number, bytesEach: number): { readonly block: ArrayBufferLike; readonly parts: readonly Buffer[] } {
  const frame = Buffer.alloc(batches * bytesEach + 100)
  return { block: frame.buffer, parts: Array.from({ length: batches }, (_, index) => frame.subarray(100 + index * bytesEach, 100 + (index + 1) * bytesEach)) }
}

function isCopied(bytes: Buffer, companions?: { readonly count: number; readonly bytes: number }): boolean {
  const cache = new TailCache(new TailBudget(1024 * KIB, new MemoryBlocks()))
  cache.add({ baseOffset: 0, nextOffset: 1, bytes }, companions)
  return cache.from(0)?.chunks[0]?.bytes.buffer !== bytes.buffer
}

test('a batch that keeps little else alive is kept where it stands; one in a block of others is copied', () => {
  const [alone] = requestOf(1, 64 * KIB).parts
  const [one] = requestOf(4, 64 * KIB).parts
  assert.ok(alone !== undefined && one !== undefined)
  assert.equal(isCopied(alone), false)
  assert.equal(isCopied(one), true)
})

test('the few batches of one request share its memory; of many, and of a request that is mostly something else, each is copied', () => {
  const few = requestOf(4, 64 * KIB)
  const many = requestOf(9, 64 * KIB)
  for (const part of few.parts) {
    assert.equal(isCopied(part, { count: 4, bytes: 4 * 64 * KIB }), false)
    assert.equal(isCopied(part, { count: 2, bytes: 2 * 64 * KIB }), true)
  }
  for (const part of many.parts) assert.equal(isCopied(part, { count: 9, bytes: 9 * 64 * KIB }), true)
})

test('what the caches of all partitions hold stays within their budget, and the oldest goes first', () => {
  const budget = new TailBudget(256 * KIB, new MemoryBlocks())
  const caches = [new TailCache(budget), new TailCache(budget)]
  for (let round = 0; round < 10; round++) {
    const { parts } = requestOf(2, 32 * KIB)
    for (const [index, cache] of caches.entries()) cache.add({ baseOffset: round, nextOffset: round + 1, bytes: parts[index] ?? Buffer.alloc(0) }, { count: 2, bytes: 64 * KIB })
    assert.ok(budget.bytes <= budget.bytesMax)
  }
  for (const cache of caches) {
    assert.equal(cache.from(5), undefined)
    const { chunks, index } = cache.from(6) ?? { chunks: [], index: 0 }
    assert.deepEqual(chunks.slice(index).map(chunk => chunk.baseOffset), [6, 7, 8, 9])
  }
})

test('the block of a request is held until the last of its batches is dropped', () => {
  const blocks = new MemoryBlocks()
  const cache = new TailCache(new TailBudget(256 * KIB, blocks))
  const frame = blocks.take(128 * KIB)
  const parts = [frame.subarray(0, 64 * KIB), frame.subarray(64 * KIB)]
  for (const [index, bytes] of parts.entries()) cache.add({ baseOffset: index, nextOffset: index + 1, bytes }, { count: 2, bytes: 128 * KIB })
  blocks.give(frame)
  assert.equal(blocks.keptBytes, 0)
  cache.dropBelow(1)
  assert.equal(blocks.keptBytes, 0)
  cache.clear()
  assert.equal(blocks.keptBytes, 128 * KIB)
  // What is copied lies in a block too, of its own.
  const other = blocks.take(128 * KIB)
  cache.add({ baseOffset: 2, nextOffset: 3, bytes: other.subarray(0, 32 * KIB) })
  blocks.give(other)
  assert.equal(blocks.keptBytes, 128 * KIB)
  cache.clear()
  assert.equal(blocks.keptBytes, 160 * KIB)
})
