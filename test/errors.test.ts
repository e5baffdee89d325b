/**
 * What a user meets when something is wrong: the exit code, and a message that says what, where, and what to do next.
 * Each app of test/errors/app.ts is run as a user runs it, against an embedded broker.
 */
import assert from 'node:assert/strict'
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { open } from 'lmdb'
import { Broker } from '../src/broker/broker.ts'
import { Admin } from '../src/client/admin.ts'
import { Cluster } from '../src/client/cluster.ts'
import { FetchedCursor } from '../src/client/fetched-batches.ts'
import { Fetcher } from '../src/client/fetcher.ts'
import { Producer } from '../src/client/producer.ts'
import { realEnv } from '../src/env/real/env.ts'
import { POSITION_KEY } from '../src/runtime/state/layout.ts'
import { crc32c } from '../src/wire/crc32c.ts'
import { walkBatches } from '../src/wire/record-batch.ts'
import { freePorts } from './support/kafka.ts'
import { startMillrace, millrace } from './support/millrace.ts'
import { ROOT } from './support/need.ts'
import type { Ran, Started } from './support/processes.ts'

const ENTRY = join(ROOT, 'dist', 'test', 'errors', 'app.js')
const SOURCE = join(ROOT, 'test', 'errors', 'app.ts')
const GOOD = '{"id":"o-1","total":1}'
const BAD = '{"id":"o-2","total":-1}'
const UNREADABLE = '{"id":"o-3","total":"much"}'
const MS_MAX = 60_000

const directory = mkdtempSync(join(tmpdir(), 'millrace-errors-'))
let broker: Broker
let cluster: Cluster
let admin: Admin
let number = 0

