/** Our client against our broker's listeners: TLS, client certificates, SASL, and what goes wrong with each, said so that it can be put right. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Broker } from '../../src/broker/broker.ts'
import type { BrokerOptions } from '../../src/broker/options.ts'
import { Session } from '../../src/broker/security/session.ts'
import { Users } from '../../src/broker/security/users.ts'
import { Cluster } from '../../src/client/cluster.ts'
import type { SaslOptions, SecurityOptions } from '../../src/client/security.ts'
import { realEnv } from '../../src/env/real/env.ts'
import type { Env, Socket } from '../../src/env/env.ts'
import { Sim } from '../../src/testing/sim/sim.ts'
import { saslHandshake } from '../../src/wire/apis/17-sasl-handshake.ts'
import { encodeRequest } from '../../src/wire/frames.ts'
import { metadata } from '../../src/wire/apis/03-metadata.ts'
import { Authority } from '../support/certificates.ts'
import type { Issued } from '../support/certificates.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-security-'))
const authority = new Authority()
const PASSWORD = 'canary-password-1f9'
let server: Issued
let client: Issued
let brokers = 0
const open: Broker[] = []

before(() => {
  server = authority.issue({ subject: '/CN=broker', names: 'DNS:localhost,IP:127.0.0.1' })
  client = authority.issue({ subject: '/O=mill/OU=grain/CN=alice', names: 'DNS:alice' })
})

after(async () => {
  for (const broker of open) await broker.close()
  authority.remove()
  rmSync(directory, { recursive: true, force: true })
})

async function start(options: Partial<BrokerOptions>): Promise<Broker> {
  const broker = await Broker.start(realEnv, { directory: join(directory, `data-${brokers++}`), port: 0, ...options })
  open.push(broker)
  return broker
}

/** Connects, asks for something, closes. */
async function visit(bootstrap: string, security: SecurityOptions | undefined): Promise<string> {
  const cluster = await Cluster.connect(realEnv, { bootstrap, security, deliveryTimeoutMs: 2000 })
  try {
    const answer = await cluster.request('any', metadata, { topics: [] })
    return `${answer.brokers[0]?.host}:${answer.brokers[0]?.port}`
  } finally {
    await cluster.close()
  }
}

const at = (broker: Broker, index = 0, host = 'localhost'): string => `${host}:${broker.listeners[index]?.port}`
const sasl = (mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512', password = PASSWORD, username = 'alice'): SaslOptions => ({ mechanism, username, password })

test('TLS: the client that trusts the CA comes in, and is told the name by which it came', async () => {
  const broker = await start({ tls: server })
  assert.equal(broker.listeners[0]?.protocol, 'SSL')
  assert.equal(await visit(at(broker), { tls: { ca: authority.ca } }), at(broker))
  assert.equal(await visit(at(broker, 0, '127.0.0.1'), { tls: { ca: authority.ca } }), at(broker, 0, '127.0.0.1'))
  // Of a client that tells no name, as Java's do by `localhost`: an address is not in the usual certificate.
  const named = await start({ listen: ['SSL://localhost:0'], tls: server })
  assert.equal(await visit(at(named, 0, '127.0.0.1'), { tls: { ca: authority.ca } }), at(named))
})

test('TLS: an authority that nobody knows, an expired certificate, another host: each says what and what to do', async () => {
  const broker = await start({ tls: server })
  await assert.rejects(visit(at(broker), { tls: true }), { code: 'TLS_FAILED', retriable: false, message: /signed by nobody who is trusted here.*security\.tls\.ca/ })
  const expired = await start({ tls: authority.issue({ subject: '/CN=old', names: 'DNS:localhost', isExpired: true }) })
  await assert.rejects(visit(at(expired), { tls: { ca: authority.ca } }), { code: 'TLS_FAILED', message: /localhost:\d+: the certificate that it shows has expired/ })
  const other = await start({ tls: authority.issue({ subject: '/CN=other', names: 'DNS:mill.example' }) })
  await assert.rejects(visit(at(other), { tls: { ca: authority.ca } }), { code: 'TLS_FAILED', message: /not for 'localhost' \(it is for DNS:mill\.example\)/ })
  assert.equal(await visit(at(other), { tls: { ca: authority.ca, verifyHost: false } }), at(other))
})

test('plain text to a TLS port, TLS to a plain-text port, no log-in where one is wanted: each is told apart', async () => {
  const broker = await start({ listen: ['PLAINTEXT://127.0.0.1:0', 'SSL://127.0.0.1:0', 'SASL_PLAINTEXT://127.0.0.1:0'], tls: server, users: { alice: PASSWORD } })
  await assert.rejects(visit(at(broker, 1), undefined), /TLS port/)
  await assert.rejects(visit(at(broker, 0), { tls: { ca: authority.ca } }), { code: 'TLS_FAILED', message: /plain-text port/ })
  await assert.rejects(visit(at(broker, 2), undefined), /Does it want a log-in/)
  await assert.rejects(visit(at(broker, 0), { sasl: sasl('PLAIN') }), { code: 'AUTHENTICATION_FAILED', message: /asks for no log-in/ })
  assert.equal(await visit(at(broker, 0), undefined), at(broker, 0, '127.0.0.1'))
})

test('client certificates: wanted, shown, not believed', async () => {
  const broker = await start({ tls: { ...server, ca: authority.ca, clientAuth: 'required' } })
  const stranger = new Authority()
  try {
    assert.equal(await visit(at(broker), { tls: { ca: authority.ca, cert: client.cert, key: client.key } }), at(broker))
    await assert.rejects(visit(at(broker), { tls: { ca: authority.ca } }), /client certificate/)
    const other = stranger.issue({ subject: '/CN=mallory' })
    await assert.rejects(visit(at(broker), { tls: { ca: authority.ca, cert: other.cert, key: other.key } }), /client certificate/)
    const requested = await start({ tls: { ...server, ca: authority.ca, clientAuth: 'requested' } })
    assert.equal(await visit(at(requested), { tls: { ca: authority.ca } }), at(requested))
    await assert.rejects(visit(at(requested), { tls: { ca: authority.ca, cert: other.cert, key: other.key } }), /client certificate/)
  } finally {
    stranger.remove()
  }
})

test('SASL: each mechanism lets the right password in and no other, and the password is in no message', async () => {
  const lines: string[] = []
  const write = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const logger = { debug: write, info: write, warn: write, error: write, child: () => logger }
  const broker = await start({ tls: server, users: { alice: PASSWORD }, logger })
  assert.equal(broker.listeners[0]?.protocol, 'SASL_SSL')
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    assert.equal(await visit(at(broker), { tls: { ca: authority.ca }, sasl: sasl(mechanism) }), at(broker))
    for (const wrong of [sasl(mechanism, `${PASSWORD}x`), sasl(mechanism, PASSWORD, 'nobody')]) {
      await assert.rejects(visit(at(broker), { tls: { ca: authority.ca }, sasl: wrong }), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'AUTHENTICATION_FAILED')
        assert.match(error.message, /did not accept user '(alice|nobody)' \((PLAIN|SCRAM-SHA-\d+)\): .*wrong user or password\. Check name and password/)
        lines.push(String(error.stack))
        return true
      })
    }
  }
  await assert.rejects(visit(at(broker), { tls: { ca: authority.ca }, sasl: { mechanism: 'OAUTHBEARER', token: 'abc' } }), /does not take SASL OAUTHBEARER; it offers SCRAM-SHA-512, SCRAM-SHA-256, PLAIN/)
  assert.ok(lines.some(line => line.includes('a log-in failed')))
  assert.deepEqual(lines.filter(line => line.includes(PASSWORD)), [])
})

