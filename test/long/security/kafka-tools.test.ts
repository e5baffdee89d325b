/** Other people's clients at our secured listeners: kafka-configs and kafka-acls of Apache Kafka 4.1 change what kcat may do. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Broker } from '../../../src/broker/broker.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { Authority } from '../../support/certificates.ts'
import { kafkaTool } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'
import { mustRun, runCommand } from '../../support/processes.ts'

need('kafka', 'kcat')

const directory = mkdtempSync(join(tmpdir(), 'millrace-security-real-'))
const authority = new Authority()
let broker: Broker
let admin: string

before(async () => {
  const server = authority.issue({ subject: '/CN=broker', names: 'DNS:localhost,IP:127.0.0.1' })
  broker = await Broker.start(realEnv, {
    directory: join(directory, 'data'), listen: ['SASL_SSL://localhost:0'], tls: server,
    users: { admin: 'admin-secret' }, authorization: { superUsers: ['admin'] },
  })
  admin = join(directory, 'admin.properties')
  writeFileSync(admin, [
    'security.protocol=SASL_SSL', 'sasl.mechanism=SCRAM-SHA-512', 'sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin-secret";',
    'ssl.truststore.type=PEM', `ssl.truststore.location=${authority.caPath}`,
  ].join('\n'), { mode: 0o600 })
})

after(async () => {
  await broker.close()
  authority.remove()
  rmSync(directory, { recursive: true, force: true })
})

const secure = (): string => `localhost:${broker.listeners[0]?.port}`
const login = (mechanism: string, user: string, password: string): string[] =>
  ['-X', 'security.protocol=SASL_SSL', '-X', `ssl.ca.location=${authority.caPath}`, '-X', `sasl.mechanisms=${mechanism}`, '-X', `sasl.username=${user}`, '-X', `sasl.password=${password}`]

test("kafka-configs gives a user a password and lists it, kafka-acls gives rights: kcat then may what they say, and no more", async () => {
  const tool = async (name: string, args: readonly string[]): Promise<string> => {
    const ran = await kafkaTool(name, ['--bootstrap-server', secure(), '--command-config', admin, ...args])
    assert.equal(ran.exitCode, 0, `${name} ${args.join(' ')}\n${ran.stdout}\n${ran.stderr}`)
    return ran.stdout
  }
  const [altered, listed] = [
    await tool('kafka.admin.ConfigCommand', ['--alter', '--entity-type', 'users', '--entity-name', 'bob', '--add-config', 'SCRAM-SHA-256=[iterations=4096,password=bob-secret]']),
    await tool('kafka.admin.ConfigCommand', ['--describe', '--entity-type', 'users', '--entity-name', 'bob']),
  ]
  assert.match(altered, /Completed/)
  assert.match(listed, /SCRAM-SHA-256=iterations=4096/)
  await mustRun('kcat', ['-b', secure(), ...login('PLAIN', 'admin', 'admin-secret'), '-P', '-t', 'PLAIN'], { input: 'one\ntwo' })
  const before = await runCommand('kcat', ['-b', secure(), ...login('SCRAM-SHA-256', 'bob', 'bob-secret'), '-C', '-t', 'PLAIN', '-e', '-q', '-m', '10'])
  assert.match(before.stderr, /authorization failed/i)
  await tool('org.apache.kafka.tools.AclCommand', ['--add', '--allow-principal', 'User:bob', '--operation', 'Read', '--topic', 'PLA', '--resource-pattern-type', 'prefixed'])
  const read = await mustRun('kcat', ['-b', secure(), ...login('SCRAM-SHA-256', 'bob', 'bob-secret'), '-C', '-t', 'PLAIN', '-e', '-q'])
  assert.equal(read.stdout, 'one\ntwo\n')
  const written = await runCommand('kcat', ['-b', secure(), ...login('SCRAM-SHA-256', 'bob', 'bob-secret'), '-P', '-t', 'PLAIN', '-X', 'message.timeout.ms=5000'], { input: 'three' })
  assert.match(written.stderr, /authorization failed/i)
})
