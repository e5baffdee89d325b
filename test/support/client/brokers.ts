/**
 * What the client's suites share. Each suite runs on Apache Kafka (test/real/client) and on the embedded broker
 * (test/conformance), each a process of its own; MILLRACE_TEST_BOOTSTRAP names another broker to be used instead of Kafka.
 */
import { createLogger } from '../../../src/base/logger.ts'
import type { Logger } from '../../../src/base/logger.ts'
import { Admin } from '../../../src/client/admin.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { FetchedCursor } from '../../../src/client/fetched-batches.ts'
import { Fetcher } from '../../../src/client/fetcher.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { startBroker } from '../broker.ts'
import { startKafka } from '../kafka.ts'

export interface UnderTest {
  readonly bootstrap: string
  stop(): Promise<void>
}

export const testLogger: Logger = createLogger({ level: process.env['MILLRACE_TEST_LOG'] === 'debug' ? 'debug' : 'warn', write: line => console.error(line), now: () => Date.now() })

export async function onKafka(): Promise<UnderTest> {
  const bootstrap = process.env['MILLRACE_TEST_BOOTSTRAP']
  return bootstrap === undefined || bootstrap === '' ? startKafka() : { bootstrap, stop: async () => {} }
}

export async function onEmbeddedBroker(): Promise<UnderTest> {
  const broker = await startBroker()
  return { bootstrap: broker.bootstrap, stop: () => broker.remove() }
}

export function connect(bootstrap: string, options: { readonly deliveryTimeoutMs?: number } = {}): Promise<Cluster> {
  return Cluster.connect(realEnv, { bootstrap, clientId: 'client-test', logger: testLogger, ...options })
}

let count = 0
/** A name no other run has used. */
export function fresh(prefix: string): string {
  return `client-${prefix}-${Date.now().toString(36)}-${process.pid}-${count++}`
}

export async function newTopic(cluster: Cluster, partitions: number, replicas: number = 1, configs: Record<string, string> = {}): Promise<string> {
  const name = fresh('t')
  await new Admin(cluster).createTopics([{ name, partitions, replicas, configs }])
  // The controller has it; brokers learn of it a moment later.
  await eventually(`${name} has leaders`, async () => {
    await cluster.refresh([name])
    const known = cluster.partitionsKnown(name) ?? []
    return known.length === partitions && known.every(meta => meta.leader >= 0)
  })
  return name
}

export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string, readonly value: string | null }[]
}

/**
 * Everything from the start up to the log's end of now; under read_committed what is still open there is waited for, since
 * EndTxn is answered before its markers are written.
 */
export async function readAll(cluster: Cluster, topic: string, isolation: 'read_committed' | 'read_uncommitted' = 'read_committed'): Promise<ReadRecord[]> {
  const partitions = (await cluster.partitions(topic)).map(({ partition }) => ({ topic, partition }))
  const ends = new Map((await new Admin(cluster).listOffsets(partitions, 'latest')).map(each => [each.partition, each.offset]))
  const fetcher = new Fetcher(cluster, { isolation, waitMsMax: 100, onError: (_topic, _partition, error) => { throw error } })
  const records: ReadRecord[] = []
  for (const { partition } of partitions) if ((ends.get(partition) ?? 0) > 0) fetcher.assign(topic, partition, 'earliest')
  const open = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition))
  const cursor = new FetchedCursor()
  const until = Date.now() + 90_000
  while (open.size > 0) {
    if (Date.now() > until) throw new Error(`partitions ${[...open].join(', ')} of ${topic} were not read to their ends`)
    const fetched = fetcher.poll()
    if (fetched === undefined) {
      await sleep(5)
      continue
    }
    cursor.open(fetched)
    while (cursor.next()) records.push(readRecord(cursor, fetched.partition))
    fetched.release()
    if (cursor.offsetNext >= (ends.get(fetched.partition) ?? 0)) open.delete(fetched.partition)
  }
  await fetcher.close()
  return records
}

function readRecord(cursor: FetchedCursor, partition: number): ReadRecord {
  const text = (start: number, end: number): string | null => start < 0 ? null : cursor.buffer.toString('utf8', start, end)
  return {
    partition, offset: cursor.offset, timestamp: cursor.timestamp,
    key: text(cursor.keyStart, cursor.keyEnd), value: text(cursor.valueStart, cursor.valueEnd),
    headers: cursor.readHeaders().map(({ key, value }) => ({ key, value: value === null ? null : value.toString() })),
  }
}

export const sleep = (delayMs: number): Promise<void> => new Promise(resolve => setTimeout(resolve, delayMs))

/** Polls until `holds`, or fails naming `what`. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, withinMs: number = 90_000): Promise<void> {
  const until = Date.now() + withinMs
  while (!await holds()) {
    if (Date.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(20)
  }
}
