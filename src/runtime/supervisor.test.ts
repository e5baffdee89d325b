import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../base/logger.ts'
import { realEnv } from '../env/real/env.ts'
import { startChild } from '../env/real/processes.ts'
import type { ChildOptions } from '../env/real/processes.ts'
import { json } from '../serde/json.ts'
import type { ForeignTaskPlan } from '../topology/plan.ts'
import { Supervisor } from './supervisor.ts'

const topicSpec = (name: string): ForeignTaskPlan['reads'][number] => ({ kind: 'topic', name, key: json<unknown>(), value: json<unknown>(), time: undefined, partitions: undefined, replicas: undefined, retentionMs: undefined, cleanup: undefined })

function plan(script: string): ForeignTaskPlan {
  return {
    kind: 'foreign', name: 'other', group: 'shop.other', reads: [topicSpec('a'), topicSpec('b')], writes: [topicSpec('c')],
    on: { engine: 'process', command: process.execPath, args: ['-e', script], env: { EXTRA: 'yes' }, directory: undefined, instances: 1 },
  }
}

test('A process knows what it is part of, is started again when it ends, and is stopped cleanly', async () => {
  const lines: string[] = []
  const supervisor = new Supervisor({
    env: realEnv, logger: silentLogger, bootstrap: 'localhost:1',
    plan: plan('const e = process.env; console.log([e.MILLRACE_BOOTSTRAP, e.MILLRACE_GROUP, e.MILLRACE_READS, e.MILLRACE_WRITES, e.EXTRA].join(" ")); setInterval(() => {}, 1000); process.on("SIGTERM", () => { console.log("bye"); process.exit(0) })'),
    startChild: (options: ChildOptions) => startChild({ ...options, onLine: (stream, line) => { lines.push(line); options.onLine(stream, line) } }),
  })
  const until = async (condition: () => boolean): Promise<void> => {
    const deadline = Date.now() + 10_000
    while (!condition()) {
      assert.ok(Date.now() < deadline, `waited 10 s; lines: ${lines.join(' | ')}`)
      await realEnv.clock.sleep(10)
    }
  }
  supervisor.start()
  await until(() => lines.length === 1)
  assert.equal(lines[0], 'localhost:1 shop.other a,b c yes')
  const [pid] = supervisor.pids
  assert.ok(pid !== undefined && pid > 0)
  process.kill(pid, 'SIGKILL')
  await until(() => lines.length === 2)
  assert.notEqual(supervisor.pids[0], pid)
  assert.equal(supervisor.report().errors, 1)
  assert.match(supervisor.report().lastError ?? '', /SIGKILL/)
  await supervisor.close()
  assert.equal(lines.at(-1), 'bye')
  assert.deepEqual(supervisor.pids, [])
})

test('A command that does not exist is reported, and tried again later', async () => {
  const supervisor = new Supervisor({ env: realEnv, logger: silentLogger, bootstrap: 'localhost:1', plan: { ...plan(''), on: { ...plan('').on, command: '/no/such/command' } }, startChild })
  supervisor.start()
  const deadline = Date.now() + 5_000
  while (supervisor.report().errors === 0 && Date.now() < deadline) await realEnv.clock.sleep(10)
  assert.match(supervisor.report().lastError ?? '', /ENOENT/)
  await supervisor.close()
})
