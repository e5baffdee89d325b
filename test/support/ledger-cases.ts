/**
 * What the verifiers must see: a table of small worlds, written with kafkajs, each with its true account.
 * Run against Apache Kafka (both verifiers) and against the embedded broker.
 */
import { strict as assert } from 'node:assert'
import kafkajs from 'kafkajs'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { Producer } from '../../src/client/producer.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { type BalanceSpec, verifyLedger } from './ledger.ts'

interface World {
  readonly name: string
  /** Ids of the records in the output, in order; `in` always holds e0 … e19. */
  readonly out: readonly string[]
  /** Committed offset of the task in each of the two input partitions. */
  readonly committed: number
  readonly account: { readonly counted: number, readonly pending: number, readonly lost: number, readonly doubled: number, readonly foreign: number, readonly outOfOrder: number }
}

const ids = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `e${from + index}`)
const clean = { pending: 0, lost: 0, doubled: 0, foreign: 0, outOfOrder: 0 }

const WORLDS: readonly World[] = [
  { name: 'balanced', out: ids(0, 20), committed: 10, account: { ...clean, counted: 20 } },
  { name: 'under-way', out: ids(0, 16), committed: 8, account: { ...clean, counted: 16, pending: 4 } },
  { name: 'lost', out: ids(0, 18), committed: 10, account: { ...clean, counted: 18, lost: 2 } },
  { name: 'doubled', out: [...ids(0, 20), 'e7', 'e7'], committed: 10, account: { ...clean, counted: 20, doubled: 2, outOfOrder: 2 } },
  { name: 'foreign', out: [...ids(0, 20), 'e99'], committed: 10, account: { ...clean, counted: 20, foreign: 1 } },
  { name: 'out-of-order', out: [...ids(0, 10), ...ids(12, 20), 'e10', 'e11'], committed: 10, account: { ...clean, counted: 20, outOfOrder: 2 } },
]

/** Records that their producers packed, each codec in a batch of its own: a verifier reads them all, or its account would hang. */
export async function checkCodecs(bootstrap: string, clients: readonly ('node' | 'python')[]): Promise<void> {
  const spec: BalanceSpec = { name: 'packed', group: 'ledger.packed', in: { topic: 'ledger-packed-in', id: 'value:id' }, out: { topic: 'ledger-packed-out', id: 'value:id' } }
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'ledger-test' })
  try {
    await new Admin(cluster).createTopics([spec.in.topic, spec.out.topic].map(name => ({ name, partitions: 1 })))
    await cluster.refresh([spec.in.topic, spec.out.topic])
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const producer = new Producer(cluster, { codec })
      await producer.init()
      for (const name of [spec.in.topic, spec.out.topic]) for (let index = 0; index < 20; index++) producer.send(name, 0, Date.now(), null, Buffer.from(JSON.stringify({ id: `${codec}-${index}` })))
      await producer.flush()
      await producer.close()
    }
    for (const client of clients) {
      const { exitCode, account } = await verifyLedger(client, bootstrap, [spec], 30, 1)
      assert.deepEqual([exitCode, account.balances[0]?.counted], [0, 100], `${client}: ${JSON.stringify(account)}`)
    }
  } finally {
    await cluster.close()
  }
}

/** Makes every world on the cluster and has each verifier recount it. */
export async function checkVerifiers(bootstrap: string, clients: readonly ('node' | 'python')[]): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: 30_000 })
  const admin = kafka.admin()
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await admin.connect()
  await producer.connect()
  try {
    for (const world of WORLDS) {
      const spec: BalanceSpec = {
        name: world.name, group: `ledger.${world.name}`,
        in: { topic: `ledger-in-${world.name}`, id: 'value:id' }, out: { topic: `ledger-out-${world.name}`, id: 'value:a.id', order: 'value:a.seq' },
      }
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic: spec.in.topic, numPartitions: 2 }, { topic: spec.out.topic, numPartitions: 1 }] })
      await producer.send({ topic: spec.in.topic, messages: ids(0, 20).map((id, index) => ({ partition: index % 2, value: JSON.stringify({ id }) })) })
      await producer.send({ topic: spec.out.topic, messages: world.out.map(id => ({ key: 'k', partition: 0, value: JSON.stringify({ a: { id, seq: Number(id.slice(1)) } }) })) })
      await admin.setOffsets({ groupId: spec.group, topic: spec.in.topic, partitions: [0, 1].map(partition => ({ partition, offset: String(world.committed) })) })
      for (const client of clients) {
        const { exitCode, account } = await verifyLedger(client, bootstrap, [spec], 30, 1)
        const { examples, ...counts } = account.balances[0] ?? { examples: [] }
        const bad = world.account.lost + world.account.doubled + world.account.foreign + world.account.outOfOrder > 0
        assert.deepEqual(counts, { name: world.name, in: 20, ...world.account }, `${client}: ${world.name}`)
        assert.equal(account.balanced, !bad)
        assert.equal(exitCode, bad ? 1 : 0)
        if (bad) assert.ok(examples.length > 0, `${client} gives an example of what is wrong in '${world.name}'`)
      }
    }
  } finally {
    await producer.disconnect()
    await admin.disconnect()
  }
}

