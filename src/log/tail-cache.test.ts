import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TailBudget, TailCache } from './tail-cache.ts'

const KIB = 1024

/** Batches of one request, in one block of memory. */
function requestOf(batches: number, bytesEach: number): { readonly block: ArrayBufferLike; readonly parts: readonly Buffer[] } {
  const frame = Buffer.alloc(batches * bytesEach + 100)
  return { block: frame.buffer, parts: Array.from({ length: batches }, (_, index) => frame.subarray(100 + index * bytesEach, 100 + (index + 1) * bytesEach)) }
}

function isCopied(bytes: Buffer, companions?: { readonly count: number; readonly bytes: number }): boolean {
  const cache = new TailCache(new TailBudget(1024 * KIB))
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
  const budget = new TailBudget(256 * KIB)
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
