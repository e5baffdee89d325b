/** What a user meets who gives a real Spark a script that cannot run. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { app, json, text, topic } from 'millrace'
import { createLogger } from '../../../src/base/logger.ts'
import { Jobs } from '../../../src/cli/jobs.ts'
import { Supervisor } from '../../../src/cli/supervisor.ts'
import { Cluster } from '../../../src/client/cluster.ts'
import { spark } from '../../../src/engines/spark/spark.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { build } from '../../../src/topology/build.ts'
import { startTestBroker } from '../../support/millrace.ts'
import { ENGINES, need } from '../../support/need.ts'

need('engines')

test('SQL with an error is refused with the place of it; a script that dies at its start, with its last words; both end with the exit code of bad configuration', async () => {
  const broker = await startTestBroker()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-spark-refusals-'))
  const cluster = await Cluster.connect(realEnv, { bootstrap: broker.bootstrap, clientId: 'spark-test' })
  const said: string[] = []
  const logger = createLogger({ level: 'error', write: line => said.push(line), now: Date.now })
  const supervisor = new Supervisor(logger)
  const declare = (name: string): ReturnType<typeof topic<string, unknown>> => topic(name, { key: text, value: json<unknown>() })
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }
  const reads = [declare('sales')]
  const sql = file('script.sql', '-- sales\nSELECT key, value\nFROM sales\n  WHERE valeu > 1\n')
  const described = app('shop')
    .task('sql', { on: spark({ sql }), reads, writes: [declare('one')], duplicates: 'tolerated' })
    .task('python', { on: spark({ python: file('script.py', 'import millrace_spark\nraise RuntimeError("no such tariff")\n') }), reads, writes: [declare('two')], duplicates: 'tolerated' })
  const jobs = new Jobs({ plan: build(described), wanted: () => true, cluster, bootstrap: broker.bootstrap, directory: join(directory, 'jobs'), supervisor, environment: { ...process.env, MILLRACE_ENGINES: ENGINES }, logger, note: line => said.push(line) })
  const failure = (task: string): string => jobs.status().get(task)?.lastError ?? ''
  try {
    await jobs.start()
    assert.match(failure('sql'), /script\.sql:4:9: Spark refuses this statement: \[UNRESOLVED_COLUMN.*`valeu`/)
    assert.match(failure('python'), /python ended at its start: exit code 1[^]*RuntimeError: no such tariff/)
    file('script.sql', 'CREATE TEMPORARY VIEW a AS SELECT key FROM sales;\n\n  SELECT key FROM a;\n')
    await assert.rejects(jobs.control('sql', { kind: 'restart' }), { code: 'CONFIG_INVALID', message: /script\.sql:3:3: .*a SELECT of `key` and `value`.* It gives key$/ })
    file('script.sql', 'SELECT key,\n  value FORM sales\n')
    await assert.rejects(jobs.control('sql', { kind: 'restart' }), { code: 'CONFIG_INVALID', message: /script\.sql:2:\d+: Spark refuses this statement: \[PARSE_SYNTAX_ERROR\]/ })
  } finally {
    await jobs.stop()
    await supervisor.stop()
    await cluster.close()
    await broker.stop()
    broker.remove()
    rmSync(directory, { recursive: true, force: true })
  }
})
