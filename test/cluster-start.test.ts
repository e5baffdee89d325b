/**
 * `--cluster N` where Kafka does not start, without a JVM: the engine's jars are empty files of the right size, and `java` is a script that does what a broker in
 * trouble does. What a real Kafka does is in test/real.
 */
import { strict as assert } from 'node:assert'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { readManifests } from '../src/engines/install/manifest.ts'
import { EngineStore } from '../src/engines/install/store.ts'
import { realEnv } from '../src/env/real/env.ts'
import { millrace, startMillrace } from './support/millrace.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-start-'))
const engines = join(folder, 'engines')
after(() => rmSync(folder, { recursive: true, force: true }))

before(async () => {
  const store = new EngineStore({ directory: engines, disk: realEnv.disk, manifests: readManifests(realEnv.disk) })
  const manifest = store.find('kafka@4.1')
  for (const jar of manifest.jars) {
    const path = store.pathOf(jar)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, '')
    truncateSync(path, jar.bytes)
  }
  await store.mark(manifest, 0)
})

/** A home of Java whose `java` formats as Kafka's tool does, and runs `broker` where a broker is to be run; `$file` is its server.properties. */
function javaThat(name: string, broker: string, format = 'mkdir -p "$(dirname "$file")/data" && touch "$(dirname "$file")/data/meta.properties"'): Record<string, string> {
  const home = join(folder, name)
  mkdirSync(join(home, 'bin'), { recursive: true })
  writeFileSync(join(home, 'bin', 'java'), `#!/bin/sh
case "$*" in
  -version) echo 'openjdk version "17.0.1"' >&2; exit 0 ;;
  *StorageTool*) for each in "$@"; do case $each in */server.properties) file=$each ;; esac; done; ${format} ;;
  *) for file in "$@"; do :; done; ${broker} ;;
esac
`, { mode: 0o755 })
  return { JAVA_HOME: home, MILLRACE_ENGINES: engines }
}

const args = (name: string): string[] => ['demo', 'recommender', '--cluster', '3', '--port', '0', '--shop-port', '0', '--status-port', '0', '--data', join(folder, `data-${name}`)]

test('a port that was taken meanwhile, and data that another Kafka works on: the broker is named, with what to do', async () => {
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    ['port', 'echo "✖ KAFKA  Socket server failed to bind: Address already in use" >&2; exit 1', 2, /✖ PORT_IN_USE {2}broker-\d found port \d+ or \d+ taken: .* choose another range with --port/],
    ['lock', 'echo "✖ KAFKA  Exiting Kafka due to fatal exception: Failed to acquire lock on file .lock in /x" >&2; exit 1', 5, /✖ DATA_DIR_LOCKED {2}Another Kafka works on the data of broker-\d.*broker\.log/],
    ['other', 'echo "✖ KAFKA  Something else" >&2; exit 1', 1, /✖ ENGINE_FAILED {2}broker-\d ended at its start: exit code 1\n.*Something else\nIts log: .*broker-\d\/broker\.log/s],
  ]
  for (const [name, broker, exitCode, pattern] of cases) {
    const ran = await millrace(args(name), { env: javaThat(name, broker) })
    assert.equal(ran.exitCode, exitCode, ran.stderr)
    assert.match(ran.stderr, pattern)
    assert.doesNotMatch(ran.stderr, /^ +at /m)
  }
})

test('data that cannot be formatted is said with the words of the tool, and the next start formats what is missing, as the same cluster', async () => {
  const failing = await millrace(args('format'), { env: javaThat('format-1', 'exit 1', 'case $file in */broker-2/*) echo "no space" >&2; exit 1 ;; *) mkdir -p "$(dirname "$file")/data"; touch "$(dirname "$file")/data/meta.properties" ;; esac') })
  assert.equal(failing.exitCode, 1, failing.stderr)
  assert.match(failing.stderr, /✖ ENGINE_FAILED {2}The data of broker-2 in .* could not be formatted: .*no space/s)
  const kafka = join(folder, 'data-format', 'cluster', 'kafka')
  const mark = readFileSync(join(kafka, 'cluster.json'), 'utf8')
  const again = await millrace(args('format'), { env: javaThat('format-2', 'exit 1', `echo "$file" >>${join(folder, 'formatted')}; mkdir -p "$(dirname "$file")/data"; touch "$(dirname "$file")/data/meta.properties"`) })
  assert.match(again.stderr, /formatting the data of 1 Kafka broker,/)
  assert.equal(readFileSync(join(folder, 'formatted'), 'utf8').trim(), join(kafka, 'broker-2', 'server.properties'))
  assert.equal(readFileSync(join(kafka, 'cluster.json'), 'utf8'), mark)
})

test('Ctrl-C while brokers start ends them and the command', async () => {
  const pids = join(folder, 'pids')
  const started = startMillrace(args('interrupt'), { env: javaThat('interrupt', `mkdir -p ${pids}; touch ${pids}/$$; exec sleep 600`) })
  await started.waitFor(/starting 3 Kafka brokers/)
  const deadline = Date.now() + 60_000
  while (!existsSync(pids) || readdirSync(pids).length < 3) {
    assert.ok(Date.now() < deadline, started.stderr())
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const ran = await started.kill('SIGINT')
  assert.equal(ran.exitCode, 130, ran.stderr)
  for (const pid of readdirSync(pids)) assert.throws(() => process.kill(Number(pid), 0), /ESRCH/, `broker ${pid} is left`)
})
