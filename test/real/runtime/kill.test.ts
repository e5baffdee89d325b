import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FAILPOINTS } from '../../../src/runtime/failpoints.ts'
import { startKafka } from '../../support/kafka.ts'
import type { Kafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { balanced } from './books.ts'
import { killLoop } from './kill-loop.ts'

need('kafka')
let kafka: Kafka
before(async () => { kafka = await startKafka() })
after(async () => { await kafka.stop() })

test('Apache Kafka: one process is killed 20 times, at random and at every failpoint of a commit, and the books balance', async () => {
  const said: string[] = []
  const books = await killLoop({ bootstrap: kafka.bootstrap, kills: 20, log: line => { said.push(line); console.log(line) } })
  assert.ok(balanced(books), JSON.stringify(books))
  for (const point of FAILPOINTS) assert.ok(said.some(line => line.includes(`failpoint ${point} after`)), `no process was killed at ${point}\n${said.join('\n')}`)
})

test('Apache Kafka: three processes, one of them killed 6 times while shards move, counts combined before they travel: order per key and counts are exact', async () => {
  const books = await killLoop({ bootstrap: kafka.bootstrap, kills: 6, processes: 3, combined: true })
  assert.ok(balanced(books), JSON.stringify(books))
})

test('A process stopped for longer than its session comes back as a zombie, is fenced, and doubles nothing', async () => {
  const books = await killLoop({ bootstrap: kafka.bootstrap, kills: 1, processes: 2, pauseMs: 9_000 })
  assert.ok(balanced(books), JSON.stringify(books))
})

test('Two worker threads, killed twice, counts combined before they travel', async () => {
  const books = await killLoop({ bootstrap: kafka.bootstrap, kills: 2, threads: 2, combined: true })
  assert.ok(balanced(books), JSON.stringify(books))
})

test('Without the transaction (at least once) nothing is lost, but the same kills double records: the books can turn red', async () => {
  const books = await killLoop({ bootstrap: kafka.bootstrap, kills: 3, guarantee: 'atLeastOnce' })
  assert.equal(books.lost, 0, JSON.stringify(books))
  assert.ok(books.doubled > 0 && !balanced(books), JSON.stringify(books))
})
