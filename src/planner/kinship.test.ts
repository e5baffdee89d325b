import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { type FollowedRecord, type Kinship, kinshipWith, windowOf } from './kinship.ts'

const kinshipOf = (trail: readonly FollowedRecord[], record: FollowedRecord): Kinship | undefined => kinshipWith(trail)(record)
const AT = Date.parse('2026-11-22T12:00:03Z')
const record = (more: Partial<FollowedRecord>): FollowedRecord => ({ topic: 'clicks', partition: 1, offset: 7, timestamp: AT, key: 'v-1', value: { item: 'lamp', at: AT }, headers: [], ...more })

test('coordinates of any record on the trail are certain, in a field at any depth or in a header', () => {
  const trail = [record({ topic: 'events', partition: 2, offset: 40 }), record({})]
  assert.deepEqual(kinshipOf(trail, record({ topic: 'recs', key: 'x', value: { list: [{ origin: '2@40' }] } })), { isCertain: true, how: 'coordinates', by: 'list.0.origin' })
  assert.deepEqual(kinshipOf(trail, record({ topic: 'recs', key: 'x', value: 'plain', headers: [{ key: 'from', value: 'clicks/1@7' }] })), { isCertain: true, how: 'coordinates', by: 'from' })
})

test('a header that is carried on is certain, one of the same name with another value is not', () => {
  const trail = [record({ headers: [{ key: 'trace', value: 't-9' }] })]
  assert.deepEqual(kinshipOf(trail, record({ key: 'other', value: 1, headers: [{ key: 'trace', value: 't-9' }] })), { isCertain: true, how: 'header', by: 'trace' })
  assert.equal(kinshipOf(trail, record({ key: 'other', value: 1, headers: [{ key: 'trace', value: 't-8' }] })), undefined)
})

test('the same key is likely; so is a key that is a field of the value; another key is not', () => {
  assert.deepEqual(kinshipOf([record({})], record({ topic: 'scores', value: { score: 1 } })), { isCertain: false, how: 'key', by: 'v-1' })
  assert.deepEqual(kinshipOf([record({})], record({ topic: 'trend', key: 'lamp', value: { count: 3 } })), { isCertain: false, how: 'field', by: 'item' })
  assert.deepEqual(kinshipOf([record({})], record({ topic: 'trend', key: 'lamp@1763812800000', value: { count: 3 } })), { isCertain: false, how: 'field', by: 'item' })
  assert.equal(kinshipOf([record({})], record({ topic: 'trend', key: 'mug', value: { count: 3 } })), undefined)
  assert.equal(kinshipOf([record({})], record({ topic: 'trend', key: null, value: { count: 3 } })), undefined)
})

test('a window must hold the time of the record', () => {
  const trend = (from: unknown, to: unknown): FollowedRecord => record({ topic: 'trend', key: 'lamp', value: { from, to } })
  assert.ok(kinshipOf([record({})], trend(AT - 3_000, AT + 2_000)))
  assert.equal(kinshipOf([record({})], trend(AT + 2_000, AT + 7_000)), undefined)
  assert.ok(kinshipOf([record({})], trend('2026-11-22 12:00:00.000', '2026-11-22 12:00:05.000')))
  assert.equal(kinshipOf([record({})], trend('2026-11-22 12:00:05', '2026-11-22 12:00:10')), undefined)
  assert.equal(windowOf({ from: 'Paris', to: 'Rome' }), undefined)
})
