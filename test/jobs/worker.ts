/** A foreign worker: copies what it reads to what it writes, with kafkajs, and learns of the graph by its environment alone. */
import { env } from 'node:process'
import { Kafka, logLevel } from 'kafkajs'

const kafka = new Kafka({ brokers: (env['MILLRACE_BOOTSTRAP'] ?? '').split(','), clientId: `${env['MILLRACE_APP']}.${env['MILLRACE_TASK']}`, logLevel: logLevel.ERROR })
const consumer = kafka.consumer({ groupId: env['MILLRACE_GROUP'] ?? '', sessionTimeout: 10_000, rebalanceTimeout: 5_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 })
const producer = kafka.producer()

process.once('SIGTERM', () => void consumer.disconnect().then(() => producer.disconnect()).then(() => process.exit(0)))
await producer.connect()
await consumer.connect()
await consumer.subscribe({ topics: (env['MILLRACE_READS'] ?? '').split(','), fromBeginning: true })
await consumer.run({
  eachBatch: async ({ batch }) => {
    await producer.send({ topic: env['MILLRACE_WRITES'] ?? '', messages: batch.messages.map(({ key, value }) => ({ key, value })) })
  },
})