/**
 * A process was killed in a transaction; others have committed behind it. Their offsets are seen and their records are not, until the transaction
 * that was left open is aborted: no verifier may call that a loss.
 */
export async function checkHeldRecords(bootstrap: string, clients: readonly ('node' | 'python')[]): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const [admin, producer] = [kafka.admin(), kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })]
  await admin.connect()
  await producer.connect()
  try {
    for (const client of clients) {
      const name = `held-${client}`
      const spec: BalanceSpec = { name, group: `ledger.${name}`, in: { topic: `ledger-in-${name}`, id: 'value:id' }, out: { topic: `ledger-out-${name}`, id: 'value:id' } }
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic: spec.in.topic, numPartitions: 1 }, { topic: spec.out.topic, numPartitions: 1 }] })
      const messages = (from: number, to: number): { partition: number, value: string }[] => ids(from, to).map(id => ({ partition: 0, value: JSON.stringify({ id }) }))
      await producer.send({ topic: spec.in.topic, messages: messages(0, 20) })
      await producer.send({ topic: spec.out.topic, messages: messages(0, 18) })
      const killed = kafka.producer({ transactionalId: name, idempotent: true, maxInFlightRequests: 1, createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
      await killed.connect()
      const transaction = await killed.transaction()
      await transaction.send({ topic: spec.out.topic, messages: messages(18, 20) })
      await producer.send({ topic: spec.out.topic, messages: messages(18, 20) })
      await admin.setOffsets({ groupId: spec.group, topic: spec.in.topic, partitions: [{ partition: 0, offset: '20' }] })
      const aborted = new Promise<void>(resolve => setTimeout(() => resolve(transaction.abort()), 5000))
      const { account } = await verifyLedger(client, bootstrap, [spec], 60)
      await aborted
      await killed.disconnect()
      assert.equal(account.balanced, true, `${client}: ${JSON.stringify(account)}`)
      assert.equal(account.balances[0]?.counted, 20)
    }
  } finally {
    await producer.disconnect()
    await admin.disconnect()
  }
}

/**
 * Two transactions overlap in a partition and are aborted, the later one first, as an engine's are after a kill; what they held is written again.
 * A reader that takes the broker's list of aborted transactions for one in the order of offsets sees records of the first.
 */
export async function checkAbortedOverlap(bootstrap: string, clients: readonly ('node' | 'python')[]): Promise<void> {
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'overlap' })
  const name = 'overlap'
  const spec: BalanceSpec = { name, group: `ledger.${name}`, in: { topic: `ledger-in-${name}`, id: 'value:id' }, out: { topic: `ledger-out-${name}`, id: 'value:id' } }
  const admin = new Admin(cluster)
  await admin.createTopics([{ name: spec.in.topic, partitions: 1 }, { name: spec.out.topic, partitions: 1 }])
  await cluster.refresh([spec.in.topic, spec.out.topic])
  const open = async (transactionalId: string | undefined): Promise<Producer> => {
    const producer = new Producer(cluster, { transactionalId })
    await producer.init()
    return producer
  }
  const [first, second, plain] = [await open('overlap-1'), await open('overlap-2'), await open(undefined)]
  try {
    const write = (producer: Producer, topic: string, id: string): void => void producer.send(topic, 0, Date.now(), null, Buffer.from(JSON.stringify({ id })))
    for (const id of ids(0, 6)) write(plain, spec.in.topic, id)
    for (const [producer, id] of [[first, 0], [second, 1], [first, 2], [second, 3]] as const) {
      if (id < 2) producer.begin()
      write(producer, spec.out.topic, ids(id, id + 1)[0] ?? '')
      await producer.flush()
    }
    await second.abort()
    await first.abort()
    for (const id of ids(0, 6)) write(plain, spec.out.topic, id)
    await plain.flush()
    for (const client of clients) {
      const { account } = await verifyLedger(client, bootstrap, [spec], 60)
      const [balance] = account.balances
      assert.deepEqual({ in: balance?.in, counted: balance?.counted, doubled: balance?.doubled }, { in: 6, counted: 6, doubled: 0 }, `${client}: ${JSON.stringify(account)}`)
    }
  } finally {
    for (const producer of [first, second, plain]) await producer.close()
    await cluster.close()
  }
}
