/** `--cluster N` where it cannot be: each a command as a user runs it, its exit code and its words. It needs neither Kafka nor Java. */
import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { millrace } from './support/millrace.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-bad-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const EXAMPLE = 'dist/examples/07-windows.js'

test('a wrong use of --cluster is said before anything is started: exit code 2, no stack, nothing on disk', async () => {
  const data = join(folder, 'none')
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [['demo', 'recommender', '--cluster', '0'], /--cluster takes a whole number from 1 to 9, not '0'/],
    [['demo', 'recommender', '--cluster', '10'], /--cluster takes a whole number from 1 to 9, not '10'/],
    [['demo', 'recommender', '--cluster', 'three'], /--cluster takes a whole number from 1 to 9, not 'three'/],
    [['demo', 'recommender', '--cluster', '3', '--bootstrap', 'localhost:1'], /--cluster starts brokers here, --bootstrap names some that run: give one of them/],
    [['start', EXAMPLE, '--cluster', '3', '--bootstrap', 'localhost:1'], /--cluster starts brokers here, --bootstrap names some that run/],
    [['demo', 'recommender', '--cluster', '3', '--events', folder, '--format', 'jsonl'], /A replay takes a cluster that runs/],
  ]
  for (const [args, pattern] of refused) {
    const ran = await millrace([...args, '--data', data], { env: { MILLRACE_ENGINES: folder } })
    assert.equal(ran.exitCode, 2, `${args.join(' ')}\n${ran.stderr}`)
    assert.match(ran.stderr, pattern)
    assert.doesNotMatch(ran.stderr, /^ +at /m)
  }
  assert.deepEqual(readdirSync(folder), [])
})

test('an engine that is not installed is named with the command that installs it', async () => {
  for (const args of [['demo', 'recommender'], ['start', EXAMPLE]]) {
    const ran = await millrace([...args, '--cluster', '3', '--port', '0', '--data', join(folder, 'uninstalled')], { env: { MILLRACE_ENGINES: join(folder, 'engines') } })
    assert.equal(ran.exitCode, 2, ran.stderr)
    assert.match(ran.stderr, /✖ ENGINE_MISSING {2}.* is not installed\. Run: millrace engines install kafka@4\.1 \(\d+ MB\)/)
  }
})

test('a folder with another number of brokers is refused, and named', async () => {
  const data = join(folder, 'three')
  mkdirSync(join(data, 'cluster', 'kafka'), { recursive: true })
  writeFileSync(join(data, 'cluster', 'kafka', 'cluster.json'), JSON.stringify({ format: 1, clusterId: 'x', brokers: 3, version: '4.1.0' }))
  const ran = await millrace(['demo', 'recommender', '--cluster', '5', '--data', data, '--json'], { env: { MILLRACE_ENGINES: join(folder, 'engines') } })
  assert.equal(ran.exitCode, 2, ran.stderr)
  assert.match(ran.stderr, /✖ CONFIG_INVALID {2}\S+three\/cluster\/kafka holds a Kafka cluster of 3 brokers, which cannot become one of 5\. Start it with --cluster 3, give another folder with --data/)
  const said: unknown = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '')
  assert.ok(typeof said === 'object' && said !== null && 'error' in said, ran.stdout)
})
