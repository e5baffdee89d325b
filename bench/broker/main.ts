/**
 * The embedded broker beside Apache Kafka 4.1 in one run, with equal durability: `sync` beside `flush.messages=1`, `os` beside Kafka's default.
 *
 *   node dist/bench/broker/main.js [--records 1000000] [--seconds 20] [--recovery-mib 1024] [--only millrace-sync,kafka-flush,…] [--dry]
 *
 * Prints a table and writes it to docs/reports, its figures as JSON beside it (`--dry`: neither). The client is Millrace's own for
 * both, in this process; brokers are processes of their own, one after the other.
 */
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startBroker } from '../../test/support/broker.ts'
import { startKafka } from '../../test/support/kafka.ts'
import { ROOT } from '../../test/support/need.ts'
import { connect, idleConnections, latencies, makeTopic, produce, residentMib, throughput } from './measure.ts'

interface Running {
  readonly bootstrap: string
  readonly readyMs: number
  pid(): number
  /** SIGKILL, then a start on the same data; milliseconds until it serves. */
  restart(): Promise<number>
  stop(): Promise<void>
}

const { values } = parseArgs({ options: {
  records: { type: 'string', default: '1000000' }, seconds: { type: 'string', default: '20' }, 'recovery-mib': { type: 'string', default: '1024' }, only: { type: 'string', default: '' }, dry: { type: 'boolean', default: false },
} })
const records = Number(values.records)
const CONTENDERS: Readonly<Record<string, () => Promise<Running>>> = {
  'millrace-sync': () => millrace('sync'), 'kafka-flush': () => kafka({ 'log.flush.interval.messages': '1' }),
  'millrace-os': () => millrace('os'), 'kafka-default': () => kafka({}),
}
const FIGURES = ['ready, ms', 'idle, MiB', 'produce 100 B, records/s', 'consume 100 B, records/s', 'produce 1 KiB, records/s', 'consume 1 KiB, records/s', 'produce 100 B, CPU µs/record', 'consume 100 B, CPU µs/record', 'produce 1 KiB, CPU µs/record', 'consume 1 KiB, CPU µs/record', 'produce p50 at 5,000/s, ms', 'produce p99 at 5,000/s, ms', 'loaded, MiB', 'p99 with 2,000 partitions and 500 connections, ms', 'MiB with them', 'recovery after SIGKILL, ms'] as const
const only = values.only === '' ? Object.keys(CONTENDERS) : values.only.split(',')
const load = (): string => loadavg().map(average => average.toFixed(1)).join(' ')
const started = { at: new Date(), load: load() }
const rows = new Map<string, number[]>()
for (const name of only) {
  const start = CONTENDERS[name]
  if (start === undefined) throw new Error(`--only takes ${Object.keys(CONTENDERS).join(', ')}`)
  rows.set(name, await measured(name, await start()))
}
const ended = load()
const text = page()
process.stdout.write(`${text}\n`)
if (!values.dry) {
  const day = started.at.toISOString().slice(0, 10)
  writeFileSync(join(ROOT, 'docs', 'reports', `${day}-broker-beside-kafka.md`), text)
  const figures = Object.fromEntries([...rows].map(([name, row]) => [name, Object.fromEntries(FIGURES.map((figure, index) => [figure, row[index]]))]))
  writeFileSync(join(ROOT, 'docs', 'reports', `${day}-broker-beside-kafka.json`), `${JSON.stringify({ at: started.at.toISOString(), load: { began: started.load, ended }, records, seconds: Number(values.seconds), recoveryMib: Number(values['recovery-mib']), figures }, null, 1)}\n`)
}
process.exit(0)

async function millrace(durability: 'sync' | 'os'): Promise<Running> {
  const began = performance.now()
  const broker = await startBroker({ durability })
  return {
    bootstrap: broker.bootstrap, readyMs: performance.now() - began, pid: () => broker.pid() ?? -1, stop: () => broker.remove(),
    async restart() {
      await broker.kill()
      return broker.start()
    },
  }
}

async function kafka(properties: Readonly<Record<string, string>>): Promise<Running> {
  const running = await startKafka({ properties })
  const [broker] = running.brokers
  if (broker === undefined) throw new Error('Kafka has no broker')
  const restart = async (): Promise<number> => {
    await broker.kill()
    const began = performance.now()
    await broker.start()
    return performance.now() - began
  }
  // Formatting its storage is not its start.
  return { bootstrap: running.bootstrap, readyMs: await restart(), pid: () => broker.pid() ?? -1, restart, stop: () => running.stop() }
}

async function measured(name: string, broker: Running): Promise<number[]> {
  process.stderr.write(`${name}: load ${load()}\n`)
  await sleep(2000)
  const idle = residentMib(broker.pid())
  const cluster = await connect(broker.bootstrap)
  // Both have compiled their hot paths before anything counts.
  const pid = broker.pid()
  await throughput(cluster, pid, 'warm-up', Math.min(200_000, records), 100)
  const small = await throughput(cluster, pid, 'small', records, 100)
  const large = await throughput(cluster, pid, 'large', Math.ceil(records / 4), 1024)
  const steady = await latencies(cluster, 'steady', 5000, Number(values.seconds))
  const loaded = residentMib(broker.pid())
  await makeTopic(cluster, 'many', 2000)
  const leave = await idleConnections(broker.bootstrap, 500 - 8)
  const crowded = await latencies(cluster, 'crowded', 5000, Number(values.seconds))
  const crowdedMib = residentMib(broker.pid())
  leave()
  const mib = Number(values['recovery-mib'])
  await produce(cluster, 'recovery', mib * 1024, 1000)
  await cluster.close()
  const recoveryMs = await broker.restart()
  await broker.stop()
  return [broker.readyMs, idle, small.producedPerSecond, small.consumedPerSecond, large.producedPerSecond, large.consumedPerSecond, small.produceCpuUs, small.consumeCpuUs, large.produceCpuUs, large.consumeCpuUs, steady.p50, steady.p99, loaded, crowded.p99, crowdedMib, recoveryMs]
}

function page(): string {
  const names = [...rows.keys()]
  const shown = (value: number | undefined): string => value === undefined ? '' : value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
  return [
    '# The embedded broker beside Apache Kafka 4.1', '',
    `\`node dist/bench/broker/main.js --records ${values.records} --seconds ${values.seconds} --recovery-mib ${values['recovery-mib']}\`, ${started.at.toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
    `${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; load when it began ${started.load}, when it ended ${ended}.`,
    'One client (Millrace\'s own) for all, idempotent, uncompressed, batches of up to 256 KiB; equal durability: `sync` and `flush.messages=1` acknowledge after an fsync, `os` and Kafka\'s default before it. Both',
    'had a tenth of the records as a warm-up; a topic is read three times, and the median told. CPU is that of the broker\'s process alone.', '',
    `| | ${names.join(' | ')} |`, `|---|${names.map(() => '---:').join('|')}|`,
    ...FIGURES.map((figure, index) => `| ${figure} | ${names.map(name => shown(rows.get(name)?.[index])).join(' | ')} |`),
    '', `Recovery is of ${values['recovery-mib']} MiB in four partitions, besides what was written before and 2,000 empty partitions.`, '',
  ].join('\n')
}
