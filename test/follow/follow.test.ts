import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run } from 'millrace'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import type { Step } from '../../src/cli/follow.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { partitionOf } from '../../src/wire/partitioner.ts'
import { millrace, startTestBroker, type TestBroker } from '../support/millrace.ts'
import { ROOT } from '../support/need.ts'
import described from './app.ts'

const ENTRY = join(ROOT, 'dist', 'test', 'follow', 'app.js')
const AT = Date.parse('2026-11-22T12:00:03Z')
const place = `${partitionOf(Buffer.from('v-3'), 2)}@0`
let broker: TestBroker
let cluster: Cluster

before(async () => {
  broker = await startTestBroker()
  cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'follow-test' })
  await new Admin(cluster).createTopics(['followed.scores', 'followed.events', 'followed.clicks'].map(name => ({ name, partitions: 2 })))
  await cluster.refresh(['followed.events'])
  const producer = new Producer(cluster)
  await producer.init()
  // The one that is followed is the only one of its visitor and its item; the others are noise in the same window.
  const send = (key: string, item: string, at: number): void => producer.send('followed.events', partitionOf(Buffer.from(key), 2), at, Buffer.from(key), Buffer.from(JSON.stringify({ item, at })))
  send('v-3', 'lamp', AT)
  for (let index = 0; index < 50; index++) send(`v-${10 + index}`, `mug-${index % 7}`, AT + index * 10)
  await producer.flush()
  await producer.close()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-follow-'))
  const running = await run(described, { bootstrap: broker.bootstrap, dataDirectory: directory, metrics: false })
  try {
    const deadline = Date.now() + 60_000
    for (const group of ['followed.clean', 'followed.drop', 'followed.trend']) {
      const topic = group === 'followed.trend' ? 'followed.clicks' : 'followed.events'
      const parts = [0, 1].map(partition => ({ topic, partition }))
      const read = async (): Promise<number> => (await new Admin(cluster).groupOffsets(group, parts)).reduce((sum, { offset }) => sum + Math.max(0, offset), 0)
      while (await read() < 51) {
        assert.ok(Date.now() < deadline, `${group} has read everything`)
        await realEnv.clock.sleep(50)
      }
    }
  } finally {
    await running.close()
    rmSync(directory, { recursive: true, force: true })
  }
})

after(async () => {
  await cluster?.close()
  await broker?.stop()
  broker?.remove()
})

test('a record is followed by the coordinates that are named, then by its field and window; a filter and a task that has not read it are told apart', async () => {
  const { exitCode, stdout, stderr } = await millrace(['follow', ENTRY, 'followed.events', place, '--json', '-b', broker.bootstrap])
  assert.equal(exitCode, 0, stderr)
  const { record, steps } = JSON.parse(stdout) as { record: { key: string }, steps: Step[] } // Written by the command.
  assert.equal(record.key, 'v-3')
  const [clean, drop] = steps
  assert.deepEqual([clean?.task, clean?.topic, clean?.kinship], ['clean', 'followed.clicks', { isCertain: true, how: 'coordinates', by: 'origin' }])
  assert.deepEqual([drop?.task, drop?.record, drop?.why], ['drop', null, 'passed'])
  const [trend, score] = clean?.next ?? []
  assert.deepEqual([trend?.task, trend?.record?.key, trend?.kinship?.by], ['trend', `lamp@${AT - 3_000}`, 'item'])
  assert.deepEqual([score?.task, score?.engine, score?.why, score?.committed], ['score', 'external', 'waiting', 0])
})

test('as text it says how each record is known', async () => {
  const { stdout } = await millrace(['follow', ENTRY, 'followed.events', place, '-b', broker.bootstrap])
  for (const said of [/└ clean → followed\.clicks \d@\d+ .* v-3 /, /it names where it comes from, in 'origin'/, /└ trend → followed\.trend 0@\d+ /, /whose key is the record's 'item', in its window from 12:00:00\.000/, /└ score \(external\) → followed\.scores: not yet: it has read up to 0/, /└ drop → followed\.nothing: it has read the record .*filtered/]) assert.match(stdout, said)
})

test('a place that is none, a topic that is not the app\'s, an offset that is not there: what is wrong and what to do', async () => {
  for (const [args, said] of [
    [['followed.events', 'here'], /'here' is no place of a record\. Write PARTITION@OFFSET/],
    [['orders', '0@0'], /The app 'followed' has no topic 'orders'\. It has: followed\.events/],
    [['followed.events', '7@0'], /has 2 partitions, 0 to 1, and no 7/],
    [['followed.events', '0@9999'], /no committed record at 0@9999\. 'millrace topic tail followed\.events -o -10' shows/],
  ] as const) {
    const { exitCode, stderr } = await millrace(['follow', ENTRY, ...args, '-b', broker.bootstrap])
    assert.equal(exitCode, 2, stderr)
    assert.match(stderr, said)
  }
})
