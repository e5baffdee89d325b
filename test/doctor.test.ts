/** `millrace doctor` beside a broker that is well, one that is not there, and one that advertises an address where nobody is. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Broker } from '../src/broker/broker.ts'
import type { BrokerOptions } from '../src/broker/options.ts'
import { nodeFinding } from '../src/cli/doctor.ts'
import type { Finding } from '../src/cli/doctor.ts'
import { realEnv } from '../src/env/real/env.ts'
import { consumerGroupHeartbeat } from '../src/wire/apis/68-consumer-group-heartbeat.ts'
import { freePorts } from './support/kafka.ts'
import { millrace } from './support/millrace.ts'
import { WireClient } from './support/wire-client.ts'

async function withBroker(options: Partial<BrokerOptions>, work: (broker: Broker) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-doctor-'))
  const broker = await Broker.start(realEnv, { directory: join(directory, 'data'), port: 0, ...options })
  try {
    await work(broker)
  } finally {
    await broker.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function findingsOf(port: number): Promise<{ readonly exitCode: number | null; readonly findings: readonly Finding[] }> {
  const ran = await millrace(['doctor', '--json', '--bootstrap', `127.0.0.1:${port}`])
  const document: { findings: Finding[] } = JSON.parse(ran.stdout)
  return { exitCode: ran.exitCode, findings: document.findings }
}

test('all is well, but a client asked for what is not served: it is named', () => withBroker({}, async broker => {
  const client = await WireClient.connect(realEnv, broker.port, 'stranger')
  await assert.rejects(client.request({ ...consumerGroupHeartbeat, key: 88, name: 'StreamsGroupHeartbeat' }, 0, { groupId: 'g', memberId: 'm', memberEpoch: 0 }))
  const { exitCode, findings } = await findingsOf(broker.port)
  assert.deepEqual(findings.filter(finding => finding.verdict !== 'ok').map(({ check, verdict }) => [check, verdict]), [['unserved', 'warning']], JSON.stringify(findings))
  assert.match(findings.find(finding => finding.check === 'unserved')?.text ?? '', /"stranger" asked for StreamsGroupHeartbeat \(88\) v0: not served/)
  assert.equal(exitCode, 0)
  const lines = await millrace(['doctor', '--bootstrap', `127.0.0.1:${broker.port}`])
  assert.match(lines.stdout, /✔ broker 1 says it is at 127\.0\.0\.1:\d+, and answers there/)
}))

test('a broker that is not there: exit code 3, and what to do', async () => {
  const [port = 0] = await freePorts(1)
  const { exitCode, findings } = await findingsOf(port)
  assert.equal(exitCode, 3)
  assert.match(findings.find(finding => finding.check === 'reachable')?.next ?? '', /millrace broker start/)
})

test('an advertised address where nobody answers is the problem, by name', async () => {
  const [port = 0] = await freePorts(1)
  await withBroker({ advertise: `127.0.0.1:${port}` }, async broker => {
    const { exitCode, findings } = await findingsOf(broker.port)
    assert.equal(exitCode, 3)
    assert.match(findings.find(finding => finding.check === 'advertised')?.text ?? '', new RegExp(`says it is at 127\\.0\\.0\\.1:${port}, and nobody answers there`))
  })
})

test('a Node that is too old is a problem', () => {
  assert.equal(nodeFinding('20.18.3').verdict, 'problem')
  assert.equal(nodeFinding('20.19.0').verdict, 'ok')
  assert.equal(nodeFinding('24.1.0').verdict, 'ok')
})
