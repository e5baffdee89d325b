/** `millrace topic produce`: one record from options, or one a line from stdin, acknowledged by all in-sync replicas. */
import { createInterface } from 'node:readline'
import { Producer } from '../../client/producer.ts'
import { partitionOf } from '../../wire/partitioner.ts'
import { type Call, CLUSTER_OPTIONS, defineCommand, usage } from '../command.ts'
import { onePartition, partitionsOf, PATIENCE_MS, withCluster } from '../cluster.ts'
import { counted, groupDigits } from '../render.ts'

const PROGRESS_LINES = 10_000

export const topicProduce = defineCommand({
  path: ['topic', 'produce'],
  summary: 'writes records: --value, or one a line from stdin',
  positionals: [{ name: 'NAME', describe: "the topic's name" }],
  options: {
    ...CLUSTER_OPTIONS,
    key: { type: 'string', short: 'k', describe: 'key of every record (null where left out)' },
    value: { type: 'string', short: 'v', describe: 'one record with this value; stdin is not read' },
    separator: { type: 'string', short: 'K', value: 'TEXT', describe: 'lines are key, this, value' },
    header: { type: 'string', short: 'H', multiple: true, value: 'NAME=VALUE', describe: 'a header; may be given several times' },
    partition: { type: 'number', short: 'p', describe: 'this partition; default by key as Java does (murmur2), without a key in turn' },
    tombstone: { type: 'boolean', describe: 'a null value: deletes the key in a compacted topic' },
  },
  examples: ["millrace topic produce orders -k u-1 -v '{\"total\":3}'", "cat orders.txt | millrace topic produce orders -K '\\t'"],
  run: call => withCluster(call, async cluster => {
    const topic = call.required('NAME')
    const partitions = await partitionsOf(cluster, topic)
    const count = partitions.length
    const chosen = onePartition(topic, partitions, call.number('partition'))
    const producer = new Producer(cluster, { lingerMs: 5, deliveryTimeoutMs: PATIENCE_MS })
    await producer.init()
    let sent = 0
    const headers = headersOf(call)
    const send = (key: string | undefined, value: string | null): void => {
      const keyBytes = key === undefined ? null : Buffer.from(key)
      const partition = chosen ?? (keyBytes === null ? sent % count : partitionOf(keyBytes, count))
      producer.send(topic, partition, Date.now(), keyBytes, value === null ? null : Buffer.from(value), headers)
      sent++
    }
    try {
      if (call.flag('tombstone')) send(call.text('key') ?? refuse('--tombstone needs a --key to delete.'), null)
      else if (call.text('value') !== undefined) send(call.text('key'), call.text('value') ?? '')
      else await sendLines(call, producer, send)
      await producer.flush()
    } finally {
      await producer.close()
    }
    call.output.document({ topic, records: sent })
    call.output.note(`${counted(sent, 'record')} written to ${topic}, acknowledged by all in-sync replicas.`)
    return 0
  }),
})

async function sendLines(call: Call, producer: Producer, send: (key: string | undefined, value: string) => void): Promise<void> {
  const separator = call.text('separator')?.replace(/\\t/g, '\t')
  let number = 0
  // Ctrl-C ends the reading; what was read is written and acknowledged.
  for await (const line of createInterface({ input: process.stdin, signal: call.signal })) {
    number++
    if (number % PROGRESS_LINES === 0) call.output.progress(`${groupDigits(number)} lines read`)
    const at = separator === undefined ? -1 : line.indexOf(separator)
    if (separator !== undefined && at === -1) throw usage(`Line ${number} of stdin has no separator '${call.text('separator')}'. The ${number - 1} lines before it were written.`)
    if (separator === undefined) send(call.text('key'), line)
    else send(line.slice(0, at), line.slice(at + separator.length))
    if (producer.full) await producer.drained()
  }
}

function headersOf(call: Call): { key: string, value: Buffer }[] {
  return call.texts('header').map(pair => {
    const at = pair.indexOf('=')
    if (at < 1) throw usage(`--header takes NAME=VALUE, not '${pair}'.`)
    return { key: pair.slice(0, at), value: Buffer.from(pair.slice(at + 1)) }
  })
}

function refuse(message: string): never {
  throw usage(message)
}
