/** Practice 2: Kafka buffers uneven speeds. In virtual time: a task stands still for a minute while five times its usual load comes in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, text, topic } from 'millrace'
import { testApp } from 'millrace/testing'

const clicks = topic('burst.clicks', { key: text, value: int64 })
const counts = topic('burst.counts', { key: text, value: int64 })
const counter = app('burst').task('count', ({ read }) => read(clicks).count('clicks').write(counts))

const USUAL_PER_SECOND = 40
const KEYS = 7
const STILL_SECONDS = 60

test('a task that stood still for a minute of five times its usual load works it off: nothing is lost or doubled, and each key keeps its order', async () => {
  const shop = await testApp(counter, { partitions: 4 })
  let sent = 0
  const second = async (records: number): Promise<void> => {
    for (let each = 0; each < records; each++) shop.input(clicks).send(`k${sent % KEYS}`, sent++)
    await shop.advance('1 second')
  }
  for (let seconds = 0; seconds < 5; seconds++) await second(USUAL_PER_SECOND)
  const before = shop.output(counts).records().length
  assert.equal(before, sent, 'at the usual load everything comes out at once')
  shop.kill()
  for (let seconds = 0; seconds < STILL_SECONDS; seconds++) await second(USUAL_PER_SECOND * 5)
  assert.equal(shop.output(counts).records().length, before, 'while it stands nothing comes out, and writers are not held up')
  await shop.restart()
  await shop.settle()
  for (let seconds = 0; seconds < 5; seconds++) await second(USUAL_PER_SECOND)
  const rows = shop.output(counts).records()
  assert.equal(rows.length, sent)
  for (let key = 0; key < KEYS; key++) {
    const values = rows.filter(row => row.key === `k${key}`).map(row => row.value)
    assert.deepEqual(values, values.map((_, index) => index + 1), `counts of k${key}`)
  }
  await shop.close()
})
