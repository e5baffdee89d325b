import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError } from '../../base/errors.ts'
import { realEnv } from '../../env/real/env.ts'
import { type BrokerPlace, brokerProperties, existingCluster, isFormatted, prepareBroker, replicationOf, writeMark } from './brokers.ts'

const places = (count: number): BrokerPlace[] => Array.from({ length: count }, (_, index) => ({ id: index + 1, port: 9092 + index, controllerPort: 9092 + count + index }))

function inFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-brokers-'))
  try {
    use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('KB2: three replicas, two of them in sync at least; fewer brokers have fewer, and one may always die but the last', () => {
  assert.deepEqual([1, 2, 3, 4, 9].map(replicationOf), [{ replicas: 1, inSyncMin: 1 }, { replicas: 2, inSyncMin: 1 }, { replicas: 3, inSyncMin: 2 }, { replicas: 3, inSyncMin: 2 }, { replicas: 3, inSyncMin: 2 }])
})

test('every broker knows all voters, listens on loopback alone, and makes its own topics as safe as those of the app', () => {
  for (const id of [1, 2, 3]) {
    const told = brokerProperties('/data/broker', id, places(3))
    assert.equal(told['controller.quorum.voters'], '1@127.0.0.1:9095,2@127.0.0.1:9096,3@127.0.0.1:9097')
    assert.equal(told['listeners'], `PLAINTEXT://127.0.0.1:${9091 + id},CONTROLLER://127.0.0.1:${9094 + id}`)
    for (const name of ['default.replication.factor', 'offsets.topic.replication.factor', 'transaction.state.log.replication.factor']) assert.equal(told[name], '3', name)
    for (const name of ['min.insync.replicas', 'transaction.state.log.min.isr']) assert.equal(told[name], '2', name)
    assert.equal(told['node.id'], String(id))
  }
})

test('KB1: a folder of three brokers is taken for three, and refused for another number with what to do', () => inFolder(folder => {
  assert.equal(existingCluster(realEnv.disk, folder, 3), undefined)
  writeMark(realEnv.disk, folder, { clusterId: 'a-cluster', brokers: 3, version: '4.1.0' })
  assert.deepEqual(existingCluster(realEnv.disk, folder, 3), { clusterId: 'a-cluster', brokers: 3, version: '4.1.0' })
  assert.throws(() => existingCluster(realEnv.disk, folder, 5), (error: unknown) => error instanceof MillraceError && error.code === 'CONFIG_INVALID'
    && error.message.includes(folder) && /a Kafka cluster of 3 brokers, which cannot become one of 5\. Start it with --cluster 3/.test(error.message))
  for (const text of ['', '{', '[]', '{"format":2,"clusterId":"x","brokers":3,"version":"4.1.0"}', '{"format":1,"clusterId":"x","brokers":"3","version":"4.1.0"}']) {
    writeFileSync(join(folder, 'cluster.json'), text)
    assert.throws(() => existingCluster(realEnv.disk, folder, 3), /is not what this version writes/, text)
  }
}))

test('KB3: a broker is formatted where its meta.properties lie, and its files are written at each start', () => inFolder(folder => {
  const { start, format, log } = prepareBroker(realEnv.disk, folder, 2, places(3), ['/a.jar', '/b.jar'], ['-Dx=y'])
  assert.equal(isFormatted(realEnv.disk, folder, 2), false)
  assert.deepEqual([start.at(-2), start.at(-1)], ['kafka.Kafka', join(folder, 'broker-2', 'server.properties')])
  assert.ok(start.includes('/a.jar:/b.jar') && start.includes('-Dx=y'))
  assert.deepEqual(format('the-id').slice(-6), ['format', '--cluster-id', 'the-id', '--config', join(folder, 'broker-2', 'server.properties'), '--ignore-formatted'])
  assert.equal(log, join(folder, 'broker-2', 'broker.log'))
  realEnv.disk.makeDirectory(join(folder, 'broker-2', 'data'))
  writeFileSync(join(folder, 'broker-2', 'data', 'meta.properties'), '')
  assert.equal(isFormatted(realEnv.disk, folder, 2), true)
}))
