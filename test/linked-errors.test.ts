/** What a user meets when a task's engine cannot run here: it is named with what to do, and the rest of the graph runs. No engine is needed for that. */
import { strict as assert } from 'node:assert'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from './support/kafka.ts'
import { startMillrace, startTestBroker, type TestBroker } from './support/millrace.ts'
import { ROOT } from './support/need.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-linked-errors-'))
const MS_MAX = 120_000
let broker: TestBroker

before(async () => { broker = await startTestBroker() })
after(async () => {
  await broker.stop()
  broker.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** A JAVA_HOME whose java says that it is this version, and ends. */
function javaHome(version: string): string {
  const home = join(folder, `java-${version}`)
  mkdirSync(join(home, 'bin'), { recursive: true })
  const java = join(home, 'bin', 'java')
  writeFileSync(java, `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`)
  chmodSync(java, 0o755)
  return home
}

interface TaskRow {
  readonly task: string
  readonly state: string
  readonly lastError: string | null
}

/** Starts an example, waits until its engine's task has failed while the others run, and returns what is said of it. */
async function failureOf(example: string, env: Readonly<Record<string, string>>): Promise<{ readonly lastError: string; readonly stderr: string }> {
  const [port] = await freePorts(1)
  const app = startMillrace(['start', join(ROOT, 'dist', 'examples', 'linked', `${example}.js`), '--bootstrap', broker.bootstrap, '--data', mkdtempSync(join(folder, 'data-')), '--status-port', String(port)], { env })
  try {
    await app.waitFor(/Status/, MS_MAX)
    for (const deadline = Date.now() + MS_MAX; ; await sleep(100)) {
      // The status server's own format.
      const { status } = await (await fetch(`http://127.0.0.1:${port}/api/status`)).json() as { status: { tasks: TaskRow[] } }
      const states = new Map(status.tasks.map(row => [row.task, row.state]))
      if (states.get('count') === 'failed' && states.size === 3 && [...states].every(([task, state]) => task === 'count' || state === 'running')) {
        assert.equal((await app.kill('SIGTERM')).exitCode, 0)
        return { lastError: status.tasks.find(row => row.task === 'count')?.lastError ?? '', stderr: app.stderr() }
      }
      assert.ok(Date.now() < deadline, `${JSON.stringify([...states])}\n${app.stderr()}`)
    }
  } finally {
    await app.kill('SIGKILL')
  }
}

for (const [example, engine] of [['kafka-streams', 'kafka-streams@4.1'], ['flink', 'flink@2.0'], ['spark', 'spark@3.5']] as const) {
  test(`${example}: no Java, or one that is too old, is named with what to install`, async () => {
    const none = await failureOf(example, { JAVA_HOME: join(folder, 'nowhere') })
    assert.match(none.lastError, /Java 17 or later is needed to run it; found none\. Install a JDK 17/)
    assert.match(none.stderr, /count did not start: Java 17 or later is needed/)
    const old = await failureOf(example, { JAVA_HOME: javaHome('11.0.2') })
    assert.match(old.lastError, /found Java 11\.0\.2 \(.*java-11\.0\.2.*\)/)
  })

  test(`${example}: an engine that is not installed is named with the command that installs it`, async () => {
    const { lastError } = await failureOf(example, { JAVA_HOME: javaHome('17.0.15'), MILLRACE_ENGINES: join(folder, 'no-engines') })
    assert.match(lastError, new RegExp(`^${engine.replace('.', '\\.')}\\.\\d+ is not installed\\. Run: millrace engines install ${engine.replace('.', '\\.')} \\(\\d+ MB\\)`))
  })
}
