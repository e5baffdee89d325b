/**
 * Produce and consume alone: Millrace's client beside Apache Kafka's (Java), librdkafka (by kcat) and the JavaScript ones, on Apache Kafka, or on the embedded broker.
 *
 *   node dist/bench/transport/main.js [--records 1000000] [--bytes 100] [--partitions 4] [--rounds 3] [--clients millrace,java,…] [--embedded] [--name transport]
 *
 * T1. Each client is a process of its own, acks=all, idempotent where it has that, no compression. It says what the last 70 % of the records took, so that start-up and
 *     JIT warm-up are outside; kcat cannot, so its figures are of the whole process, and marked.
 * T2. A round of produce counts if the topic's end offsets grew by the records sent (an idempotent client doubles nothing); one of consume if it saw all of them.
 * T3. Rounds are interleaved. The page has CPU µs per record beside records a second: on a machine that does other work only the first means something.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Admin, Cluster, realEnv } from 'millrace/client'
import { startBroker } from '../harness/broker.ts'
import { BENCH, BENCH_DIST, ROOT } from '../harness/places.ts'
import { kafkaClasspath, transportClasspath } from '../harness/programs.ts'
import { newResults, pathOf, writeText } from '../harness/results.ts'
import { summaryOf } from '../harness/statistics.ts'
import { cpuUsOf } from '../harness/usage.ts'
import { startEmbedded } from './embedded.ts'

const { values } = parseArgs({ options: {
  records: { type: 'string', default: '1000000' }, bytes: { type: 'string', default: '100' }, partitions: { type: 'string', default: '4' }, rounds: { type: 'string', default: '3' },
  clients: { type: 'string' }, embedded: { type: 'boolean', default: false }, name: { type: 'string', default: 'transport' },
} })
const [records, bytes, partitions, rounds] = [values.records, values.bytes, values.partitions, values.rounds].map(Number) as [number, number, number, number] // As many as were given.
const MODES = ['produce', 'consume'] as const
type Mode = typeof MODES[number]
const RUN_MS_MAX = 300_000
const INPUT = 'transport-input'

interface Figures { readonly records: number, readonly seconds: number, readonly cpuSeconds: number }
interface Client { readonly name: string, readonly title: string, run(mode: Mode, bootstrap: string, topic: string): Promise<Figures> }

const node = (name: string, title: string, ...script: string[]): Client => ({ name, title, run: (mode, bootstrap, topic) => said(process.execPath, [...script, mode, bootstrap, topic, values.records, values.bytes, values.partitions]) })
const npm = (name: string, title: string): Client => node(name, title, join(BENCH, 'contenders', 'npm', 'transport.mjs'), name)
const CLIENTS: readonly Client[] = [
  node('millrace', 'Millrace', '--enable-source-maps', join(BENCH_DIST, 'contenders', 'transport', 'millrace.js')),
  { name: 'java', title: 'Apache Kafka (Java)', run: (mode, bootstrap, topic) => said('java', ['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', transportClasspath().join(':'), 'Transport', mode, bootstrap, topic, values.records, values.bytes, values.partitions]) },
  { name: 'librdkafka', title: 'librdkafka (kcat, whole process)', run: kcat },
  npm('kafkajs', 'kafkajs'), npm('platformatic', '@platformatic/kafka'), npm('kafkats', '@kafkats/client'),
]

const running = values.clients === undefined ? CLIENTS : CLIENTS.filter(({ name }) => values.clients?.split(',').includes(name))
const folder = mkdtempSync(join(tmpdir(), 'millrace-transport-'))
mkdirSync(folder, { recursive: true })
const broker = values.embedded ? await startEmbedded(join(folder, 'embedded')) : await startBroker(join(folder, 'kafka'), kafkaClasspath())
try {
  await main()
} finally {
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const { commit, dirty, date, machine } = newResults(values.name, 'smoke', rounds)
  const seen: { readonly client: string, readonly mode: Mode, readonly round: number, readonly load: number, readonly brokerCpuSeconds: number, readonly figures: Figures | undefined, readonly why: string | undefined }[] = []
  for (let round = 0; round < rounds; round++) {
    for (const mode of MODES) {
      if (mode === 'consume' && round === 0) await fill()
      for (const client of running) {
        const [load, before] = [loadavg()[0] ?? 0, cpuUsOf([broker.pid])]
        let [figures, why]: [Figures | undefined, string | undefined] = [undefined, undefined]
        try {
          figures = await judged(client, mode, round)
        } catch (error) {
          why = error instanceof Error ? error.message : String(error)
        }
        seen.push({ client: client.name, mode, round, load, brokerCpuSeconds: (cpuUsOf([broker.pid]) - before) / 1e6, figures, why })
        console.log(`${mode} ${client.title.padEnd(34)} ${figures === undefined ? `does not count: ${why ?? ''}` : `${(figures.records / figures.seconds / 1_000).toFixed(0)}k/s, CPU ${(figures.cpuSeconds / figures.records * 1e6).toFixed(2)} µs a record`}, load ${load.toFixed(1)}`)
      }
    }
  }
  const rows = MODES.flatMap(mode => running.map(({ name, title }) => {
    const of = seen.filter(each => each.client === name && each.mode === mode)
    const measured = of.flatMap(({ figures }) => figures === undefined ? [] : [figures])
    const cpu = summaryOf(measured.map(figures => figures.cpuSeconds / figures.records * 1e6))
    const speed = summaryOf(measured.map(figures => figures.records / figures.seconds / 1_000))
    const own = summaryOf(of.flatMap(({ figures, brokerCpuSeconds }) => figures === undefined ? [] : [brokerCpuSeconds / records * 1e6]))
    return `| ${mode} | ${title} | ${cpu === undefined ? '–' : `${cpu.median.toFixed(2)} (${cpu.lowest.toFixed(2)}–${cpu.highest.toFixed(2)})`} | ${own === undefined ? '–' : own.median.toFixed(2)} | ${speed === undefined ? '–' : `${speed.median.toFixed(0)} (${speed.lowest.toFixed(0)}–${speed.highest.toFixed(0)})`} | ${measured.length} of ${of.length} |`
  }))
  const failures = seen.filter(({ figures }) => figures === undefined).map(({ client, mode, round, why }) => `- ${mode}, ${client}, round ${round + 1}: ${(why ?? '').split('\n')[0] ?? ''}`)
  const loads = seen.map(({ load }) => load)
  writeText(pathOf({ date, name: values.name }, 'md'), `# Transport alone, ${date}

Made by \`node dist/bench/transport/main.js\`: ${records.toLocaleString('en')} records of ${bytes} bytes, ${partitions} partitions, ${values.embedded ? 'embedded broker' : 'Apache Kafka 4.1'}, ${rounds} rounds, interleaved. Commit ${commit.slice(0, 12)}${dirty ? ' with uncommitted changes' : ''}; ${machine['cores']} cores (${machine['processor']}), Node ${machine['node']}, ${machine['java']}.
Load ${Math.min(...loads).toFixed(1)}–${Math.max(...loads).toFixed(1)}: ${Math.max(...loads) > 3 ? 'the machine did other work, so the records a second compare nothing; processor time per record does, roughly.' : 'the machine was quiet.'} Each client hands out every record, Millrace's in place (no object for each).

| | client | CPU µs per record, median (range) | broker's, whole run | 1,000 records/s | rounds |
|---|---|---|---|---|---|
${rows.join('\n')}
${failures.length === 0 ? '' : `\nRounds that do not count:\n\n${failures.join('\n')}\n`}`)
  console.log(pathOf({ date, name: values.name }, 'md'))
}

/** What is read, before anybody's processor time is looked at. */
async function fill(): Promise<void> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'transport' })
  try {
    await new Admin(cluster).createTopics([{ name: INPUT, partitions, replicas: 1, configs: { 'retention.ms': '-1' } }])
    await CLIENTS[0]?.run('produce', broker.bootstrap, INPUT)
  } finally {
    await cluster.close()
  }
}

