/** A broker in a test: started in a line, made to fail on purpose, moved ahead in time. The client here is kafkajs; any other will do. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { broker, type BrokerFixture } from 'millrace/broker'

let kafka: BrokerFixture
before(async () => { kafka = await broker() })
after(() => kafka.close())

const client = (clientId: string): Kafka => new Kafka({ clientId, brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 20 } })

test('a producer sends again what the broker refused, and nothing is there twice', async () => {
  const refused = kafka.faults.fail('Metadata', 'LEADER_NOT_AVAILABLE', { times: 1, clientId: 'shop' })
  kafka.faults.cut('Produce', { when: 'before', times: 1 })
  const producer = client('shop').producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const [sent] = await producer.send({ topic: 'orders', messages: [{ key: 'a', value: 'one order' }] })
  await producer.disconnect()
  refused()
  assert.equal(sent?.baseOffset, '0')
  const produced = kafka.describe().requests.find(request => request.apiName === 'Produce')
  assert.ok((produced?.requests ?? 0) >= 2, 'it was sent twice')
})

test('a transaction that nobody ends is aborted when its time is up, without waiting for it', async () => {
  const producer = client('till').producer({ transactionalId: 'till', idempotent: true, maxInFlightRequests: 1, transactionTimeout: 60_000 })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic: 'receipts', messages: [{ value: 'never committed' }] })
  assert.equal(kafka.describe().openTransactions, 1)
  await kafka.advance(70_000)
  assert.equal(kafka.describe().openTransactions, 0)
  await assert.rejects(transaction.commit())
  await producer.disconnect()
})
