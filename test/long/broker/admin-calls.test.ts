/**
 * Java's Admin (kafka-clients 4.1) at our broker and at Apache Kafka 4.1, each with and without access control: every method that it has, and what Kafbat UI
 * asks of a cluster in its order. What came of each call is equal, or stands in `DIFFERENT` with the reason.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Broker } from '../../../src/broker/broker.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { startKafka } from '../../support/kafka.ts'
import { KAFKA_JARS, need, ROOT } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'

need('kafka')

/** By call: `ok` or the error, and what it gave. The same with and without access control. */
interface Difference { readonly kafka: string, readonly ours: string, readonly why: string }

const DIFFERENT: Readonly<Record<string, Difference>> = {
  'incrementalAlterConfigs: of the broker': { kafka: 'ok', ours: 'InvalidRequestException', why: "the broker's settings are fixed at its start" },
  'describeConfigs: of the broker': { kafka: 'ok [auto.create.topics.enable=true, delete.topic.enable=true, log.retention.hours=168, message.max.bytes=1048588, num.partitions=1]', ours: 'ok [auto.create.topics.enable=true, delete.topic.enable=true, log.retention.hours=null, message.max.bytes=1048588, num.partitions=1]', why: 'the default of retention is shown as log.retention.ms' },
  'describeConfigs: of a group': { kafka: 'ok [consumer.heartbeat.interval.ms, consumer.session.timeout.ms, share.auto.offset.reset, share.heartbeat.interval.ms, share.isolation.level, share.record.lock.duration.ms, share.session.timeout.ms, streams.heartbeat.interval.ms, streams.num.standby.replicas, streams.session.timeout.ms]', ours: 'ok []', why: 'groups have no configs of their own here' },
  alterShareGroupOffsets: { kafka: 'ok', ours: 'UnsupportedVersionException', why: 'share groups (KIP-932) are not served' },
  createDelegationToken: { kafka: 'UnsupportedByAuthenticationException', ours: 'UnsupportedVersionException', why: 'delegation tokens are not served' },
  describeDelegationToken: { kafka: 'UnsupportedByAuthenticationException', ours: 'UnsupportedVersionException', why: 'delegation tokens are not served' },
  renewDelegationToken: { kafka: 'UnsupportedByAuthenticationException', ours: 'UnsupportedVersionException', why: 'delegation tokens are not served' },
  expireDelegationToken: { kafka: 'UnsupportedByAuthenticationException', ours: 'UnsupportedVersionException', why: 'delegation tokens are not served' },
  describeFeatures: { kafka: 'ok [eligible.leader.replicas.version 1, group.version 1, metadata.version 27, transaction.version 2] of [eligible.leader.replicas.version 0-1, group.version 0-1, kraft.version 0-1, metadata.version 7-27, share.version 0-1, transaction.version 0-2]', ours: 'ok [group.version 1, metadata.version 27, transaction.version 2] of [group.version 0-1, metadata.version 7-27, transaction.version 0-2]', why: 'features of what is not served here (share groups, Streams groups, eligible leader replicas, dynamic quorums) are left out' },
  'updateFeatures: a try': { kafka: 'ok', ours: 'InvalidUpdateVersionException', why: 'features are fixed by --as-version' },
  describeMetadataQuorum: { kafka: 'ok 1 [1 true true] 0 true', ours: 'ok 1 [1 false true] 0 false', why: 'there is no log of metadata: its offsets stay 0' },
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-admin-calls-'))
const sources = join(ROOT, 'test/long/broker/java')

before(() => mustRun('javac', ['-nowarn', '-d', directory, '-cp', `${KAFKA_JARS}/*`, join(sources, 'AdminCalls.java'), join(sources, 'KafbatStart.java')]).then(() => undefined))
after(() => rmSync(directory, { recursive: true, force: true }))

/** What came of each call, by program and name, in order. */
async function outcomes(bootstrap: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const program of ['AdminCalls', 'KafbatStart']) {
    const ran = await mustRun('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', `${directory}:${KAFKA_JARS}/*`, program, bootstrap], { timeoutMs: 300_000 })
    for (const line of ran.stdout.trim().split('\n')) {
      const [name = '', outcome = '', gave = ''] = line.split('\t')
      assert.ok(name !== 'uncalled', `Admin.${outcome} is not called`)
      found.set(program === 'AdminCalls' ? name : `Kafbat: ${name}`, `${outcome} ${gave}`.trim())
    }
  }
  return found
}

function hold(kafka: ReadonlyMap<string, string>, ours: ReadonlyMap<string, string>): void {
  assert.deepEqual([...ours.keys()], [...kafka.keys()])
  assert.ok(kafka.size > 160, `${kafka.size} calls`)
  const found: Record<string, { readonly kafka: string, readonly ours: string }> = {}
  for (const [name, theirs] of kafka) if (ours.get(name) !== theirs) found[name] = { kafka: theirs, ours: ours.get(name) ?? '' }
  const listed = Object.fromEntries(Object.entries(DIFFERENT).map(([name, { kafka, ours }]) => [name, { kafka, ours }]))
  const wrong = Object.keys({ ...listed, ...found }).filter(name => !isDeepStrictEqual(found[name], listed[name]))
  assert.ok(wrong.length === 0, `what differs and is not listed so, or is listed and does not:\n${JSON.stringify(Object.fromEntries(wrong.map(name => [name, found[name] ?? 'equal'])), null, 1)}`)
}

for (const hasRights of [true, false]) {
  test(`${hasRights ? 'with' : 'without'} access control`, async () => {
    const properties = hasRights ? { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'super.users': 'User:ANONYMOUS' } : {}
    const kafka = await startKafka({ properties: { ...properties, 'broker.session.timeout.ms': '30000' } })
    const theirs = await outcomes(kafka.bootstrap).finally(() => kafka.stop())
    const broker = await Broker.start(realEnv, { directory: join(directory, `data-${hasRights}`), port: 0, authorization: hasRights ? { superUsers: ['ANONYMOUS'] } : false })
    const ours = await outcomes(broker.address).finally(() => broker.close())
    hold(theirs, ours)
    assert.deepEqual(broker.describe().refusals, [], 'what is not served was not asked for: ApiVersions had said so')
  })
}
