/** Spark Streaming by both of its ways with Kafka, killed at the same point of their work and recounted: `examples/linked/dstreams.ts`. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { countAfterKills, screen } from '../../../bench/linked/receiver-direct.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { need } from '../../support/need.ts'

need('engines')

test('Direct neither loses nor doubles once offsets commit with results; a Receiver with its log doubles, without it loses', async () => {
  const broker = await startTestBroker()
  try {
    const counts = await countAfterKills({ bootstrap: broker.bootstrap, kills: 2, perSecond: 200 })
    console.log(screen(counts, undefined))
    const [direct, logged, unlogged] = counts
    assert.ok(direct !== undefined && logged !== undefined && unlogged !== undefined)
    assert.ok(direct.in > 1_000)
    assert.deepEqual([direct.lost, direct.doubled, direct.out], [0, 0, direct.in], 'Direct')
    assert.equal(direct.countsWrong, 0, "each shopper's count is what the input says")
    assert.equal(logged.countsWrong, 0, 'state is made anew from the log, whatever was written twice')
    assert.ok(unlogged.countsWrong > 0, 'and lacks what was lost without it')
    assert.equal(logged.lost, 0, 'what was in the log is worked on again')
    assert.ok(logged.doubled > 0, 'and what was written before the kill comes out twice')
    assert.ok(unlogged.lost > 0, 'without the log what was received and not worked on is lost')
  } finally {
    await broker.stop()
    broker.remove()
  }
})
