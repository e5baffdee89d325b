/** The command line against a real embedded broker, each command a process as a user runs it. */
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkAbortedOverlap, checkCodecs, checkHeldRecords, checkVerifiers } from './support/ledger-cases.ts'
import { MAIN, millrace, startMillrace, startTestBroker, type TestBroker } from './support/millrace.ts'
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

test('what a slow reader has not taken when the command is done is not lost', async () => {
  await document(['topic', 'new', 'slow', '-p', '1'])
  await document(['topic', 'produce', 'slow'], Array.from({ length: 2_000 }, (_, index) => `${index} ${'x'.repeat(200)}\n`).join(''))
  const child = spawn(process.execPath, [MAIN, 'topic', 'tail', 'slow', '-o', 'earliest', '-e', '-f', '%v\\n', '--bootstrap', broker.bootstrap], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  // Long enough for the command to have written all it can.
  await sleep(2_000)
  let taken = ''
  child.stdout.on('data', (chunk: Buffer) => { taken += chunk.toString() })
  assert.equal(await ended, 0)
  assert.equal(taken.trim().split('\n').length, 2_000)
})

test('a group is reset only when asked twice, and its lag is told in records and seconds', async () => {
  await cli(['topic', 'new', 'clicks', '-p', '1'])
  await cli(['topic', 'produce', 'clicks'], '1\n2\n3\n4\n')
  assert.deepEqual(await document(['group', 'reset', 'readers', '--to', '3', '-t', 'clicks']), { group: 'readers', applied: false, offsets: [{ topic: 'clicks', partition: 0, from: null, to: 3 }] })
  assert.deepEqual(await document(['group', 'reset', 'readers', '--to', '3', '-t', 'clicks', '--yes']), { group: 'readers', applied: true, offsets: [{ topic: 'clicks', partition: 0, from: null, to: 3 }] })
  const lag = await document(['lag', 'readers'])
  assert.ok(typeof lag === 'object' && lag !== null && 'records' in lag && 'seconds' in lag && typeof lag.seconds === 'number')
  assert.equal(lag.records, 1)
  assert.ok(lag.seconds > 0, `${lag.seconds} s`)
  assert.match((await cli(['group', 'describe', 'readers'])).stdout, /clicks\s+0\s+3\s+4\s+1/)
  assert.match((await cli(['group', 'ls'])).stdout, /readers/)
  const unknown = await cli(['group', 'describe', 'nobody'])
  assert.equal(unknown.exitCode, 2)
  assert.match(unknown.stderr, /Group 'nobody' does not exist/)
  const unknownLag = await cli(['lag', 'nobody'])
  assert.deepEqual([unknownLag.exitCode, unknownLag.stdout], [2, ''])
  assert.match(unknownLag.stderr, /Group 'nobody' does not exist/)
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
  assert.match(open.stderr, /let anybody read and write everything/)
})

test('Ctrl-C ends a command that waits: for stdin (what was read is written), for records, for a broker that does not answer', async () => {
  await cli(['topic', 'new', 'typed'])
  const typing = startMillrace(['topic', 'produce', 'typed', '--bootstrap', broker.bootstrap])
  typing.child.stdin?.write('one\ntwo\n')
  // The lines arrive before the signal: they are read and acknowledged.
  while (!(await cli(['topic', 'tail', 'typed', '-o', 'earliest', '-e', '-f', '%v\n'])).stdout.includes('two')) { /* not yet */ }
  assert.equal((await typing.kill('SIGINT')).exitCode, 0)
  assert.match(typing.stderr(), /2 records written to typed/)

  const reading = startMillrace(['topic', 'tail', 'typed', '-o', 'earliest', '--bootstrap', broker.bootstrap])
  await reading.waitFor(/two/)
  assert.equal((await reading.kill('SIGINT')).exitCode, 0)

  const connections = new Set<Socket>()
  const silent = createServer(socket => connections.add(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await new Promise(resolve => silent.once('listening', resolve))
  const address = silent.address()
  assert.ok(typeof address === 'object' && address !== null)
  const waiting = startMillrace(['topic', 'ls', '--bootstrap', `127.0.0.1:${address.port}`])
  while (connections.size === 0) await new Promise(resolve => setTimeout(resolve, 20))
  const interrupted = await waiting.kill('SIGINT')
  silent.close()
  for (const connection of connections) connection.destroy()
  assert.deepEqual([interrupted.exitCode, interrupted.signal], [130, null], 'by the interruption, not by the time-out')
})

test('every command explains itself', async () => {
  const overview = await millrace(['--help'])
  assert.equal(overview.exitCode, 0)
  const commands = [...overview.stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)*)/gm)].map(match => match[1] ?? '')
  assert.ok(commands.length >= 10, overview.stdout)
  for (const command of commands) {
    const help = await millrace([...command.split(' '), '--help'])
    assert.equal(help.exitCode, 0, command)
    assert.match(help.stdout, /--json/, command)
  }
})

test("the ledger's verifier tells true accounts of the embedded broker's topics", () => checkVerifiers(broker.bootstrap, ['node']))

test('records of every codec are in the account', () => checkCodecs(broker.bootstrap, ['node']))

test('records of overlapping transactions that were aborted are no doubles', () => checkAbortedOverlap(broker.bootstrap, ['node']))

test('records held back by an open transaction are no loss', () => checkHeldRecords(broker.bootstrap, ['node']))

test('the banner says where data is and what a power cut may take', async () => {
  const directory = `${broker.directory}-banner`
  try {
    for (const [durability, promise] of [['sync', 'acknowledged after fsync'], ['interval', 'fsync every 100 ms or 256 KiB'], ['os', 'no fsync']] as const) {
      const started = startMillrace(['broker', 'start', '--port', '0', '--data', directory, '--durability', durability])
      await started.waitFor(new RegExp(`Durability {2}${durability} +${promise}`))
      assert.ok(started.stdout().includes(directory), started.stdout())
      assert.match(started.stdout(), /➜ Kafka {7}localhost:\d+ .*this machine only/)
      assert.equal((await started.kill('SIGINT')).exitCode, 0)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a broker that was asked to end ends with 0 and finds its data again', async () => {
  const first = await startTestBroker()
  await millrace(['topic', 'new', 'kept', '--bootstrap', first.bootstrap])
  await millrace(['topic', 'produce', 'kept', '-v', 'still here', '--bootstrap', first.bootstrap])
  const tailing = startMillrace(['topic', 'tail', 'kept', '-o', 'earliest', '--bootstrap', first.bootstrap])
  await tailing.waitFor(/still here/)
  assert.equal(await first.stop(), 0)
  await tailing.waitFor(/metadata could not be refreshed .*it is tried again; Ctrl-C ends/)
  assert.equal((await tailing.kill('SIGINT')).exitCode, 0)
  const second = await startTestBroker({ directory: first.directory })
  const tail = await millrace(['topic', 'tail', 'kept', '-o', 'earliest', '-e', '-f', '%v', '--bootstrap', second.bootstrap])
  assert.equal(tail.stdout, 'still here')
  assert.equal(await second.stop(), 0)
  second.remove()
})