test('a log-in is renewed before it ends on the same connection, and requests go on meanwhile', async () => {
  const broker = await start({ users: { alice: PASSWORD }, sessionLifetimeMs: 60_000, authorization: { superUsers: ['alice'] } })
  // The client's minute is short; the broker's is long enough for any machine.
  const { setTimer } = realEnv.clock
  const hasty: Env = { ...realEnv, clock: { ...realEnv.clock, setTimer: (callback, delayMs, options) => setTimer(callback, delayMs > 45_000 && delayMs < 60_000 ? delayMs / 500 : delayMs, options) } }
  const cluster = await Cluster.connect(hasty, { bootstrap: at(broker), security: { sasl: sasl('SCRAM-SHA-256') } })
  const connection = await cluster.connection(1, 'main')
  const handshakes = (): number => broker.describe().requests.find(each => each.apiName === 'SaslHandshake')?.requests ?? 0
  const before = handshakes()
  while (handshakes() < before + 3) await Promise.all(Array.from({ length: 5 }, () => cluster.request('any', metadata, { topics: [] }, { retry: false })))
  assert.equal(await cluster.connection(1, 'main'), connection)
  assert.equal(connection.connection.closed, false)
  await cluster.close()
})

test('when a log-in has ended nothing is served but to log in again, as the same user', async () => {
  const sim = new Sim({ seed: 1 })
  const { env } = sim.process('broker')
  env.disk.makeDirectory('/data')
  const users = Users.open(env, '/data/users.json')
  await users.setInMemory('alice', PASSWORD)
  await users.setInMemory('bob', PASSWORD)
  const listener = { protocol: 'SASL_PLAINTEXT', host: '127.0.0.1', port: 1, tls: undefined, mechanisms: ['PLAIN'], advertise: undefined } as const
  const session = new Session({ env, users, listener, tls: undefined, lifetimeMs: 1000 })
  assert.match(session.refusal(metadata.key) ?? '', /has not logged in/)
  assert.equal(session.handshake('PLAIN', 1), 'NONE')
  assert.equal((await session.authenticate(Buffer.from(`\0alice\0${PASSWORD}`))).lifetimeMs, 1000)
  assert.equal(session.refusal(metadata.key), undefined)
  await sim.advance(1001)
  assert.match(session.refusal(metadata.key) ?? '', /expired/)
  assert.equal(session.handshake('PLAIN', 1), 'NONE')
  assert.equal((await session.authenticate(Buffer.from(`\0alice\0${PASSWORD}`))).error, 'NONE')
  assert.equal(session.refusal(metadata.key), undefined)
  assert.equal(session.principal, 'User:alice')
  assert.equal(session.handshake('PLAIN', 1), 'NONE')
  const other = session.authenticate(Buffer.from(`\0bob\0${PASSWORD}`))
  // The failure is answered late, by the simulated clock.
  while (!session.hasFailed) await new Promise(resolve => setImmediate(resolve))
  await sim.advance(1000)
  assert.equal((await other).error, 'SASL_AUTHENTICATION_FAILED')
  assert.equal(session.hasFailed, true)
})

