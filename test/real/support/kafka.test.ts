import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { startKafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('kafka', 'kcat')

test('three real brokers serve, and one that was killed comes back on its data', async () => {
  const kafka = await startKafka({ brokers: 3 })
  try {
    await mustRun('kcat', ['-b', kafka.bootstrap, '-t', 'support', '-P'], { input: 'one\ntwo\n' })
    const victim = kafka.brokers[1]
    assert.ok(victim)
    await victim.kill()
    assert.equal(victim.pid(), undefined)
    await victim.start()
    // By count, not to the end: a replica that just became leader learns of the high watermark by its
    // followers' next fetch, and until then the end that it names can lie before what was acknowledged.
    const read = await mustRun('kcat', ['-b', kafka.bootstrap, '-t', 'support', '-C', '-c', '2', '-q'])
    assert.equal(read.stdout, 'one\ntwo\n')
  } finally {
    await kafka.stop()
  }
})
