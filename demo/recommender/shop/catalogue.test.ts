import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CATEGORIES, ITEMS, itemOf } from './catalogue.ts'
import { pictureOf } from './picture.ts'

test('every item has an id of its own, names in both languages, a price and a category that exists', () => {
  assert.equal(new Set(ITEMS.map(item => item.id)).size, ITEMS.length)
  assert.equal(new Set(ITEMS.map(item => item.names.en)).size, ITEMS.length)
  assert.equal(new Set(ITEMS.map(item => item.names.zh)).size, ITEMS.length)
  for (const item of ITEMS) {
    assert.ok(item.price > 5 && item.price < 1000, `${item.id} costs ${item.price}`)
    assert.ok(CATEGORIES.some(category => category.id === item.category))
    assert.match(item.names.zh, /[\u4e00-\u9fff]/)
    assert.equal(itemOf(item.id), item)
  }
  assert.equal(ITEMS.filter(item => item.isNew).length, CATEGORIES.length)
})

test('pictures are whole SVG documents, each item its own, the same each time', () => {
  const pictures = ITEMS.map(pictureOf)
  assert.equal(new Set(pictures).size, ITEMS.length)
  for (const picture of pictures) {
    assert.match(picture, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^>]*>.*<\/svg>$/)
    assert.doesNotMatch(picture, /undefined|NaN|<script|href/)
    assert.equal((picture.match(/"/g) ?? []).length % 2, 0)
  }
  assert.deepEqual(pictures, ITEMS.map(pictureOf))
})
