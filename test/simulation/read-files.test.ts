/** The file source under seeds: killed at any moment, its lines are in the topic exactly once, in order per key. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text, topic } from 'millrace'
import { readFiles } from 'millrace/sources'
import { Broker } from '../../src/broker/broker.ts'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { writeFile } from '../../src/env/whole-file.ts'
import { OutputTopic } from '../../src/testing/driver-topics.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import { seededRandom } from '../../src/testing/sim/random.ts'

const lines = topic('lines', { key: text, value: text, partitions: 3 })
const FILES = ['a.txt', 'b.txt', 'c.txt']

async function run(seed: number): Promise<number> {
  const sim = new Sim({ seed })
  const random = seededRandom(seed + 1_000)
  await sim.run(Broker.start(sim.process('broker').env, { directory: '/broker', port: 9092, topicDefaults: { partitions: 3 } }))
  const { env } = sim.process('test')
  env.disk.makeDirectory('/in')
  const all = FILES.flatMap(name => Array.from({ length: 400 }, (_, index) => `${name} ${index}`))
  for (const name of FILES) writeFile(env.disk, `/in/${name}`, Buffer.from(all.filter(line => line.startsWith(name)).join('\n') + (name === 'c.txt' ? '' : '\n')))
  const start = (process: ReturnType<Sim['process']>): Promise<unknown> => readFiles({
    name: 'source', topic: lines, bootstrap: '127.0.0.1:9092', directory: '/in', follow: false, env: process.env,
    read: ({ text: line }) => ({ key: `k${Number(line.slice(6)) % 10}`, value: line }),
  })
  let kills = 0
  for (; kills < 5; kills++) {
    const process = sim.process('source')
    void start(process).catch(() => {})
    await sim.advance(1 + random.next() * 40)
    process.kill()
  }
  await sim.run(start(sim.process('source')))
  const cluster = await sim.run(Cluster.connect(env, { bootstrap: '127.0.0.1:9092', clientId: 'test' }))
  const output = new OutputTopic<string, string>({ sim, cluster, admin: new Admin(cluster), producer: new Producer(cluster) }, lines)
  await sim.run(output.receive())
  const records = output.records()
  assert.deepEqual(records.map(record => record.value).sort(), [...all].sort(), `seed ${seed}`)
  for (const name of FILES) {
    for (let key = 0; key < 10; key++) {
      const own = records.filter(record => record.key === `k${key}` && record.value?.startsWith(name) === true).map(record => Number(record.value?.slice(6)))
      assert.deepEqual(own, [...own].sort((a, b) => a - b), `seed ${seed}: ${name} k${key} in order`)
    }
  }
  return kills
}

test('lines become records exactly once, over kills of the source: 20 seeds', async () => {
  for (let seed = 1; seed <= 20; seed++) await run(seed)
})
