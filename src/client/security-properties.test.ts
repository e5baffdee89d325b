import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProperties, securityOfProperties, unsecuredToken } from './security-properties.ts'
import type { SecurityOptions } from './security.ts'

const PEM = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n'
const FILES: Readonly<Record<string, Buffer>> = { '/ca.pem': Buffer.from(PEM), '/own.pem': Buffer.from(`own ${PEM}`), '/store.p12': Buffer.from([0x30, 0x82, 1]), '/store.jks': Buffer.from([0xfe, 0xed, 0xfe, 0xed]), '/token': Buffer.from('a.b.c\n') }

function read(text: string): SecurityOptions {
  return securityOfProperties(text, path => FILES[path] ?? assert.fail(path), () => 1000)
}

test("Kafka's names: a user over TLS", () => {
  assert.deepEqual(read(`
# for every tool
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
    username="alice" password="p\\\\"a;ss";
ssl.truststore.type = PEM
ssl.truststore.location: /ca.pem
acks=all
`), { tls: { passphrase: undefined, verifyHost: true, ca: PEM, cert: undefined, key: undefined }, sasl: { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'p"a;ss' } })
})

test("librdkafka's names, key stores, and a host name that is not checked", () => {
  assert.deepEqual(read('security.protocol=ssl\nssl.ca.location=/ca.pem\nssl.certificate.location=/own.pem\nssl.key.location=/own.pem\nssl.endpoint.identification.algorithm=\n').tls,
    { passphrase: undefined, verifyHost: false, ca: PEM, cert: `own ${PEM}`, key: `own ${PEM}` })
  assert.deepEqual(read('security.protocol=SSL\nssl.keystore.location=/store.p12\nssl.keystore.password=x').tls, { passphrase: 'x', verifyHost: true, ca: undefined, pfx: FILES['/store.p12'] })
  assert.throws(() => read('security.protocol=SSL\nssl.keystore.location=/store.jks'), /JKS file.*-deststoretype PKCS12/)
  assert.throws(() => read('security.protocol=SSL\nssl.truststore.location=/store.p12'), /no PEM file.*keytool -list -rfc/)
})

test('tokens: from a file at each log-in, or signed by nobody', async () => {
  const { sasl } = read('security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=file:///token')
  assert.ok(sasl?.mechanism === 'OAUTHBEARER' && typeof sasl.token === 'function')
  assert.equal(await sasl.token(), 'a.b.c')
  const [head = '', claims = '', signature] = unsecuredToken({ subject: 'alice', nowMs: 1000, lifetimeMs: 5000 }).split('.')
  assert.deepEqual([head, claims].map(part => JSON.parse(Buffer.from(part, 'base64url').toString())), [{ alg: 'none' }, { sub: 'alice', iat: 1, exp: 6 }])
  assert.equal(signature, '')
})

test('what would be less safe than was asked for is refused, with its name', () => {
  for (const [text, message] of [
    ['enable.ssl.certificate.verification=false', /enable\.ssl\.certificate\.verification is not understood/],
    ['ssl.engine.factory.class=x', /ssl\.engine\.factory\.class/],
    ['security.protocol=TLS', /security\.protocol is one of/],
    ['security.protocol=SASL_SSL', /sasl\.mechanism is one of/],
    ['security.protocol=SASL_SSL\nsasl.mechanism=PLAIN', /needs a user and a password/],
    ['security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://issuer', /from a function/],
  ] as const) assert.throws(() => read(text), { code: 'CONFIG_INVALID', message })
  assert.deepEqual(read('acks=all'), { tls: undefined, sasl: undefined })
})

test('properties are read as Java writes them', () => {
  assert.deepEqual([...parseProperties('a=1\n  b : two words \n!c=3\nd = x\\\n   y\ne=\\u0041\\=\\n!')], [['a', '1'], ['b', 'two words'], ['d', 'xy'], ['e', 'A=\n!']])
})
