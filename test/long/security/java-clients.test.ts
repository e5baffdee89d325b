/** The Java console producer and consumer of Apache Kafka 4.1 at our broker: SCRAM over TLS, a client certificate, log-ins that are renewed, rights. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Broker } from '../../../src/broker/broker.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { Authority } from '../../support/certificates.ts'
import { kafkaTool } from '../../support/kafka.ts'
import { KAFKA_JARS, need, ROOT } from '../../support/need.ts'
import { mustRun } from '../../support/processes.ts'
import type { Ran } from '../../support/processes.ts'

need('kafka')

const directory = mkdtempSync(join(tmpdir(), 'millrace-java-security-'))
const authority = new Authority()
const alice = authority.issue({ subject: '/O=mill/CN=alice' })
let broker: Broker

before(async () => {
  const server = authority.issue({ subject: '/CN=broker', names: 'DNS:localhost' })
  broker = await Broker.start(realEnv, {
    directory: join(directory, 'data'), listen: ['SASL_SSL://localhost:0', 'SSL://localhost:0'], tls: { ...server, ca: authority.ca, clientAuth: 'requested' },
    users: { admin: 'admin-secret', bob: 'bob-secret' }, authorization: { superUsers: ['admin', 'User:CN=alice,O=mill'] }, sessionLifetimeMs: 3000,
  })
})

after(async () => {
  await broker.close()
  authority.remove()
  rmSync(directory, { recursive: true, force: true })
})

function properties(name: string, lines: readonly string[]): string {
  const path = join(directory, name)
  writeFileSync(path, ['ssl.truststore.type=PEM', `ssl.truststore.location=${authority.caPath}`, ...lines].join('\n'), { mode: 0o600 })
  return path
}

const scram = (user: string, password: string, mechanism = 'SCRAM-SHA-512'): string => properties(`${user}.properties`, [
  'security.protocol=SASL_SSL', `sasl.mechanism=${mechanism}`, `sasl.jaas.config=org.apache.kafka.common.security.${mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'} required username="${user}" password="${password}";`,
])
const produce = (listener: number, config: string, topic: string, input: string): Promise<Ran> =>
  kafkaTool('org.apache.kafka.tools.ConsoleProducer', ['--bootstrap-server', `localhost:${broker.listeners[listener]?.port}`, '--producer.config', config, '--topic', topic, '--request-timeout-ms', '60000'], { input })
const consume = (listener: number, config: string, topic: string, group: string, count: number): Promise<Ran> =>
  kafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', ['--bootstrap-server', `localhost:${broker.listeners[listener]?.port}`, '--consumer.config', config, '--topic', topic, '--group', group, '--from-beginning', '--max-messages', String(count), '--timeout-ms', '60000'])

test('produce and consume in a group by SCRAM over TLS; the Java client renews its log-in', async () => {
  const config = scram('admin', 'admin-secret')
  const written = await produce(0, config, 'orders', 'one\ntwo\nthree')
  assert.equal(written.exitCode, 0, written.stderr)
  const handshakes = (): number => broker.describe().requests.find(each => each.apiName === 'SaslHandshake')?.requests ?? 0
  // The fourth record comes only when log-ins were renewed several times.
  const reading = consume(0, config, 'orders', 'by-password', 4)
  let ended = false
  void reading.then(() => { ended = true })
  const first = handshakes()
  while (!ended && handshakes() < first + 6) await sleep(100)
  assert.ok(!ended, 'the consumer gave up before its log-ins were renewed')
  const last = await produce(0, config, 'orders', 'four')
  assert.equal(last.exitCode, 0, last.stderr)
  assert.equal((await reading).stdout, 'one\ntwo\nthree\nfour\n')
})

test('by a client certificate', async () => {
  const store = join(directory, 'alice.pem')
  writeFileSync(store, `${alice.key}${alice.cert}`)
  const config = properties('alice.properties', ['security.protocol=SSL', 'ssl.keystore.type=PEM', `ssl.keystore.location=${store}`])
  assert.equal((await consume(1, config, 'orders', 'by-certificate', 4)).stdout, 'one\ntwo\nthree\nfour\n')
})

// The console tools say such things to a log that nobody set up: this asks the clients themselves.
test('who may not, and who has the wrong password, is told so by name in Java too', async () => {
  const outcomes = async (listener: number, config: string): Promise<Record<string, string>> => {
    const ran = await mustRun('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', `${directory}:${KAFKA_JARS}/*`, 'Refused', `localhost:${broker.listeners[listener]?.port}`, config, 'orders'])
    return Object.fromEntries(ran.stdout.trim().split('\n').map(line => line.split('\t')))
  }
  await mustRun('javac', ['-d', directory, '-cp', `${KAFKA_JARS}/*`, join(ROOT, 'test/long/security/java/Refused.java')])
  assert.deepEqual(await outcomes(0, scram('bob', 'bob-secret', 'PLAIN')), { describe: 'TopicAuthorizationException', write: 'TopicAuthorizationException', read: 'TopicAuthorizationException', commit: 'GroupAuthorizationException' })
  const all = (name: string): Record<string, string> => ({ describe: name, write: name, read: name, commit: name })
  assert.deepEqual(await outcomes(0, scram('bob', 'guess')), all('SaslAuthenticationException'))
  assert.deepEqual(await outcomes(0, scram('admin', 'admin-secret')), all('ok'))
})
