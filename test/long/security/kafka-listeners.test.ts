/** Our client at the listeners of Apache Kafka 4.1: TLS, client certificates, each SASL mechanism, renewed log-ins, and each thing that goes wrong. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from '../../../src/client/cluster.ts'
import { unsecuredToken } from '../../../src/client/security-properties.ts'
import type { SaslOptions, SecurityOptions } from '../../../src/client/security.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { metadata } from '../../../src/wire/apis/03-metadata.ts'
import { alterUserScramCredentials } from '../../../src/wire/apis/51-alter-user-scram-credentials.ts'
import { describeUserScramCredentials } from '../../../src/wire/apis/50-describe-user-scram-credentials.ts'
import { saltPassword, SCRAM_MECHANISMS } from '../../../src/wire/scram.ts'
import { Authority } from '../../support/certificates.ts'
import { freePorts, startKafka } from '../../support/kafka.ts'
import type { Kafka } from '../../support/kafka.ts'
import { need } from '../../support/need.ts'

need('kafka')

const PASSWORD = 'alice-secret'
const REAUTHENTICATE_MS = 5000
const directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-security-'))
const authority = new Authority()
const client = authority.issue({ subject: '/O=mill/CN=alice' })
const NAMES = ['SECURE', 'MUTUAL', 'EXPIRED', 'LOGIN'] as const
const ports: Partial<Record<typeof NAMES[number], number>> = {}
let kafka: Kafka

function keystore(file: string, options: { readonly isExpired?: boolean }): string {
  const { cert, key } = authority.issue({ subject: '/CN=broker', names: 'DNS:localhost', ...options })
  const path = join(directory, file)
  writeFileSync(path, `${key}${cert}`)
  return path
}

before(async () => {
  const found = await freePorts(NAMES.length)
  NAMES.forEach((name, index) => { ports[name] = found[index] ?? 0 })
  const module = 'org.apache.kafka.common.security'
  const login = (listener: string): Record<string, string> => ({
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`listener.name.${listener}.plain.sasl.jaas.config`]: `${module}.plain.PlainLoginModule required user_alice="${PASSWORD}";`,
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: `${module}.scram.ScramLoginModule required;`,
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`]: `${module}.scram.ScramLoginModule required;`,
    [`listener.name.${listener}.oauthbearer.sasl.jaas.config`]: `${module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  })
  kafka = await startKafka({
    listeners: {
      SECURE: { protocol: 'SASL_SSL', port: ports.SECURE ?? 0 }, MUTUAL: { protocol: 'SSL', port: ports.MUTUAL ?? 0 },
      EXPIRED: { protocol: 'SSL', port: ports.EXPIRED ?? 0 }, LOGIN: { protocol: 'SASL_PLAINTEXT', port: ports.LOGIN ?? 0 },
    },
    properties: {
      'ssl.keystore.type': 'PEM', 'ssl.keystore.location': keystore('server.pem', {}), 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': authority.caPath,
      'listener.name.mutual.ssl.client.auth': 'required', 'listener.name.expired.ssl.keystore.type': 'PEM', 'listener.name.expired.ssl.keystore.location': keystore('expired.pem', { isExpired: true }),
      ...login('secure'), ...login('login'), 'listener.name.login.connections.max.reauth.ms': String(REAUTHENTICATE_MS),
    },
  })
  await giveCredentials()
})

after(async () => {
  await kafka.stop()
  authority.remove()
  rmSync(directory, { recursive: true, force: true })
})

async function giveCredentials(): Promise<void> {
  const cluster = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap })
  const salt = Buffer.from('0123456789abcdef')
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const saltedPassword = await saltPassword(mechanism, PASSWORD, salt, 4096)
    const answer = await cluster.request('controller', alterUserScramCredentials, { deletions: [], upsertions: [{ name: 'alice', mechanism: SCRAM_MECHANISMS[mechanism].type, iterations: 4096, salt, saltedPassword }] })
    assert.deepEqual(answer.results.map(({ user, errorCode }) => [user, errorCode]), [['alice', 0]])
  }
  let described = 0
  for (const since = Date.now(); described < 2;) {
    assert.ok(Date.now() - since < 30_000, 'Apache Kafka never described the credentials that it took')
    const { results } = await cluster.request('any', describeUserScramCredentials, { users: [{ name: 'alice' }] })
    described = results[0]?.credentialInfos.length ?? 0
    await sleep(50)
  }
  await cluster.close()
}

async function visit(name: typeof NAMES[number] | 'PLAINTEXT', security: SecurityOptions | undefined, host = 'localhost'): Promise<void> {
  const bootstrap = name === 'PLAINTEXT' ? kafka.bootstrap : `${host}:${ports[name]}`
  const cluster = await Cluster.connect(realEnv, { bootstrap, security, deliveryTimeoutMs: 5000 })
  try {
    await cluster.request('any', metadata, { topics: [] })
  } finally {
    await cluster.close()
  }
}

const sasl = (mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512', password = PASSWORD): SaslOptions => ({ mechanism, username: 'alice', password })
const token = (lifetimeMs = 60_000): string => unsecuredToken({ subject: 'alice', nowMs: Date.now(), lifetimeMs })
const tls = { ca: authority.ca }

test('each mechanism over TLS: the right password comes in, a wrong one is told', async () => {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    await visit('SECURE', { tls, sasl: sasl(mechanism) })
    await assert.rejects(visit('SECURE', { tls, sasl: sasl(mechanism, 'wrong') }), { code: 'AUTHENTICATION_FAILED', message: new RegExp(`localhost:${ports.SECURE} did not accept user 'alice' \\(${mechanism}\\)`) })
  }
})

test('OAUTHBEARER: a token from a function comes in, one that has ended is told', async () => {
  let asked = 0
  await visit('SECURE', { tls, sasl: { mechanism: 'OAUTHBEARER', token: async () => { asked += 1; return token() } } })
  assert.ok(asked > 0)
  await assert.rejects(visit('SECURE', { tls, sasl: { mechanism: 'OAUTHBEARER', token: token(-600_000) } }), { code: 'AUTHENTICATION_FAILED', message: /did not accept the token \(OAUTHBEARER\)/ })
  await assert.rejects(visit('SECURE', { tls, sasl: { mechanism: 'OAUTHBEARER', token: () => { throw new Error('the issuer is away') } } }), { code: 'AUTHENTICATION_FAILED', message: /the issuer is away/ })
})

test('a client certificate: shown, wanted', async () => {
  await visit('MUTUAL', { tls: { ...tls, cert: client.cert, key: client.key } })
  await assert.rejects(visit('MUTUAL', { tls }), /client certificate/)
})

test("a certificate that has ended, another host's, one of an unknown authority", async () => {
  await assert.rejects(visit('EXPIRED', { tls }), { code: 'TLS_FAILED', message: /has expired/ })
  await assert.rejects(visit('SECURE', { tls, sasl: sasl('PLAIN') }, '127.0.0.1'), { code: 'TLS_FAILED', message: /not for '127\.0\.0\.1' \(it is for DNS:localhost\)/ })
  await assert.rejects(visit('SECURE', { tls: true, sasl: sasl('PLAIN') }), { code: 'TLS_FAILED', message: /signed by nobody who is trusted here/ })
})

test('plain text to a TLS port, TLS to a plain-text port, no log-in where one is wanted, one where none is', async () => {
  await assert.rejects(visit('SECURE', undefined), /TLS port/)
  await assert.rejects(visit('PLAINTEXT', { tls }), /plain-text port/)
  await assert.rejects(visit('LOGIN', undefined), /Does it want a log-in/)
  await assert.rejects(visit('PLAINTEXT', { sasl: sasl('PLAIN') }), { code: 'AUTHENTICATION_FAILED', message: /asks for no log-in/ })
})

// The broker closes a connection whose log-in is older than that: one that still stands after twice as long was renewed.
test('a log-in is renewed on its connection (KIP-368) while requests go on', async () => {
  const cluster = await Cluster.connect(realEnv, { bootstrap: `localhost:${ports.LOGIN}`, security: { sasl: sasl('SCRAM-SHA-512') } })
  const connection = await cluster.connection(1, 'main')
  const until = Date.now() + 2.5 * REAUTHENTICATE_MS
  while (Date.now() < until) {
    await cluster.request('any', metadata, { topics: [] }, { retry: false })
    await sleep(50)
  }
  assert.equal(await cluster.connection(1, 'main'), connection)
  assert.equal(connection.connection.closed, false)
  await cluster.close()
})

test('a renewal that is refused is told', async () => {
  const cluster = await Cluster.connect(realEnv, { bootstrap: `localhost:${ports.LOGIN}`, security: { sasl: sasl('SCRAM-SHA-512') } })
  const connection = await cluster.connection(1, 'main')
  const admin = await Cluster.connect(realEnv, { bootstrap: kafka.bootstrap })
  const { results } = await admin.request('controller', alterUserScramCredentials, { deletions: [{ name: 'alice', mechanism: SCRAM_MECHANISMS['SCRAM-SHA-512'].type }], upsertions: [] })
  assert.deepEqual(results.map(({ user, errorCode }) => [user, errorCode]), [['alice', 0]])
  await admin.close()
  const refused = new RegExp("did not accept user 'alice' \\(SCRAM-SHA-512\\)")
  // Of a request that was under way the connection has ended, and why; whoever comes later is refused as at any log-in.
  await assert.rejects(async () => {
    for (const until = Date.now() + 3 * REAUTHENTICATE_MS; Date.now() < until;) {
      await cluster.request('any', metadata, { topics: [] }, { retry: false })
      if (!connection.connection.closed) assert.equal(await cluster.connection(1, 'main'), connection)
      await sleep(50)
    }
  }, { message: refused })
  assert.equal(connection.connection.closed, true)
  await assert.rejects(cluster.request('any', metadata, { topics: [] }), { code: 'AUTHENTICATION_FAILED', message: refused })
  await cluster.close()
})
