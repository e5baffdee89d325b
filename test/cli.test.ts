/** The command line against a real embedded broker, each command a process as a user runs it. */
import { strict as assert } from 'node:assert'
import { after, before, test } from 'node:test'
import { checkVerifiers } from './support/ledger-cases.ts'
import { millrace, startTestBroker, type TestBroker } from './support/millrace.ts'
import type { Ran } from './support/processes.ts'

let broker: TestBroker
before(async () => { broker = await startTestBroker() })
after(async () => {
  await broker.stop()
  broker.remove()
})

const cli = (args: readonly string[], input?: string): Promise<Ran> => millrace([...args, '--bootstrap', broker.bootstrap], { input })
async function document(args: readonly string[], input?: string): Promise<unknown> {
  const ran = await cli([...args, '--json'], input)
  assert.equal(ran.exitCode, 0, ran.stderr)
  return JSON.parse(ran.stdout)
}
const lines = (ran: Ran): unknown[] => ran.stdout.trim().split('\n').map(line => JSON.parse(line))

test('a topic is made, written, read, described and removed', async () => {
  assert.deepEqual(await document(['topic', 'new', 'orders', '-p', '3', '-c', 'retention.ms=100000']), { topic: 'orders', partitions: 3 })
  assert.deepEqual(await document(['topic', 'produce', 'orders', '-K', '\\t', '-H', 'from=test'], 'a\t1\nb\t2\n键\t值\n'), { topic: 'orders', records: 3 })
  const tail = lines(await cli(['topic', 'tail', 'orders', '-o', 'earliest', '-e', '--json']))
  const rows = tail.map(row => typeof row === 'object' && row !== null && 'key' in row && 'value' in row && 'headers' in row ? [row.key, row.value, row.headers] : row)
  assert.deepEqual(new Set(rows.map(row => JSON.stringify(row))), new Set([['a', 1], ['b', 2], ['键', '值']].map(([key, value]) => JSON.stringify([key, value, { from: 'test' }]))))
  const grep = await cli(['topic', 'tail', 'orders', '-o', '-5m', '-e', '-g', '值', '-f', '%t %k=%v\\n'])
  assert.equal(grep.stdout, 'orders 键=值\n')
  assert.match(grep.stderr, /1 of 3 records matched/)
  const described = await document(['topic', 'describe', 'orders'])
  assert.ok(typeof described === 'object' && described !== null && 'configs' in described)
  assert.deepEqual(described.configs, { 'retention.ms': '100000' })
  assert.match((await cli(['topic', 'ls'])).stdout, /orders\s+3\s+3/)
  assert.deepEqual(await document(['topic', 'rm', 'orders']), { topic: 'orders', deleted: false, partitions: 3, offsets: 3 })
  assert.deepEqual(await document(['topic', 'rm', 'orders', '--yes']), { topic: 'orders', deleted: true })
  const gone = await cli(['topic', 'describe', 'orders'])
  assert.equal(gone.exitCode, 2)
  assert.match(gone.stderr, /Topic 'orders' does not exist.*millrace topic new orders/)
})

test('a group is reset only when asked twice, and its lag is told in records and seconds', async () => {
  await cli(['topic', 'new', 'clicks', '-p', '1'])
  await cli(['topic', 'produce', 'clicks'], '1\n2\n3\n4\n')
  assert.deepEqual(await document(['group', 'reset', 'readers', '--to', '3', '-t', 'clicks']), { group: 'readers', applied: false, offsets: [{ topic: 'clicks', partition: 0, from: null, to: 3 }] })
  assert.deepEqual(await document(['group', 'reset', 'readers', '--to', '3', '-t', 'clicks', '--yes']), { group: 'readers', applied: true, offsets: [{ topic: 'clicks', partition: 0, from: null, to: 3 }] })
  const lag = await document(['lag', 'readers'])
  assert.ok(typeof lag === 'object' && lag !== null && 'records' in lag && 'seconds' in lag && typeof lag.seconds === 'number')
  assert.equal(lag.records, 1)
  assert.ok(lag.seconds > 0 && lag.seconds < 60, `${lag.seconds} s`)
  assert.match((await cli(['group', 'describe', 'readers'])).stdout, /clicks\s+0\s+3\s+4\s+1/)
  assert.match((await cli(['group', 'ls'])).stdout, /readers/)
  const unknown = await cli(['group', 'describe', 'nobody'])
  assert.equal(unknown.exitCode, 2)
  assert.match(unknown.stderr, /Group 'nobody' does not exist/)
})

test('what is wrong is said with its exit code: usage 2, no broker 3, port taken 2, data held 5', async () => {
  assert.equal((await millrace(['topic', 'ls', '--bootsrap', 'x'])).exitCode, 2)
  assert.match((await millrace(['topic', 'ls', '--bootsrap', 'x'])).stderr, /Did you mean '--bootstrap'/)
  const unreachable = await millrace(['topic', 'ls', '--bootstrap', '127.0.0.1:1'])
  assert.equal(unreachable.exitCode, 3)
  assert.match(unreachable.stderr, /Cannot reach Kafka at 127\.0\.0\.1:1/)
  const port = broker.bootstrap.split(':')[1] ?? ''
  const taken = await millrace(['broker', 'start', '--port', port, '--data', `${broker.directory}-other`])
  assert.equal(taken.exitCode, 2)
  assert.match(taken.stderr, new RegExp(`Port ${port} .*in use.*choose another port`))
  const held = await millrace(['broker', 'start', '--port', '0', '--data', broker.directory])
  assert.equal(held.exitCode, 5)
  assert.match(held.stderr, /in use by another process/)
  const open = await millrace(['broker', 'start', '--host', '0.0.0.0', '--data', `${broker.directory}-other`])
  assert.equal(open.exitCode, 2)
  assert.match(open.stderr, /is not loopback/)
})

test('every command explains itself', async () => {
  const overview = await millrace(['--help'])
  assert.equal(overview.exitCode, 0)
  const commands = [...overview.stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?)/gm)].map(match => match[1] ?? '')
  assert.ok(commands.length >= 10, overview.stdout)
  for (const command of commands) {
    const help = await millrace([...command.split(' '), '--help'])
    assert.equal(help.exitCode, 0, command)
    assert.match(help.stdout, /--json/, command)
  }
})

test("the ledger's verifier tells true accounts of the embedded broker's topics", () => checkVerifiers(broker.bootstrap, ['node']))

test('a broker that was asked to end ends with 0 and finds its data again', async () => {
  const first = await startTestBroker()
  await millrace(['topic', 'new', 'kept', '--bootstrap', first.bootstrap])
  await millrace(['topic', 'produce', 'kept', '-v', 'still here', '--bootstrap', first.bootstrap])
  assert.equal(await first.stop(), 0)
  const second = await startTestBroker({ directory: first.directory })
  const tail = await millrace(['topic', 'tail', 'kept', '-o', 'earliest', '-e', '-f', '%v', '--bootstrap', second.bootstrap])
  assert.equal(tail.stdout, 'still here')
  assert.equal(await second.stop(), 0)
  second.remove()
})
