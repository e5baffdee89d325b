/** kcat 1.7.1 with Debian's librdkafka 2.0.2 against the embedded broker. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBroker } from '../../support/broker.ts'
import type { BrokerProcess } from '../../support/broker.ts'
import { need } from '../../support/need.ts'
import { mustRun, startProcess } from '../../support/processes.ts'

need('kcat')

let broker: BrokerProcess
before(async () => { broker = await startBroker({ partitions: 4 }) })
after(() => broker.remove())

const lines = Array.from({ length: 2000 }, (_, index) => `key${index}:value ${index} 值`)
const kcat = (args: string[], input?: string): Promise<string> => mustRun('kcat', ['-b', broker.bootstrap, ...args], { input }).then(ran => ran.stdout)
const sorted = (text: string): string[] => text.split('\n').filter(line => line !== '').sort()

test('metadata names one broker and its topics', async () => {
  await kcat(['-P', '-t', 'listed'], 'one')
  const listed: { brokers: { name: string }[]; topics: { topic: string; partitions: unknown[] }[] } = JSON.parse(await kcat(['-L', '-J']))
  assert.deepEqual(listed.brokers.map(each => each.name), [broker.bootstrap])
  assert.equal(listed.topics.find(topic => topic.topic === 'listed')?.partitions.length, 4)
})

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  test(`codec ${codec}: what is produced is consumed`, async () => {
    await kcat(['-P', '-t', `codec-${codec}`, '-z', codec, '-K:'], lines.join('\n'))
    assert.deepEqual(sorted(await kcat(['-C', '-t', `codec-${codec}`, '-e', '-q', '-K:'])), [...lines].sort())
  })
}

test('librdkafka really compresses: the batches on disk carry the codec (KAFKA-18659)', async () => {
  await kcat(['-P', '-t', 'squeezed', '-p', '0', '-z', 'snappy'], 'a'.repeat(100_000))
  const described = await kcat(['-C', '-t', 'squeezed', '-p', '0', '-e', '-q', '-f', '%S'])
  assert.equal(described, '100000')
  const { readFileSync } = await import('node:fs')
  const { join } = await import('node:path')
  const segment = readFileSync(join(broker.directory, 'squeezed-0', '00000000000000000000.log'))
  assert.equal(segment.readInt16BE(21) & 7, 2)
  assert.ok(segment.length < 20_000, `${segment.length} bytes on disk`)
})

test('offsets by time, from the end, and by count', async () => {
  await kcat(['-P', '-t', 'timed', '-p', '1'], '1\n2\n3')
  const between = Date.now() + 5
  await new Promise(resolve => setTimeout(resolve, 20))
  await kcat(['-P', '-t', 'timed', '-p', '1'], '4\n5')
  assert.equal(await kcat(['-C', '-t', 'timed', '-p', '1', '-e', '-q', '-o', '-2']), '4\n5\n')
  assert.equal(await kcat(['-C', '-t', 'timed', '-p', '1', '-e', '-q', '-o', `s@${between}`]), '4\n5\n')
  assert.match(await kcat(['-Q', '-t', `timed:1:${between}`]), /offset 3/)
})

test('headers, null values and idempotent produce', async () => {
  await kcat(['-P', '-t', 'headed', '-p', '0', '-H', 'trace=42', '-X', 'enable.idempotence=true'], 'with header')
  assert.equal(await kcat(['-C', '-t', 'headed', '-p', '0', '-e', '-q', '-f', '%h|%s']), 'trace=42|with header')
  await kcat(['-P', '-t', 'headed', '-p', '1', '-Z', '-K:'], 'gone:')
  assert.equal(await kcat(['-C', '-t', 'headed', '-p', '1', '-e', '-q', '-f', '%k|%S']), 'gone|-1')
})

test('a group of two shares the partitions, with each assignor, and hands over when one is killed', async () => {
  for (const strategy of ['range', 'roundrobin', 'cooperative-sticky']) {
    const topic = `group-${strategy}`
    await kcat(['-P', '-t', topic, '-K:'], lines.slice(0, 500).join('\n'))
    const join = (): ReturnType<typeof startProcess> => startProcess('kcat', ['-b', broker.bootstrap, '-G', `kcat-${strategy}`, topic, '-u', '-K:', '-X', 'auto.offset.reset=earliest',
      '-X', `partition.assignment.strategy=${strategy}`, '-X', 'session.timeout.ms=6000', '-X', 'heartbeat.interval.ms=300', '-X', 'auto.commit.interval.ms=200'])
    const [one, two] = [join(), join()]
    const read = (): Set<string> => new Set((one.stdout() + two.stdout()).split('\n').filter(line => line !== ''))
    const until = async (what: string, done: () => boolean): Promise<void> => {
      const deadline = Date.now() + 90_000
      while (!done()) {
        assert.ok(Date.now() < deadline, `${strategy}: ${what}\n${one.stderr()}\n${two.stderr()}`)
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    }
    await until('the first 500', () => read().size >= 500)
    await until('both have partitions', () => /assign(ed|ment of)/.test(one.stderr()) && /assign(ed|ment of)/.test(two.stderr()))
    await one.kill('SIGKILL')
    await kcat(['-P', '-t', topic, '-K:'], lines.slice(500, 1000).join('\n'))
    await until('the next 500 by the one that is left', () => read().size >= 1000)
    await two.kill('SIGTERM')
  }
})
