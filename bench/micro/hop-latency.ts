/**
 * How long a record takes from one topic to the next through an exactly-once task, hop by hop, at a steady rate.
 *
 *   node dist/bench/micro/hop-latency.js [--durability sync|os | --bootstrap localhost:9092] [--rate 1000] [--seconds 10] [--hops 3] [--partitions 4] [--warm-up 4]
 *
 *   produce ─ack─▶ hop-0 ──task 1──▶ hop-1 ──task 2──▶ hop-2 ──task 3──▶ hop-3
 *
 * Each task counts per key (state, a changelog) and writes on: input offsets, changelog and output are one transaction. Broker and tasks
 * are processes of their own (the tasks in one, as an app runs by default); this one produces, and reads all topics with `read_committed`.
 * A hop is the time between a record being seen here in its input topic and in its output topic, so it is what the next task waits for.
 * Printed beside it: produce to acknowledgement, acknowledgement to being seen in the first topic (one fetch, no task), and all hops together;
 * commits, and processor time of the tasks per record and hop. Not measured: keys that repeat little, large values, more than one machine.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { app, int64, json, record, run, text, topic } from 'millrace'
import { Admin, Cluster, FetchedCursor, Fetcher, partitionOf, Producer, realEnv } from 'millrace/client'

const { values } = parseArgs({ options: {
  bootstrap: { type: 'string' }, durability: { type: 'string', default: 'sync' }, rate: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '10' },
  hops: { type: 'string', default: '3' }, partitions: { type: 'string', default: '4' }, 'warm-up': { type: 'string', default: '4' }, tasks: { type: 'string' },
} })
const [rate, seconds, hops, partitions, warmUpSeconds] = [values.rate, values.seconds, values.hops, values.partitions, values['warm-up']].map(Number) as [number, number, number, number, number]
const KEYS = 500
const TICK_MS = 5
const prefix = `hop-latency-${values.tasks === undefined ? process.pid : process.ppid}`
const Hop = record({ n: int64 })
const topics = Array.from({ length: hops + 1 }, (_, index) => topic(`${prefix}-${index}`, { key: text, value: Hop, partitions }))

interface TasksReport { readonly commits: number; readonly commitMsP50: number; readonly cpuMs: number }

if (values.tasks === undefined) await measure()
else await runTasks(values.tasks)

// ---------------------------------------------------------------- the tasks' process

async function runTasks(bootstrap: string): Promise<void> {
  let described = app(prefix)
  for (let hop = 0; hop < hops; hop++) {
    const [from, to] = [topics[hop], topics[hop + 1]]
    if (from === undefined || to === undefined) throw new Error('a hop has two topics')
    described = described.task(`hop${hop + 1}`, ({ read }) => {
      read(from).process('count', {
        state: json<{ seen: number }>(), emits: Hop,
        onRecord: (value, { state, emit }) => {
          state.set({ seen: (state.get()?.seen ?? 0) + 1 })
          emit(value)
        },
      }).write(to)
    })
  }
  const folder = mkdtempSync(join(tmpdir(), 'hop-latency-tasks-'))
  const running = await run(described, { bootstrap, dataDirectory: folder, metrics: false })
  running.failed.then(error => {
    console.error(error)
    process.exit(1)
  }, () => process.exit(1))
  process.on('message', async () => {
    const { tasks } = await running.status()
    const { user, system } = process.cpuUsage()
    const report: TasksReport = { commits: tasks.reduce((sum, task) => sum + task.commits, 0), commitMsP50: Math.max(...tasks.map(task => task.commitMsP50)), cpuMs: (user + system) / 1000 }
    process.send?.(report)
  })
  process.on('disconnect', () => void running.close().finally(() => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(0)
  }))
}

// ---------------------------------------------------------------- the measuring process

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hop-latency-'))
  const broker = values.bootstrap === undefined ? await startBroker(folder) : undefined
  const bootstrap = values.bootstrap ?? broker?.bootstrap ?? ''
  const cluster = await Cluster.connect(realEnv, { bootstrap, clientId: 'hop-latency' })
  await new Admin(cluster).createTopics(topics.map(({ name }) => ({ name, partitions })), { existing: 'ok' })
  const tasks = fork(fileURLToPath(import.meta.url), ['--tasks', bootstrap, '--hops', values.hops, '--partitions', values.partitions])
  try {
    await measureOn(cluster, tasks, broker?.child.pid)
  } finally {
    const ended = new Promise(resolve => tasks.once('exit', resolve))
    if (tasks.connected) tasks.disconnect()
    await ended
    await new Admin(cluster).deleteTopics(topics.map(({ name }) => name)).catch(() => { /* The broker may be gone with its folder. */ })
    await cluster.close()
    broker?.child.kill('SIGTERM')
    if (broker !== undefined) await new Promise(resolve => broker.child.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function startBroker(folder: string): Promise<{ readonly child: ChildProcess; readonly bootstrap: string }> {
  const script = fileURLToPath(new URL('../../src/broker/main.js', import.meta.url))
  const child = spawn(process.execPath, [script, '--port', '0', '--data', join(folder, 'data'), '--durability', values.durability], { stdio: ['ignore', 'pipe', 'inherit'] })
  const bootstrap = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve((JSON.parse(String(line)) as { address: string }).address)) // The one line it prints when it is ready.
    child.once('exit', () => reject(new Error('the broker did not start')))
  })
  return { child, bootstrap }
}

