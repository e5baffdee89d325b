/**
 * Hostile requests against a whole embedded broker on a simulated clock, disk and network.
 *
 * Z1. Whatever comes, the broker goes on: a connection may be closed, a handler never fails (`a request failed` in its log is a finding), and a
 *     client that behaves is served after each round.
 * Z2. After each round the broker is closed and started on its data again: what hostile requests leave behind is opened.
 * Z3. The same seed gives the same requests.
 */
import { Broker } from '../../../src/broker/broker.ts'
import { SERVED } from '../../../src/broker/handlers/index.ts'
import { Sim } from '../../../src/testing/sim/sim.ts'
import { metadata } from '../../../src/wire/apis/03-metadata.ts'
import { createTopics } from '../../../src/wire/apis/19-create-topics.ts'
import { loadCompression } from '../../../src/wire/compression.ts'
import { createLogger } from '../../../src/base/logger.ts'
import { seededRandom } from '../seeded-random.ts'
import { WireClient } from '../wire-client.ts'
import { hostileFrames } from './frames.ts'
import type { HostileFrames } from './frames.ts'

const PORT = 9092
const ROUND = 4000
const PER_CONNECTION = 25
const IN_FLIGHT = 5

export interface FuzzReport {
  readonly seedText: string
  readonly executions: number
  readonly executionsPerSecond: number
  readonly findings: readonly string[]
  /** Of the heap, after the first round and after the last, collected where the process allows it (`--expose-gc`). */
  readonly heapBytes: readonly [number, number]
}

export async function fuzzBroker(executions: number, seed: number): Promise<FuzzReport> {
  await loadCompression()
  const random = seededRandom(seed)
  const findings: string[] = []
  const frames = hostileFrames(SERVED.map(({ api, versionMin, versionMax }) => [api, versionMin, versionMax] as const), random)
  const started = performance.now()
  let done = 0
  let first = 0
  while (done < executions) {
    const count = Math.min(ROUND, executions - done)
    await round(frames, count, done + seed, findings)
    done += count
    if (first === 0) first = heapBytes()
  }
  return { seedText: random.seedText, executions: done, executionsPerSecond: Math.round(done / (performance.now() - started) * 1000), findings, heapBytes: [first, heapBytes()] }
}

async function round(frames: HostileFrames, count: number, seed: number, findings: string[]): Promise<void> {
  const sim = new Sim({ seed })
  const { env } = sim.process('broker')
  const recent: string[] = []
  // With acks=0 closing the connection is how Kafka tells of an error, and the log says so.
  const logger = createLogger({ level: 'error', now: () => 0, write: line => { if (!line.includes('acks=0')) findings.push(`${line.slice(0, 1500)} | ${recent.slice(-IN_FLIGHT).join(' | ')}`) } })
  const start = (): Promise<Broker> => sim.run(Broker.start(env, { directory: '/data', port: PORT, logger }))
  let broker = await start()
  const connect = (): Promise<WireClient> => sim.run(WireClient.connect(sim.process('client').env, PORT))
  const good = await connect()
  await sim.run(good.request(createTopics, 7, { topics: [{ name: 't', numPartitions: 2, replicationFactor: 1 }, { name: 'u', numPartitions: 1, replicationFactor: 1, configs: [{ name: 'cleanup.policy', value: 'compact' }] }] }))
  good.close()
  for (let sent = 0; sent < count;) {
    const client = await connect()
    for (let number = 0; number < PER_CONNECTION && sent < count && !client.closed; number++, sent++) {
      const { api, version, frame } = frames.next()
      recent.push(`${api.name} v${version} ${frame.toString('hex').slice(0, 2000)}`)
      if (recent.length > 2 * IN_FLIGHT) recent.shift()
      client.raw(frame)
      if (number % IN_FLIGHT === IN_FLIGHT - 1) await sim.advance(20)
    }
    await sim.advance(20)
    client.close()
  }
  try {
    const client = await connect()
    await sim.run(client.request(metadata, 12, { topics: null }), { timeMaxMs: 120_000 })
    client.close()
    await sim.run(broker.close(), { timeMaxMs: 600_000 })
    broker = await start()
    await sim.run(broker.close(), { timeMaxMs: 600_000 })
  } catch (error) {
    findings.push(`round of seed ${seed}: ${error instanceof Error ? error.stack : String(error)} | ${recent.at(-1)}`)
  }
}

function heapBytes(): number {
  if (typeof globalThis.gc === 'function') globalThis.gc()
  return process.memoryUsage().heapUsed
}
