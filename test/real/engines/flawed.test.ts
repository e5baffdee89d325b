/** What can be wrong with a task on another engine: each says what, where and what to do next, and the rest of the graph runs. */
import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Cluster } from '../../../src/client/cluster.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { millrace, startTestBroker } from '../../support/millrace.ts'
import { need, ROOT } from '../../support/need.ts'
import { until, Watched } from '../../support/watched.ts'
import { readAll } from '../runtime/books.ts'

need('engines')

const JOBS = ['nojar', 'absent', 'dies', 'typo', 'refused', 'failing'] as const
const JAVA = (name: string, body: string): string => `public class ${name} {\n    public static void main(String[] args) {\n        ${body}\n    }\n}\n`

/** The app under `env`: what each job says is given to `check`, while a record goes through the task beside them. */
async function whatTheySay(env: Readonly<Record<string, string>>, check: (says: (job: (typeof JOBS)[number]) => string, folder: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-flawed-'))
  writeFileSync(join(folder, 'error.jar'), '<html>404 Not Found</html>')
  writeFileSync(join(folder, 'Dies.java'), JAVA('Dies', 'throw new RuntimeException("outer", new IllegalStateException("no such queue"));'))
  writeFileSync(join(folder, 'Typo.java'), JAVA('Typo', 'Strin name;'))
  mkdirSync(join(folder, 'empty'))
  const broker = await startTestBroker()
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'flawed-test' })
  const watched = await Watched.start(join(ROOT, 'dist', 'test', 'real', 'engines', 'flawed', 'app.js'), broker.bootstrap, join(folder, 'data'), { FLAWED: folder, ...env, ...env['MILLRACE_ENGINES'] === undefined ? {} : { MILLRACE_ENGINES: join(folder, env['MILLRACE_ENGINES']) } })
  try {
    const said = new Map<string, string>()
    for (const name of JOBS) {
      const { state, lastError } = await watched.task(name) ?? {}
      assert.equal(state, 'failed', `${name}: ${lastError ?? ''}`)
      said.set(name, lastError ?? '')
    }
    check(job => said.get(job) ?? '', folder)
    const { exitCode, stderr } = await millrace(['topic', 'produce', 'flawed.lines', '-k', 'k', '-v', 'goes on', '--bootstrap', broker.bootstrap])
    assert.equal(exitCode, 0, stderr)
    await until('the task beside them goes on', async () => {
      const values: string[] = []
      await readAll(cluster, 'flawed.copies', (_partition, _offset, _key, value) => { values.push(value) })
      return values.includes('goes on')
    }, watched.log)
    await watched.stop()
  } finally {
    await watched.end()
    await cluster.close()
    await broker.stop()
    broker.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a jar that is no jar, a source that is missing, one that does not compile, a program that dies, connectors that Connect refuses or that fail', () => whatTheySay({}, (says, folder) => {
  assert.match(says('nojar'), /error\.jar is no jar: .*is it an error page\?$/)
  assert.equal(says('absent'), `source ${join(folder, 'Absent.java')} does not exist. Paths are taken from the directory that millrace was started in.`)
  assert.match(says('dies'), /^dies ended at its start: exit code 1: java\.lang\.IllegalStateException: no such queue\n/)
  assert.match(says('typo'), /^typo ended at its start: exit code 1: .*Typo\.java:3: error: cannot find symbol\n/)
  assert.match(says('refused'), /^Kafka Connect does not take connector 'lines': .*topic/s)
  assert.match(says('failing'), /^Connector 'lines' has failed: .*none\/out\.txt.*millrace job restart$/)
}))

test('no Java', () => whatTheySay({ JAVA_HOME: '/nowhere' }, says => {
  for (const job of JOBS) assert.match(says(job), /^Java 17 or later is needed to run it; found none\. Install a JDK 17 .* or set JAVA_HOME to one\.$/, job)
}))

test('engines that are not installed', () => whatTheySay({ MILLRACE_ENGINES: 'empty' }, says => {
  const named = { nojar: 'samza@1.8', absent: 'kafka-streams@4.1', dies: 'storm@2.8', typo: 'samza@1.8', refused: 'connect@4.1', failing: 'connect@4.1' }
  for (const job of JOBS) assert.match(says(job), new RegExp(`is not installed\\. Run: millrace engines install ${named[job].replace('.', '\\.')} \\(`), job)
}))