async function measureOn(cluster: Cluster, tasks: ChildProcess, brokerPid: number | undefined): Promise<void> {
  const total = Math.ceil(rate * (seconds + warmUpSeconds))
  const sentAt = new Float64Array(total)
  const ackedAt = new Float64Array(total)
  const seenAt = topics.map(() => new Float64Array(total))
  const seen = topics.map(() => 0)
  const follower = follow(cluster, (hop, n) => {
    const times = seenAt[hop]
    if (times === undefined || times[n] !== 0) throw new Error(`record ${n} was seen twice in topic ${hop}`)
    times[n] = performance.now()
    seen[hop] = (seen[hop] ?? 0) + 1
  })
  const inFlight = Array.from({ length: partitions }, (): number[] => [])
  const producer = new Producer(cluster, { onAck: (_topic, partition, _offset, count) => {
    const now = performance.now()
    for (const n of inFlight[partition]?.splice(0, count) ?? []) ackedAt[n] = now
  } })
  await producer.init()
  let sent = 0
  const send = (): void => {
    const key = Buffer.from(`key-${(sent * 7919) % KEYS}`)
    const partition = partitionOf(key, partitions)
    sentAt[sent] = performance.now()
    inFlight[partition]?.push(sent)
    producer.send(topics[0]?.name ?? '', partition, Date.now(), key, Buffer.from(JSON.stringify({ n: sent })))
    sent += 1
  }
  // The first record waits until the tasks have joined their groups; the clock starts behind it.
  send()
  while ((seen.at(-1) ?? 0) < 1) await pause(20)
  const warmUp = Math.ceil(rate * warmUpSeconds)
  const start = performance.now()
  let before: TasksReport | undefined
  while (sent < total) {
    for (const due = Math.min(total, Math.ceil((performance.now() - start) / 1000 * rate)); sent < due;) send()
    if (before === undefined && sent >= warmUp) before = await reportOf(tasks)
    await pause(TICK_MS)
  }
  const deadline = performance.now() + 30_000
  while ((seen.at(-1) ?? 0) < total && performance.now() < deadline) await pause(20)
  const after = await reportOf(tasks)
  await producer.close()
  await follower.close()
  const [lost = 0] = [total - (seen.at(-1) ?? 0)]
  if (lost > 0) throw new Error(`${lost} of ${total} records have not come out`)
  const between = (from: Float64Array | undefined, to: Float64Array | undefined): Float64Array => (to ?? new Float64Array()).subarray(warmUp).map((time, index) => time - (from?.[warmUp + index] ?? 0)).sort()
  const where = values.bootstrap ?? `embedded broker, ${values.durability}`
  console.log(`${where}: ${rate} records/s, ${partitions} partitions, ${seconds} s after ${warmUpSeconds} s; node ${process.version}, load ${(loadavg()[0] ?? 0).toFixed(1)}${brokerPid === undefined ? '' : ''}`)
  print('produce to acknowledgement', between(sentAt, ackedAt))
  print('acknowledgement to seen', between(ackedAt, seenAt[0]))
  for (let hop = 1; hop <= hops; hop++) print(`hop ${hop}`, between(seenAt[hop - 1], seenAt[hop]))
  print(`all ${hops} hops`, between(seenAt[0], seenAt[hops]))
  if (before === undefined) return
  const commits = after.commits - before.commits
  console.log(`commits ${(commits / seconds / hops).toFixed(0)}/s a task, p50 ${after.commitMsP50.toFixed(1)} ms; tasks' processor time ${((after.cpuMs - before.cpuMs) * 1000 / (total - warmUp) / hops).toFixed(0)} µs a record and hop`)
}

function follow(cluster: Cluster, onRecord: (hop: number, n: number) => void): Fetcher {
  const cursor = new FetchedCursor()
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed', onData: () => {
    for (let batches = fetcher.poll(); batches !== undefined; batches = fetcher.poll()) {
      const hop = topics.findIndex(({ name }) => name === batches?.topic)
      cursor.open(batches)
      while (cursor.next()) onRecord(hop, (JSON.parse(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd)) as { n: number }).n) // Written by `send`.
      batches.release()
    }
  } })
  for (const { name } of topics) for (let partition = 0; partition < partitions; partition++) fetcher.assign(name, partition, 'earliest')
  return fetcher
}

function reportOf(tasks: ChildProcess): Promise<TasksReport> {
  return new Promise(resolve => {
    tasks.once('message', message => resolve(message as TasksReport)) // The other side is this same file.
    tasks.send('report')
  })
}

function print(what: string, sorted: Float64Array): void {
  const at = (share: number): string => (sorted[Math.floor(share * sorted.length)] ?? 0).toFixed(1).padStart(7)
  console.log(`${what.padEnd(28)} p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  max ${(sorted.at(-1) ?? 0).toFixed(1).padStart(7)} ms`)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
