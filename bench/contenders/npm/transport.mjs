// One client of npm: produces or reads `records` of `bytes` and prints what the last 70 % of them took: {"records","seconds","cpuSeconds"}.
//
//   node transport.mjs CLIENT produce|consume BOOTSTRAP TOPIC RECORDS BYTES PARTITIONS          CLIENT: kafkajs | platformatic | kafkats
//
// Batches of 1,000 records and acks=all, idempotent where the client has it, no compression; otherwise its defaults. Make it faster.
const [client, mode, bootstrap, topic, recordsText, bytesText, partitionsText] = process.argv.slice(2)
const [records, bytes, partitions] = [recordsText, bytesText, partitionsText].map(Number)
const value = Buffer.alloc(bytes, 'x')
const BATCH = 1_000
let [seen, from] = [0, undefined]
let finished
const done = new Promise(resolve => { finished = resolve })

/** Counts; the clock begins when 30 % are through. */
function count(more) {
  seen += more
  if (from === undefined && seen >= records * 0.3) from = { seen, ms: performance.now(), cpu: process.cpuUsage() }
  if (seen < records) return
  const cpu = process.cpuUsage(from.cpu)
  console.log(JSON.stringify({ records: seen - from.seen, seconds: (performance.now() - from.ms) / 1_000, cpuSeconds: (cpu.user + cpu.system) / 1e6 }))
  seen = -Infinity
  finished()
}

/** Sends batch after batch, one under way for each partition. */
async function batches(send) {
  const each = records / partitions
  await Promise.all(Array.from({ length: partitions }, async (_, partition) => {
    for (let sent = 0; sent < each; sent += BATCH) {
      const size = Math.min(BATCH, each - sent)
      await send(partition, size)
      count(size)
    }
  }))
}

const RUN = {
  async kafkajs() {
    const { Kafka, logLevel } = await import('kafkajs')
    const kafka = new Kafka({ clientId: 'transport', brokers: [bootstrap], logLevel: logLevel.ERROR })
    if (mode === 'produce') {
      const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 5 })
      await producer.connect()
      return batches((partition, size) => producer.send({ topic, acks: -1, messages: Array.from({ length: size }, () => ({ key: 'key', value, partition })) }))
    }
    const consumer = kafka.consumer({ groupId: `transport-${process.pid}` })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachBatch: async ({ batch }) => count(batch.messages.length) })
    await done
  },
  async platformatic() {
    const { Producer, Consumer } = await import('@platformatic/kafka')
    if (mode === 'produce') {
      const producer = new Producer({ clientId: 'transport', bootstrapBrokers: [bootstrap], idempotent: true })
      return batches((partition, size) => producer.send({ acks: -1, messages: Array.from({ length: size }, () => ({ topic, partition, key: Buffer.from('key'), value })) }))
    }
    const consumer = new Consumer({ clientId: 'transport', groupId: `transport-${process.pid}`, bootstrapBrokers: [bootstrap] })
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
    stream.on('data', () => count(1))
    await done
  },
  async kafkats() {
    const { KafkaClient } = await import('@kafkats/client')
    const kafka = new KafkaClient({ clientId: 'transport', brokers: [bootstrap] })
    await kafka.connect()
    if (mode === 'produce') {
      const producer = kafka.producer({ lingerMs: 0, acks: 'all', idempotent: true })
      return batches((partition, size) => producer.send(topic, Array.from({ length: size }, () => ({ key: Buffer.from('key'), value, partition }))))
    }
    const consumer = kafka.consumer({ groupId: `transport-${process.pid}`, autoOffsetReset: 'earliest' })
    void consumer.runEach(topic, async () => count(1), { autoCommit: false })
    await done
  },
}
await RUN[client]()
process.exit(0)
