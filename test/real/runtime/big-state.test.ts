/** Two million keys on Apache Kafka: what a SIGKILL costs is what the store lagged behind, not the state. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { bigState } from './big-state.ts'

need('kafka')
const KEYS = 2_000_000

test('after SIGKILL with two million keys, restore replays at most 2 s of changes; without its disk, all of them', async () => {
  const kafka = await startKafka()
  try {
    const { restored, rebuilt, changedInLast2s } = await bigState({ bootstrap: kafka.bootstrap, keys: KEYS, log: line => console.log(line) })
    assert.ok(restored !== null && restored.records <= changedInLast2s, `${restored?.records} records, ${changedInLast2s} changes`)
    assert.ok(rebuilt !== null && rebuilt.records >= KEYS, `${rebuilt?.records} records`)
  } finally {
    await kafka.stop()
  }
})
