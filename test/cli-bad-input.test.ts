/** What the command line says to what cannot be: each command a process as a user runs it, its exit code and its words. */
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { millrace, startTestBroker, type TestBroker } from './support/millrace.ts'
import type { Ran } from './support/processes.ts'

let broker: TestBroker
before(async () => { broker = await startTestBroker() })
after(async () => {
  await broker.stop()
  broker.remove()
})

const cli = (args: readonly string[]): Promise<Ran> => millrace([...args, '--bootstrap', broker.bootstrap])

test('what a broker refuses because of the arguments is a wrong use: exit code 2, with its reason', async () => {
  await cli(['topic', 'new', 'narrow'])
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [['topic', 'new', 'narrow'], /USAGE .*TOPIC_ALREADY_EXISTS/],
    [['topic', 'new', 'bad name'], /USAGE .*'bad name' contains .*INVALID_TOPIC_EXCEPTION/],
    [['topic', 'new', 'x', '-c', 'no.such=1'], /USAGE .*Unknown topic config name: no\.such/],
    [['topic', 'new', 'x', '-r', '3'], /USAGE .*INVALID_REPLICATION_FACTOR/],
    [['topic', 'new', 'x', '-p', '0'], /--partitions takes a whole number from 1 on, not '0'/],
    [['topic', 'new', 'x', '-p', '-1'], /--partitions takes a whole number from 1 on, not '-1'/],
    [['topic', 'tail', 'narrow', '-p', '9'], /'narrow' has 1 partition, number 0, and no 9/],
    [['topic', 'tail', 'narrow', '-n', '0'], /--count takes a whole number from 1 on/],
    [['topic', 'produce', 'narrow', '-v', 'x', '-p', '9'], /'narrow' has 1 partition, number 0, and no 9/],
    [['topic', 'produce', 'narrow', '-v', 'x', '-p', '0.5'], /--partition takes a whole number/],
  ]
  for (const [args, pattern] of refused) {
    const ran = await cli(args)
    assert.deepEqual([ran.exitCode, ran.stdout], [2, ''], `${args.join(' ')}\n${ran.stderr}`)
    assert.match(ran.stderr, pattern)
    assert.doesNotMatch(ran.stderr, /^ +at /m, 'no stack for a wrong argument')
  }
  assert.deepEqual(JSON.parse((await cli(['topic', 'ls', '--json'])).stdout), { topics: [{ topic: 'narrow', partitions: 1, offsets: 0 }] }, 'nothing was made')
})

test('ports and directories that cannot be: exit code 2, and what is wrong with them', async () => {
  const file = `${broker.directory}-file`
  writeFileSync(file, '')
  try {
    const cannot: readonly (readonly [readonly string[], RegExp])[] = [
      [['--port', '70000', '--data', file], /--port takes a whole number from 0 to 65535, not '70000'/],
      [['--port', '1.5', '--data', file], /--port takes a whole number from 0 to 65535, not '1\.5'/],
      [['--port', '0', '--data', file], /CONFIG_INVALID {2}\S+-file cannot be used to keep data: a file stands in its place/],
      [['--port', '0', '--data', `${file}/below`], /CONFIG_INVALID {2}\S+-file\/below cannot be used to keep data/],
      [['--port', '0', '--data', '/proc/millrace'], /CONFIG_INVALID {2}\/proc\/millrace cannot be used to keep data/],
    ]
    for (const [args, pattern] of process.platform === 'linux' ? cannot : cannot.slice(0, -1)) {
      const ran = await millrace(['broker', 'start', ...args])
      assert.equal(ran.exitCode, 2, `${args.join(' ')}\n${ran.stderr}`)
      assert.match(ran.stderr, pattern)
    }
  } finally {
    rmSync(file)
  }
})

test('events that are not there or not whole: exit code 2, and the path', async () => {
  const broken = `${broker.directory}-events.jsonl.gz`
  writeFileSync(broken, 'this is no gzip')
  try {
    const none = await millrace(['demo', 'recommender', '--events', `${broken}-none`, '--format', 'jsonl'])
    assert.equal(none.exitCode, 2, none.stderr)
    assert.match(none.stderr, /USAGE {2}\S+-none: no such file or folder/)
    const ran = await millrace(['demo', 'recommender', '--events', broken, '--format', 'jsonl'])
    assert.equal(ran.exitCode, 2, ran.stderr)
    assert.match(ran.stderr, /USAGE {2}\S+ cannot be read after line 0: .*Is it whole, and gzip\?/)
  } finally {
    rmSync(broken)
  }
})

test('a batch that the disk has spoiled: who reads it is told where, a start is refused (5), and goes on without it where that is accepted', async () => {
  const spoiled = await startTestBroker({ args: ['--cache', '0'] })
  const on = (bootstrap: string, args: readonly string[]): Promise<Ran> => millrace([...args, '--bootstrap', bootstrap])
  await on(spoiled.bootstrap, ['topic', 'new', 'rotten'])
  for (const value of ['first', 'second', 'third']) await on(spoiled.bootstrap, ['topic', 'produce', 'rotten', '-v', value])
  const segment = join(spoiled.directory, 'rotten-0', '00000000000000000000.log')
  const bytes = readFileSync(segment)
  bytes[bytes.indexOf('second')] = 0x53
  writeFileSync(segment, bytes)
  const read = await on(spoiled.bootstrap, ['topic', 'tail', 'rotten', '-o', 'earliest', '-e', '-f', '%v\n'])
  assert.equal(read.exitCode, 5, read.stderr)
  assert.match(read.stderr, /✖ BATCH_CORRUPT {2}rotten-0: .*checksum/)
  await spoiled.process.kill('SIGKILL')

  const refused = await millrace(['broker', 'start', '--port', '0', '--data', spoiled.directory])
  assert.equal(refused.exitCode, 5, refused.stderr)
  assert.match(refused.stderr, /✖ LOG_CORRUPT {2}.*rotten-0.*--accept-data-loss/s)
  assert.deepEqual(readFileSync(segment), bytes, 'a refusal changes nothing')

  const accepted = await startTestBroker({ directory: spoiled.directory, args: ['--accept-data-loss'] })
  assert.equal((await on(accepted.bootstrap, ['topic', 'tail', 'rotten', '-o', 'earliest', '-e', '-f', '%v\n'])).stdout, 'first\n')
  assert.equal((await on(accepted.bootstrap, ['topic', 'produce', 'rotten', '-v', 'fourth'])).exitCode, 0)
  assert.equal(await accepted.stop(), 0)
  assert.ok(readdirSync(join(spoiled.directory, 'rotten-0')).some(name => name.includes('.corrupt')), 'what was cut is kept aside')
  spoiled.remove()
})
