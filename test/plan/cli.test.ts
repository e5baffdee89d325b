/** `millrace plan` and `millrace topology` as a user runs them: what they print, and their exit codes. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { test } from 'node:test'
import { millrace, startTestBroker } from '../support/millrace.ts'
import { ROOT } from '../support/need.ts'
import type { Ran } from '../support/processes.ts'

const entry = (name: string): string => join(ROOT, 'dist', 'test', 'plan', 'apps', `${name}.js`)
const plan = (name: string, ...args: string[]): Promise<Ran> => millrace(['plan', entry(name), ...args])

test('the description alone: graph, topics, shards, and that no cluster was asked', async () => {
  const ran = await plan('right')
  assert.equal(ran.exitCode, 0, ran.stderr)
  assert.match(ran.stdout, /^cli {3}1 task · 2 topics · no cluster asked/)
  assert.match(ran.stdout, /^ {2}cli\.orders ─▶ bill \(exactlyOnce\) ─▶ cli\.bills$/m)
  assert.match(ran.stdout, /^cli\.bills +2 +default +1 day +default +-$/m)
  assert.match(ran.stdout, /^bill +millrace +2 +1 +0 +- +-$/m)
  assert.match(ran.stdout, /✔ No contract is broken\.\n$/)
})

test('a broken contract names both ends and exits 4, as text and as one document', async () => {
  const ran = await plan('uncommitted')
  assert.equal(ran.exitCode, 4, ran.stderr)
  assert.match(ran.stdout, /✖ broken {3}isolation {3}bill · cli\.bills · mail\n {4}'mail' reads cli\.bills at read_uncommitted, and 'bill' writes it in transactions/)
  const json = await plan('uncommitted', '--json')
  assert.equal(json.exitCode, 4)
  const document: unknown = JSON.parse(json.stdout)
  assert.ok(typeof document === 'object' && document !== null && 'contracts' in document && 'holds' in document && 'cluster' in document && Array.isArray(document.contracts))
  assert.deepEqual([document.holds, document.cluster, document.contracts.length], [false, null, 1])
})

test('a topic declared twice is a broken contract with both tasks', async () => {
  const ran = await plan('twice')
  assert.equal(ran.exitCode, 4, ran.stderr)
  assert.match(ran.stdout, /✖ broken {3}schemas {3}cli\.bills · bill · mail\n.*'bill' as text → record \{ id \}; 'mail' as text → record \{ id, total \}/)
})

test('options stand beside what they cost, and are set in one way; what cannot be set exits 2', async () => {
  for (const command of ['topology', 'plan']) {
    const ran = await millrace([command, entry('right'), '--options', '--set', 'bill.commitInterval=1s', '--set', 'cli.bills.replicas=3'])
    assert.equal(ran.exitCode, 0, ran.stderr)
    assert.match(ran.stdout, /^bill\.commitInterval +1,000 ms +100 ms +1 ms … 600,000 ms$/m)
    assert.match(ran.stdout, /^cli\.bills\.replicas +3 +its own +1 … 9$/m)
    assert.match(ran.stdout, /^commitInterval \(millrace\) {3}a busy task commits this often.*\n {4}shorter: a transaction/m)
  }
  const wrong = await millrace(['topology', entry('right'), '--set', 'bill.lingre=1'])
  assert.equal(wrong.exitCode, 2)
  assert.match(wrong.stderr, /'bill' has no option 'lingre'\. It has: commitInterval/)
})

test('a load: partitions, workers, arithmetic', async () => {
  const ran = await plan('right', '--rate', '100000', '--record-bytes', '100', '--latency-ms', '1000')
  assert.equal(ran.exitCode, 0, ran.stderr)
  assert.match(ran.stdout, /^LOAD {3}16 partitions, 8 workers$/m)
  assert.match(ran.stdout, /^ {2}per stage {3}100,000 \/ \(20,000 records\/s × 0\.7\) = 7\.14 → 8 shards at work at once$/m)
  assert.match(ran.stdout, /! warning {2}too-few-partitions {3}cli\.orders · bill/)
})

test('against a cluster: what is to be made, and an address that does not answer exits 3', async () => {
  const broker = await startTestBroker()
  try {
    const ran = await plan('right', '--bootstrap', broker.bootstrap)
    assert.equal(ran.exitCode, 0, ran.stderr)
    assert.match(ran.stdout, /^cli\.bills +2 +1 +1 day +delete +- +make$/m)
    await broker.stop()
    const gone = await plan('right', '--bootstrap', broker.bootstrap)
    assert.equal(gone.exitCode, 3, gone.stdout)
  } finally {
    broker.remove()
  }
})

test('wrong arguments exit 2 and say what is expected', async () => {
  for (const [args, said] of [[['--rate', '0'], /--rate takes a whole number from 1 on/], [['--latency-ms', '5'], /state the load too: --rate/], [['--processes', '0'], /--processes takes a whole number from 1 on/]] as const) {
    const ran = await plan('right', ...args)
    assert.equal(ran.exitCode, 2, ran.stdout)
    assert.match(ran.stderr, said)
  }
})

test('topology prints the graph: text, Mermaid, JSON', async () => {
  const text = await millrace(['topology', entry('right')])
  assert.match(text.stdout, /^app cli\n\ntask bill {3}group cli\.bill/)
  assert.match((await millrace(['topology', entry('right'), '--mermaid'])).stdout, /^flowchart LR\n[^]*n0 --> n2\n {2}n2 --> n1\n$/)
  const document: unknown = JSON.parse((await millrace(['topology', entry('right'), '--json'])).stdout)
  assert.ok(typeof document === 'object' && document !== null && 'edges' in document && Array.isArray(document.edges))
  assert.equal(document.edges.length, 2)
})

test('what rows go to beside Kafka is drawn and named with how it is delivered', async () => {
  const sinks = join(ROOT, 'dist', 'examples', '13-sinks.js')
  const planned = await millrace(['plan', sinks])
  assert.equal(planned.exitCode, 0, planned.stderr)
  assert.match(planned.stdout, /^ {2}\S+ ─▶ archive \(exactlyOnce\) ─▶ files \S+ \(exactlyOnce\)$/m)
  assert.match(planned.stdout, /─▶ http https:\/\/audit\.example\S* \(atLeastOnce\)$/m)
  const shown = await millrace(['topology', sinks])
  assert.match(shown.stdout, /^ {2}to {6}postgres .*\(exactlyOnce\)$/m)
  const { targets, edges } = JSON.parse((await millrace(['topology', sinks, '--json'])).stdout) as { targets: { id: string, kind: string }[], edges: { to: string, as: string }[] } // As the command writes it.
  assert.deepEqual(targets.map(target => target.kind), ['files', 'postgres', 'http'])
  assert.deepEqual(edges.filter(edge => edge.as === 'target').map(edge => edge.to), targets.map(target => target.id))
})
