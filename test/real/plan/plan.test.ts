/** `millrace plan` against Apache Kafka 4.1: limits, counts, a transaction that a dead job left, and records by another client, as Kafka tells them. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { Producer } from '../../../src/client/producer.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { type Kafka, kafkaTool, startKafka } from '../../support/kafka.ts'
import { millrace } from '../../support/millrace.ts'
import { need, ROOT } from '../../support/need.ts'
import { mustRun, type Ran } from '../../support/processes.ts'

need('kafka', 'kcat')

let kafka: Kafka
let cluster: Cluster
before(async () => {
  kafka = await startKafka({ properties: { 'transaction.max.timeout.ms': '600000' } })
  cluster = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap, clientId: 'plan-test' })
})
after(async () => {
  await cluster.close()
  await kafka.stop()
})

const plan = (name: string, ...args: string[]): Promise<Ran> => millrace(['plan', join(ROOT, 'dist', 'test', 'plan', 'apps', `${name}.js`), '--bootstrap', kafka.bootstrap, ...args])

interface Shown {
  readonly contracts: readonly { readonly rule: string; readonly severity: string; readonly ends: readonly string[]; readonly message: string }[]
  readonly topics: readonly { readonly name: string; readonly action: string }[]
}
async function shown(name: string, exitCode: number): Promise<Shown> {
  const ran = await plan(name, '--json')
  assert.equal(ran.exitCode, exitCode, ran.stderr + ran.stdout)
  // The command's own format.
  return JSON.parse(ran.stdout) as Shown
}

test("a job's transaction timeout above the broker's own limit", async () => {
  const { contracts } = await shown('flink', 4)
  assert.deepEqual(contracts.map(({ rule, severity, ends }) => [rule, severity, ends]), [['transaction-timeout', 'broken', ['flink', 'broker 1']]])
  assert.match(contracts[0]?.message ?? '', /3600000 ms, and broker 1 allows 600000/)
})

test('topics as Kafka made them, and a transaction that a dead process holds until Kafka has aborted it', async () => {
  const admin = new Admin(cluster)
  assert.deepEqual((await shown('right', 0)).topics.map(({ name, action }) => [name, action]), [['cli.orders', 'make'], ['cli.bills', 'make']])
  await admin.createTopics([{ name: 'cli.orders', partitions: 2 }, { name: 'cli.bills', partitions: 2, configs: { 'retention.ms': '86400000' } }])
  assert.deepEqual((await shown('right', 0)).topics.map(({ name, action }) => [name, action]), [['cli.orders', 'ok'], ['cli.bills', 'ok']])
  const dead = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap })
  const producer = new Producer(dead, { transactionalId: 'cli.feed.0.0' })
  await producer.init()
  producer.begin()
  producer.send('cli.orders', 1, Date.now(), Buffer.from('k'), Buffer.from('v'))
  await producer.flush()
  await dead.close()
  const { contracts } = await shown('fed', 4)
  assert.deepEqual(contracts.map(({ rule, severity, ends }) => [rule, severity, ends]), [['stable-offset', 'broken', ['feed', 'cli.orders', 'bill']]])
  // Kafka's own tool sees the same one, and ends it.
  const listed = await kafkaTool('org.apache.kafka.tools.TransactionsCommand', ['--bootstrap-server', kafka.bootstrap, 'list'])
  assert.match(listed.stdout, /cli\.feed\.0\.0\s+\d+\s+\d+\s+Ongoing/)
  const aborted = await kafkaTool('org.apache.kafka.tools.TransactionsCommand', ['--bootstrap-server', kafka.bootstrap, 'abort', '--topic', 'cli.orders', '--partition', '1', '--start-offset', '0'])
  assert.equal(aborted.exitCode, 0, aborted.stderr)
  await shown('fed', 0)
})

test("keys that kcat put by librdkafka's own partitioner do not line up with ours", async () => {
  const admin = new Admin(cluster)
  await admin.createTopics([{ name: 'cli.left', partitions: 4 }, { name: 'cli.right', partitions: 4 }])
  const lines = Array.from({ length: 30 }, (_, index) => `key-${index}\tvalue\n`).join('')
  await mustRun('kcat', ['-b', kafka.bootstrap, '-t', 'cli.left', '-P', '-K', '\\t', '-X', 'topic.partitioner=murmur2_random'], { input: lines })
  await mustRun('kcat', ['-b', kafka.bootstrap, '-t', 'cli.right', '-P', '-K', '\\t'], { input: lines })
  const { contracts } = await shown('joined', 4)
  assert.deepEqual(contracts.map(({ rule, severity, ends }) => [rule, severity, ends]), [['partitioners', 'broken', ['cli.right', 'cli.left', 'join']]])
})
