/** One broker measured by one client (Millrace's own, in this process), whatever broker it is. */
import { readFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin, Cluster, Fetcher, Producer, realEnv } from 'millrace/client'
import { cpuUsOf } from '../harness/usage.ts'

/** At the most, per partition of the throughput topics. */
const PARTITIONS = 4
const PRODUCE_AHEAD = 2000

export interface Throughput {
  readonly producedPerSecond: number
  readonly consumedPerSecond: number
  /** Processor time of the broker alone, in microseconds for a record: what the client costs is not in it. */
  readonly produceCpuUs: number
  readonly consumeCpuUs: number
}

export const connect = (bootstrap: string): Promise<Cluster> => Cluster.connect(realEnv, { bootstrap, clientId: 'bench' })

export function residentMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

export async function makeTopic(cluster: Cluster, name: string, partitions: number): Promise<void> {
  await new Admin(cluster).createTopics([{ name, partitions, replicas: 1 }])
  // Apache Kafka's brokers hear of a topic after its controller has answered.
  while (await known(cluster, name) < partitions) await sleep(50)
}

async function known(cluster: Cluster, name: string): Promise<number> {
  try {
    return (await cluster.partitions(name)).length
  } catch (error) {
    if (error instanceof Error && 'retriable' in error && error.retriable === true) return 0
    throw error
  }
}

/** Broker and client have their code compiled before they are measured; a topic is read this often, and the median told. */
const WARM_UP_SHARE = 10
const READS = 3

/** `count` records written as fast as the broker of that process acknowledges them, then read back from the start. */
export async function throughput(cluster: Cluster, pid: number, topic: string, count: number, valueBytes: number): Promise<Throughput> {
  await produce(cluster, `${topic}-warm-up`, Math.ceil(count / WARM_UP_SHARE), valueBytes)
  await consume(cluster, `${topic}-warm-up`, Math.ceil(count / WARM_UP_SHARE))
  const before = cpuUsOf([pid])
  const producedPerSecond = await produce(cluster, topic, count, valueBytes)
  const between = cpuUsOf([pid])
  const reads: number[] = []
  for (let read = 0; read < READS; read++) reads.push(await consume(cluster, topic, count))
  return {
    producedPerSecond, consumedPerSecond: reads.sort((a, b) => a - b)[Math.floor(READS / 2)] ?? 0,
    produceCpuUs: (between - before) / count, consumeCpuUs: (cpuUsOf([pid]) - between) / count / READS,
  }
}

/** Records per second. */
export async function produce(cluster: Cluster, topic: string, count: number, valueBytes: number): Promise<number> {
  await makeTopic(cluster, topic, PARTITIONS)
  const producer = new Producer(cluster)
  await producer.init()
  const value = Buffer.alloc(valueBytes, 'v')
  const began = performance.now()
  for (let sent = 0; sent < count; sent++) {
    producer.send(topic, sent % PARTITIONS, 1_700_000_000_000, null, value)
    if (sent % PRODUCE_AHEAD === 0) await (producer.full ? producer.drained() : new Promise<void>(resolve => void setImmediate(resolve)))
  }
  await producer.flush()
  const producedMs = performance.now() - began
  await producer.close()
  return count / producedMs * 1000
}

async function consume(cluster: Cluster, topic: string, count: number): Promise<number> {
  const began = performance.now()
  let seen = 0
  await new Promise<void>((resolve, reject) => {
    const fetcher: Fetcher = new Fetcher(cluster, { isolation: 'read_uncommitted', onError: (_topic, _partition, error) => reject(error), onData: () => take(fetcher) })
    const take = (from: Fetcher): void => {
      for (let fetched = from.poll(); fetched !== undefined; fetched = from.poll()) {
        // No transaction, no compaction: an offset is a record. They are not decoded, the broker's part is measured.
        seen += fetched.offsetNext - fetched.offsetWanted
        fetched.release()
      }
      if (seen >= count) from.close().then(resolve, reject)
    }
    for (let partition = 0; partition < PARTITIONS; partition++) fetcher.assign(topic, partition, 'earliest')
  })
  return count / (performance.now() - began) * 1000
}

/** Milliseconds from `send` to its acknowledgement at `perSecond` records, each its own request unless the broker is behind. */
export async function latencies(cluster: Cluster, topic: string, perSecond: number, seconds: number): Promise<{ readonly p50: number; readonly p99: number; readonly achievedPerSecond: number }> {
  await makeTopic(cluster, topic, 1)
  const sentAt: number[] = []
  const tookMs: number[] = []
  const producer = new Producer(cluster, { onAck: (_topic, _partition, _base, count) => {
    const now = performance.now()
    for (let index = 0; index < count; index++) tookMs.push(now - (sentAt[tookMs.length] ?? now))
  } })
  await producer.init()
  const value = Buffer.alloc(100, 'v')
  const began = performance.now()
  const total = perSecond * seconds
  for (let sent = 0; sent < total;) {
    // What is due by now, so that a late turn is counted as the wait that it is.
    const due = Math.min(total, Math.floor((performance.now() - began) / 1000 * perSecond))
    for (; sent < due; sent++) {
      sentAt.push(began + sent / perSecond * 1000)
      producer.send(topic, 0, 1_700_000_000_000, null, value)
    }
    await sleep(1)
  }
  await producer.flush()
  const achievedPerSecond = total / (performance.now() - began) * 1000
  await producer.close()
  // The first second warms up.
  const sorted = tookMs.slice(perSecond).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { p50: at(0.5), p99: at(0.99), achievedPerSecond }
}

/** Connections that only stand there. */
export async function idleConnections(bootstrap: string, count: number): Promise<() => void> {
  const [host = '127.0.0.1', port] = bootstrap.split(':')
  const sockets: Socket[] = []
  for (let index = 0; index < count; index++) {
    const socket = connectSocket(Number(port), host)
    sockets.push(socket)
    await new Promise<void>((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject) })
  }
  return () => { for (const socket of sockets) socket.destroy() }
}