test('a listener beyond loopback is refused unless it asks who comes', async () => {
  await assert.rejects(start({ host: '0.0.0.0' }), { code: 'CONFIG_INVALID', message: /let anybody read and write everything.*--users/ })
  await assert.rejects(start({ listen: ['SSL://0.0.0.0:0'], tls: server }), { code: 'CONFIG_INVALID', message: /--tls-client-auth required/ })
  await assert.rejects(start({ listen: ['SASL_SSL://0.0.0.0:0'], users: { alice: PASSWORD } }), { code: 'CONFIG_INVALID', message: /no certificate/ })
  await assert.rejects(start({ listen: ['SASL_PLAINTEXT://127.0.0.1:0'], users: join(directory, 'none.json') }), { code: 'CONFIG_INVALID', message: /millrace broker user add/ })
  const broker = await start({ listen: ['SASL_PLAINTEXT://0.0.0.0:0'], users: { alice: PASSWORD }, advertise: 'mill.example:19092' })
  assert.deepEqual(broker.listeners[0]?.mechanisms, ['SCRAM-SHA-512', 'SCRAM-SHA-256'], 'no password in plain text over a network')
  assert.equal(broker.address, 'mill.example:19092')
})

test("the users' file keeps no password, is its owner's alone, and one that others may read is refused", async () => {
  const path = join(directory, 'users.json')
  const users = Users.open(realEnv, path)
  await users.alter(await users.changesFor('alice', PASSWORD))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(readFileSync(path, 'utf8').includes(PASSWORD), false)
  assert.equal(existsSync(`${path}.new`), false)
  const broker = await start({ users: path })
  assert.equal(await visit(at(broker), { sasl: sasl('SCRAM-SHA-512') }), at(broker, 0, '127.0.0.1'))
  chmodSync(path, 0o644)
  await assert.rejects(start({ users: path }), { code: 'CONFIG_INVALID', message: /mode 644.*chmod 600/ })
})

test('SaslHandshake v0: tokens are bare frames; a wrong one ends the connection without a word', async () => {
  const broker = await start({ users: { alice: PASSWORD } })
  for (const password of [PASSWORD, 'wrong']) {
    const socket = await realEnv.network.connect({ host: '127.0.0.1', port: broker.port, timeoutMs: 5000 })
    const frames = framesOf(socket)
    socket.write(encodeRequest(saslHandshake, 0, { correlationId: 1, clientId: null }, { mechanism: 'PLAIN' }))
    assert.equal((await frames.next())?.readInt16BE(4), 0)
    const token = Buffer.from(`\0alice\0${password}`)
    const size = Buffer.alloc(4)
    size.writeInt32BE(token.length)
    socket.write([size, token])
    assert.deepEqual(await frames.next(), password === PASSWORD ? Buffer.alloc(0) : undefined)
    if (password === PASSWORD) {
      socket.write(encodeRequest(metadata, 0, { correlationId: 2, clientId: null }, { topics: [] }))
      assert.equal((await frames.next())?.readInt32BE(0), 2)
    }
    socket.destroy()
  }
})

test('before the log-in nothing large is taken, and nothing but ApiVersions and SASL', async () => {
  const broker = await start({ users: { alice: PASSWORD } })
  const announce = Buffer.alloc(4)
  announce.writeInt32BE(600_000)
  for (const bytes of [[announce], encodeRequest(metadata, 1, { correlationId: 1, clientId: null }, { topics: [] })]) {
    const socket = await realEnv.network.connect({ host: '127.0.0.1', port: broker.port, timeoutMs: 5000 })
    const frames = framesOf(socket)
    socket.write(bytes)
    assert.equal(await frames.next(), undefined)
  }
})

/** What comes on the socket, frame by frame without its size; `undefined` is its end. */
function framesOf(socket: Socket): { next(): Promise<Buffer | undefined> } {
  let received = Buffer.alloc(0)
  let isClosed = false
  let wake = (): void => {}
  socket.setHandlers({
    data: chunk => { received = Buffer.concat([received, chunk]); wake() },
    drain: () => { /* Little is sent. */ },
    close: () => { isClosed = true; wake() },
  })
  return {
    async next() {
      while (received.length < 4 || received.length < received.readInt32BE(0) + 4) {
        if (isClosed) return undefined
        await new Promise<void>(resolve => { wake = resolve })
      }
      const size = received.readInt32BE(0)
      const frame = received.subarray(4, 4 + size)
      received = received.subarray(4 + size)
      return frame
    },
  }
}