before(async () => {
  broker = await Broker.start(realEnv, { directory: join(directory, 'broker'), port: 0, durability: 'os' })
  cluster = await Cluster.connect(realEnv, { bootstrap: broker.address, clientId: 'errors-test' })
  admin = new Admin(cluster)
})
after(async () => {
  await cluster.close()
  await broker.close()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(async () => {
  number++
  const groups = (await admin.listGroups()).map(each => each.groupId).filter(group => group.startsWith('errors.'))
  if (groups.length > 0) await admin.deleteGroups(groups)
  const topics = (await admin.listTopics()).filter(topic => topic.startsWith('errors.'))
  if (topics.length > 0) await admin.deleteTopics(topics)
})

const args = (more: readonly string[]): string[] => ['start', ENTRY, '--bootstrap', broker.address, '--data', join(directory, `state-${number}`), ...more]

/** Runs an app that must end by itself. */
function ended(app: string, more: readonly string[] = []): Promise<Ran> {
  return millrace(args(more), { env: { ERRORS_APP: app }, timeoutMs: MS_MAX })
}

async function running(app: string, more: readonly string[] = []): Promise<Started> {
  const started = startMillrace(args(more), { env: { ERRORS_APP: app } })
  await started.waitFor(/ready in/, MS_MAX)
  return started
}

/** All to partition 0, in one batch. */
async function write(topic: string, values: readonly string[], partitions = 2): Promise<void> {
  await admin.createTopics([{ name: topic, partitions }], { existing: 'ok' })
  await cluster.refresh([topic])
  const producer = new Producer(cluster)
  await producer.init()
  for (const value of values) producer.send(topic, 0, 1_700_000_000_000, Buffer.from('k'), Buffer.from(value), [{ key: 'from', value: Buffer.from('test') }])
  await producer.close()
}

interface Row {
  readonly value: string
  readonly headers: Readonly<Record<string, string>>
  /** Producer id and epoch of its batch. With transactions v2 an epoch is one transaction. */
  readonly transaction: string
}

/** Waits for `count` committed records. */
async function read(topic: string, count: number): Promise<Row[]> {
  const deadline = Date.now() + MS_MAX
  while (!(await admin.listTopics()).includes(topic)) {
    assert.ok(Date.now() < deadline, `${topic} was never made`)
    await realEnv.clock.sleep(50)
  }
  await cluster.refresh([topic])
  const fetcher = new Fetcher(cluster, { isolation: 'read_committed' })
  for (const { partition } of await cluster.partitions(topic)) fetcher.assign(topic, partition, 'earliest')
  const rows: Row[] = []
  const cursor = new FetchedCursor()
  while (rows.length < count) {
    assert.ok(Date.now() < deadline, `${topic} has only ${rows.length} records`)
    const fetched = fetcher.poll()
    if (fetched === undefined) {
      await realEnv.clock.sleep(10)
      continue
    }
    cursor.open(fetched)
    while (cursor.next()) {
      const view = [...walkBatches(fetched.batches)].map(each => ({ first: each.baseOffset, last: each.lastOffset, id: each.isTransactional ? `${each.producerId}/${each.producerEpoch}` : 'none' }))
        .find(each => each.first <= cursor.record.offset && cursor.record.offset <= each.last)
      rows.push({
        value: cursor.record.buffer.toString('utf8', cursor.record.valueStart, cursor.record.valueEnd), transaction: view?.id ?? 'none',
        headers: Object.fromEntries(cursor.readHeaders().map(header => [header.key, String(header.value)])),
      })
    }
    fetched.release()
  }
  await fetcher.close()
  return rows
}

async function committed(task: string): Promise<number> {
  const [entry] = await admin.groupOffsets(`errors.${task}`, [{ topic: 'errors.orders', partition: 0 }], { requireStable: true })
  return entry?.offset ?? -1
}

/** Where the marked line of the app's TypeScript is. */
function markedLine(): number {
  return readFileSync(SOURCE, 'utf8').split('\n').findIndex(line => line.endsWith('// breaks here')) + 1
}

for (const threads of ['0', '1']) {
  test(`policy fail: the message names task, record and line, exit code 1, and the record stays uncommitted (threads ${threads})`, async () => {
    await write('errors.orders', [GOOD, BAD, GOOD])
    const { exitCode, stderr } = await ended('fail', ['--threads', threads])
    assert.equal(exitCode, 1, stderr)
    assert.match(stderr, new RegExp(`✖ USER_CODE {2}Task "check" failed on a record {2}${SOURCE}:${markedLine()}:\\d+\n`))
    assert.match(stderr, new RegExp(`▶ ${markedLine()} │ {3}if \\(order\\.total < 0\\)`), 'the line itself, as it was written')
    assert.match(stderr, /problem {2}order o-2 has a negative total\n {2}record {3}errors\.orders\/0@1 {3}key "k" {3}written 2023-11-14T22:13:20\.000Z/)
    assert.match(stderr, /onError: 'skip'/)
    assert.doesNotMatch(stderr, /\\u000a/, 'no escaped line ends')
    assert.ok(await committed('check') <= 1)
    // The command that the message gives shows the record.
    const [, command = ''] = /millrace (topic tail .*)$/m.exec(stderr) ?? []
    const shown = await millrace([...command.split(' '), '--bootstrap', broker.address, '-f', '%v'])
    assert.equal(shown.stdout, BAD, shown.stderr)
  })
}

test('policy skip: the record is left out and the rest goes on', async () => {
  await write('errors.orders', [GOOD, BAD, UNREADABLE, GOOD])
  const app = await running('skip')
  assert.deepEqual((await read('errors.checked', 2)).map(row => row.value), [GOOD, GOOD])
  assert.equal((await app.kill('SIGTERM')).exitCode, 0)
  assert.equal(await committed('check'), 4)
})

test('dead letter: key, value and headers as they came, headers that say why, in the transaction of the records beside it', async () => {
  await write('errors.orders', [GOOD, BAD, UNREADABLE, GOOD])
  const app = await running('deadLetter')
  const dead = await read('errors.dead', 2)
  const good = await read('errors.checked', 2)
  assert.equal((await app.kill('SIGTERM')).exitCode, 0)
  assert.deepEqual(dead.map(row => row.value), [BAD, UNREADABLE])
  const [thrown, unreadable] = dead.map(row => row.headers)
  assert.deepEqual({ ...thrown, 'millrace.site': undefined }, {
    from: 'test', 'millrace.task': 'check', 'millrace.topic': 'errors.orders', 'millrace.partition': '0', 'millrace.offset': '1',
    'millrace.stage': 'process', 'millrace.error': 'order o-2 has a negative total', 'millrace.site': undefined,
  })
  assert.match(thrown?.['millrace.site'] ?? '', new RegExp(`app\\.ts:${markedLine()}:`))
  assert.equal(unreadable?.['millrace.stage'], 'decode')
  assert.match(unreadable?.['millrace.error'] ?? '', /field total/)
  assert.match(dead[0]?.transaction ?? '', /^\d+\/\d+$/)
  assert.deepEqual(new Set([...dead, ...good].map(row => row.transaction)).size, 1, JSON.stringify([...dead, ...good]))
  assert.equal(await committed('check'), 4)
})

test('a record that is not what the topic declares: SERDE_FAILED with the path of the field, exit code 4', async () => {
  await write('errors.orders', [GOOD, UNREADABLE])
  const { exitCode, stderr } = await ended('fail')
  assert.equal(exitCode, 4, stderr)
  assert.match(stderr, /✖ SERDE_FAILED {2}Task "check" could not read a record\n {2}problem {2}field total: expected a finite number, found text "much"/)
  assert.match(stderr, /record {3}errors\.orders\/0@1/)
  assert.match(stderr, /next {5}mend what writes the topic, or the topic's declaration/)
})

test('a value that cannot be written: the topic and the field are named, exit code 1', async () => {
  await write('errors.orders', [BAD])
  const { exitCode, stderr } = await ended('wrongOutput')
  assert.equal(exitCode, 1, stderr)
  assert.match(stderr, /problem {2}The value cannot be written to errors\.checked: field total: expected a finite number, found number NaN/)
  assert.match(stderr, /record {3}errors\.orders\/0@0/)
})

test('a record that is larger than its topic takes: the topic, the size and the limit are named once, exit code 4', async () => {
  await write('errors.orders', [GOOD, BAD])
  const { exitCode, stderr } = await ended('tooLarge')
  assert.equal(exitCode, 4, stderr)
  assert.match(stderr, /✖ TOPIC_MISMATCH {2}Task "check" cannot commit.*\n {2}problem {2}.*errors\.checked-\d.*MESSAGE_TOO_LARGE.*\n {2}next {5}write smaller records, or raise max\.message\.bytes/)
  assert.equal(stderr.match(/going back/g), null, 'no second try')
})

test('a time that is no whole number of milliseconds: exit code 1', async () => {
  await write('errors.orders', [GOOD])
  const { exitCode, stderr } = await ended('badTime')
  assert.equal(exitCode, 1, stderr)
  assert.match(stderr, /Task "check" could not tell the time of a record\n {2}problem {2}The time of a record of errors\.orders is 0\.5, not whole milliseconds since 1970/)
})

test('topics that meet by key and have unequal partition counts: both are named with their counts, exit code 2', async () => {
  const { exitCode, stderr } = await ended('mismatch')
  assert.equal(exitCode, 2, stderr)
  assert.match(stderr, /✖ TOPOLOGY_INVALID .*errors\.orders has 2.*errors\.customers has 3.*Make them equal, or keyBy/)
})

test('an internal topic with another partition count than its input now asks for: exit code 4, and what to delete', async () => {
  await admin.createTopics([{ name: 'errors.orders', partitions: 2 }, { name: 'errors.count.per-id.repartition', partitions: 5 }])
  const { exitCode, stderr } = await ended('counting')
  assert.equal(exitCode, 4, stderr)
  assert.match(stderr, /✖ TOPIC_MISMATCH {2}Topic errors\.count\.per-id\.repartition has 5 partitions, but its task needs 2: .*Delete it/)
})

test('a topic with fewer partitions than declared is used as it is, and said so', async () => {
  await write('errors.orders', [GOOD], 1)
  const app = await running('skip')
  await read('errors.checked', 1)
  const { exitCode, stderr } = await app.kill('SIGTERM')
  assert.equal(exitCode, 0)
  assert.match(stderr, /errors\.orders has 1 partition and is declared with 2/)
})

test('an address where nobody listens: exit code 3, and the address', async () => {
  const { exitCode, stderr } = await millrace(['start', ENTRY, '--bootstrap', '127.0.0.1:1', '--data', join(directory, 'none')], { env: { ERRORS_APP: 'fail' }, timeoutMs: MS_MAX })
  assert.equal(exitCode, 3, stderr)
  assert.match(stderr, /✖ CONNECTION_FAILED {2}Cannot reach Kafka at 127\.0\.0\.1:1: .*ECONNREFUSED/)
})

test('a task that the app does not have: exit code 2, and those it has', async () => {
  const { exitCode, stderr } = await ended('fail', ['--task', 'chekc'])
  assert.equal(exitCode, 2, stderr)
  assert.match(stderr, /App 'errors' has no task 'chekc'\. It has: check\./)
})

test('a program of a foreign task that is not installed: it is named, and the rest of the graph runs on', async t => {
  const [port] = await freePorts(1)
  const app = startMillrace(args(['--status-port', String(port)]), { env: { ERRORS_APP: 'foreign' } })
  t.after(() => app.kill('SIGKILL'))
  await app.waitFor(/Status/, MS_MAX)
  assert.match(app.stderr(), /elsewhere did not start: elsewhere ended at its start: .*ENOENT.* Is 'no-such-program-here' installed, and on PATH\?/)
  await write('errors.orders', [GOOD])
  assert.deepEqual((await read('errors.checked', 1)).map(row => row.value), [GOOD])
  // The status server's own format.
  const status = await (await fetch(`http://127.0.0.1:${port}/api/status`)).json() as { status: { tasks: { task: string; state: string; lastError: string | null }[] } }
  const elsewhere = status.status.tasks.find(task => task.task === 'elsewhere')
  assert.equal(elsewhere?.state, 'failed')
  assert.match(elsewhere.lastError ?? '', /no-such-program-here/)
  assert.equal((await app.kill('SIGTERM')).exitCode, 0)
})

test('two processes may share a state directory: each takes a slot', async () => {
  await write('errors.orders', [GOOD])
  const first = await running('skip')
  const second = await running('skip')
  assert.deepEqual((await read('errors.checked', 1)).map(row => row.value), [GOOD])
  assert.equal((await second.kill('SIGTERM')).exitCode, 0)
  assert.equal((await first.kill('SIGTERM')).exitCode, 0)
})

test('a data directory of an embedded broker that another process holds: exit code 5; one of a newer version: exit code 4', async () => {
  const data = join(directory, 'embedded')
  const start = ['start', ENTRY, '--data', data, '--port', '0']
  const app = startMillrace(start, { env: { ERRORS_APP: 'skip' } })
  await app.waitFor(/ready in/, MS_MAX)
  const held = await millrace(start, { env: { ERRORS_APP: 'skip' }, timeoutMs: MS_MAX })
  assert.equal(held.exitCode, 5, held.stderr)
  assert.match(held.stderr, /✖ DATA_DIR_LOCKED {2}.*embedded\/broker is in use by another process\. Stop it, or use another directory/)
  assert.equal((await app.kill('SIGTERM')).exitCode, 0)
  const file = join(data, 'broker', 'meta.properties')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/millrace\.version=\d+/, 'millrace.version=99'))
  const newer = await millrace(start, { env: { ERRORS_APP: 'skip' }, timeoutMs: MS_MAX })
  assert.equal(newer.exitCode, 4, newer.stderr)
  assert.match(newer.stderr, /✖ DATA_DIR_VERSION {2}.*format 99, this one reads 1.*Use the version that wrote it, or another directory/)
})

test('a state store of a newer version: exit code 4, and it is left as it is', async () => {
  await write('errors.orders', [GOOD])
  const app = await running('counting', ['--threads', '0'])
  await read('errors.joined', 1)
  assert.equal((await app.kill('SIGTERM')).exitCode, 0)
  const slot = join(directory, `state-${number}`, 'errors', 'count', 'slot-0')
  const stores = realEnv.disk.list(slot).map(name => join(slot, name)).filter(store => realEnv.disk.exists(join(store, 'data.mdb')))
  const newer: string[] = []
  for (const store of stores) if (await makeNewer(store)) newer.push(store)
  assert.ok(newer.length > 0, `one of ${stores.join(', ')} has been committed to`)
  const { exitCode, stderr } = await ended('counting', ['--threads', '0'])
  assert.equal(exitCode, 4, stderr)
  assert.match(stderr, /✖ DATA_DIR_VERSION {2}The state store in .*slot-0.* has version 2, this build reads 1\. Run the version that wrote it, or remove the directory to rebuild it/)
  for (const store of newer) assert.equal(readFileSync(join(store, 'open-mark'), 'latin1').trim(), 'clean', 'still known as cleanly closed')
})

/** Rewrites a store's position as version 2 of the format would begin; false where nothing was committed to it yet. */
async function makeNewer(store: string): Promise<boolean> {
  const database = open<Buffer, Buffer>({ path: store, keyEncoding: 'binary', encoding: 'binary', noSubdir: false })
  try {
    const stored = database.get(POSITION_KEY)
    if (stored === undefined) return false
    const text = Buffer.from(stored.toString('utf8', 0, stored.length - 4).replace('"version":1', '"version":2'))
    const bytes = Buffer.alloc(text.length + 4)
    text.copy(bytes)
    bytes.writeUInt32BE(crc32c(text, 0, text.length), text.length)
    await database.put(POSITION_KEY, bytes)
    return true
  } finally {
    await database.close()
  }
}
