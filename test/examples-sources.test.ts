/** examples/sources, as processes of their own on an embedded broker: orders over HTTP and from files, the file source killed on the way. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Cluster } from '../src/client/cluster.ts'
import { realEnv } from '../src/env/real/env.ts'
import { startBroker } from './support/broker.ts'
import { ROOT } from './support/need.ts'
import { startProcess, type Started } from './support/processes.ts'
import { readTopic } from './support/read-topic.ts'

const ORDERS = 2_000

test('orders come in over HTTP and from files; the file source is killed, and each line is there once', { timeout: 120_000 }, async () => {
  const broker = await startBroker({ partitions: 4, durability: 'os' })
  const inbox = mkdtempSync(join(tmpdir(), 'millrace-inbox-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'test' })
  const running: Started[] = []
  const start = (name: string): Started => {
    const started = startProcess(process.execPath, [join(ROOT, 'dist', 'examples', 'sources', name)], { env: { MILLRACE_BOOTSTRAP: broker.bootstrap, INBOX: inbox, PORT: '0' } })
    running.push(started)
    return started
  }
  try {
    const line = (id: number): string => `c${id % 9};f${id};${id}\n`
    writeFileSync(join(inbox, 'a.csv'), Array.from({ length: ORDERS / 2 }, (_, id) => line(id)).join(''))
    const reach = async (count: number): Promise<void> => {
      for (let attempt = 0; (await readTopic(cluster, 'counter.orders').catch(() => [])).length < count; attempt++) {
        assert.ok(attempt < 500, `fewer than ${count} orders`)
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    }
    const first = start('from-files.js')
    await reach(1)
    await first.kill('SIGKILL')
    for (let id = ORDERS / 2; id < ORDERS; id++) appendFileSync(join(inbox, 'b.csv'), line(id))
    const http = start('over-http.js')
    const [, url = ''] = await http.waitFor(/taken at (\S+)/)
    const second = start('from-files.js')
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ key: 'h', value: { id: 'h1', total: 1 } }, { key: 'h', value: { id: 'h2', total: 2 } }]) })
    assert.deepEqual([answer.status, await answer.json()], [200, { accepted: 2 }])
    await reach(ORDERS + 2)
    await second.kill('SIGTERM')
    await http.kill('SIGTERM')
    const records = await readTopic(cluster, 'counter.orders')
    const ids = records.map(record => (JSON.parse(String(record.value)) as { id: string }).id).sort() // What the sources wrote.
    assert.deepEqual(ids, [...Array.from({ length: ORDERS }, (_, id) => `f${id}`), 'h1', 'h2'].sort())
  } finally {
    for (const each of running) each.child.kill('SIGKILL')
    await cluster.close()
    await broker.remove()
    rmSync(inbox, { recursive: true, force: true })
  }
})