/** T2: what is read was produced by Millrace, once. */
async function judged(client: Client, mode: Mode, round: number): Promise<Figures> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'transport' })
  try {
    const admin = new Admin(cluster)
    const topic = mode === 'consume' ? INPUT : `transport-${client.name}-${round}`
    if (mode === 'produce') await admin.createTopics([{ name: topic, partitions, replicas: 1, configs: { 'retention.ms': '-1' } }])
    const figures = await client.run(mode, broker.bootstrap, topic)
    const ends = await admin.listOffsets(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })), 'latest')
    const there = ends.reduce((sum, { offset }) => sum + offset, 0)
    if (there !== records) throw new Error(`the topic has ${there} records, not ${records}`)
    if (mode === 'produce') await admin.deleteTopics([topic])
    return figures
  } finally {
    await cluster.close()
  }
}

/** Runs a client; its last line is what it measured. */
function said(command: string, args: readonly string[], input?: (to: NodeJS.WritableStream) => void): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { cwd: ROOT, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX)
    let [out, err] = ['', '']
    child.stdout?.on('data', (data: Buffer) => { out = (out + data.toString()).slice(-2_000) })
    child.stderr?.on('data', (data: Buffer) => { err = (err + data.toString()).slice(-2_000) })
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(timer)
      const line = out.trim().split('\n').at(-1) ?? ''
      if (code !== 0 || !line.startsWith('{')) reject(new Error(`${command} ended with ${code}: ${err.trim().slice(-400)}`))
      else resolve(JSON.parse(line) as Figures) // As every client prints it.
    })
    if (input !== undefined && child.stdin !== null) input(child.stdin)
  })
}

/** `time` of the shell says what the whole process took. */
async function kcat(mode: Mode, bootstrap: string, topic: string): Promise<Figures> {
  const common = `-b ${bootstrap} -t ${topic} -X check.crcs=true`
  const make = `head -c ${records * (bytes + 1)} /dev/zero | tr '\\0' x | fold -w ${bytes} | head -n ${records}`
  const command = mode === 'produce'
    ? `${make} > ${join(folder, 'lines')}; TIMEFORMAT='{"records":${records},"seconds":%R,"cpuSeconds":%U+%S}'; time kcat -P ${common} -X acks=all -X enable.idempotence=true -X linger.ms=5 -X batch.size=262144 -l ${join(folder, 'lines')}`
    : `TIMEFORMAT='{"records":${records},"seconds":%R,"cpuSeconds":%U+%S}'; time kcat -C ${common} -e -q -o beginning -f '' `
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', `${command} > /dev/null`], { stdio: ['ignore', 'ignore', 'pipe'] })
    let err = ''
    child.stderr.on('data', (data: Buffer) => { err += data.toString() })
    child.once('error', reject)
    child.once('close', code => {
      const found = /\{"records":(\d+),"seconds":([\d.]+),"cpuSeconds":([\d.]+)\+([\d.]+)\}/.exec(err)
      if (code !== 0 || found === null) reject(new Error(`kcat ended with ${code}: ${err.slice(-400)}`))
      else resolve({ records, seconds: Number(found[2]), cpuSeconds: Number(found[3]) + Number(found[4]) })
    })
  })
}
