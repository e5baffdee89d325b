/** kcat 1.7.1 with Debian's librdkafka 2.0.2 at our secured listeners. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Broker } from '../../../src/broker/broker.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { Authority } from '../../support/certificates.ts'
import type { Issued } from '../../support/certificates.ts'
import { need } from '../../support/need.ts'
import { mustRun, runCommand } from '../../support/processes.ts'

need('kcat')

const directory = mkdtempSync(join(tmpdir(), 'millrace-security-real-'))
const authority = new Authority()
let broker: Broker
let alice: Issued

before(async () => {
  const server = authority.issue({ subject: '/CN=broker', names: 'DNS:localhost,IP:127.0.0.1' })
  alice = authority.issue({ subject: '/O=mill/CN=alice' })
  broker = await Broker.start(realEnv, {
    directory: join(directory, 'data'), listen: ['SASL_SSL://localhost:0', 'SSL://localhost:0'], tls: { ...server, ca: authority.ca, clientAuth: 'requested' },
    users: { admin: 'admin-secret' }, authorization: { superUsers: ['admin', 'User:CN=alice,O=mill'] },
  })
})

after(async () => {
  await broker.close()
  authority.remove()
  rmSync(directory, { recursive: true, force: true })
})

const secure = (): string => `localhost:${broker.listeners[0]?.port}`
const login = (mechanism: string, user: string, password: string): string[] =>
  ['-X', 'security.protocol=SASL_SSL', '-X', `ssl.ca.location=${authority.caPath}`, '-X', `sasl.mechanisms=${mechanism}`, '-X', `sasl.username=${user}`, '-X', `sasl.password=${password}`]

test('kcat logs in with PLAIN and SCRAM over TLS, and with a certificate alone', async () => {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    await mustRun('kcat', ['-b', secure(), ...login(mechanism, 'admin', 'admin-secret'), '-P', '-t', mechanism], { input: 'one\ntwo' })
    const read = await mustRun('kcat', ['-b', secure(), ...login(mechanism, 'admin', 'admin-secret'), '-C', '-t', mechanism, '-e', '-q'])
    assert.equal(read.stdout, 'one\ntwo\n')
  }
  const certificate = ['-X', 'security.protocol=SSL', '-X', `ssl.ca.location=${authority.caPath}`, '-X', `ssl.certificate.location=${alice.certPath}`, '-X', `ssl.key.location=${alice.keyPath}`]
  const read = await mustRun('kcat', ['-b', `localhost:${broker.listeners[1]?.port}`, ...certificate, '-C', '-t', 'PLAIN', '-e', '-q'])
  assert.equal(read.stdout, 'one\ntwo\n')
  const refused = await runCommand('kcat', ['-b', secure(), ...login('SCRAM-SHA-512', 'admin', 'wrong'), '-L', '-m', '5'])
  assert.match(refused.stderr, /SASL authentication error.*wrong user or password/i)
})
