/** The command line as both sides: a broker with users and TLS, and commands that connect by a properties file. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Authority } from '../support/certificates.ts'
import { millrace, startMillrace } from '../support/millrace.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-security-cli-'))
const authority = new Authority()
after(() => {
  authority.remove()
  rmSync(directory, { recursive: true, force: true })
})

const users = join(directory, 'users.json')
const config = (name: string, lines: readonly string[]): string => {
  const path = join(directory, name)
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 })
  return path
}

test('broker user add, broker start with TLS and users, and commands by --command-config', async () => {
  for (const [name, password] of [['admin', 'admin-secret'], ['alice', 'alice-secret']] as const) {
    const added = await millrace(['broker', 'user', 'add', name, '--users', users], { input: `${password}\n` })
    assert.equal(added.exitCode, 0, added.stderr)
    assert.match(added.stdout, new RegExp(`${name} may log in`))
  }
  assert.match((await millrace(['broker', 'user', 'ls', '--users', users])).stdout, /admin +SCRAM-SHA-256, SCRAM-SHA-512\nalice/)
  const { certPath, keyPath } = authority.issue({ subject: '/CN=broker', names: 'DNS:localhost,IP:127.0.0.1' })
  const started = startMillrace(['broker', 'start', '--listen', 'localhost:0', '--listen', 'PLAINTEXT://127.0.0.1:0', '--data', join(directory, 'data'), '--users', users, '--tls-cert', certPath, '--tls-key', keyPath, '--super-user', 'admin'])
  try {
    const [, secure = '', open = ''] = await started.waitFor(/(localhost:\d+) +SASL_SSL, TLS, SCRAM-SHA-512, SCRAM-SHA-256, PLAIN[^]*(localhost:\d+) +any client, plain text/)
    const admin = config('admin.properties', ['security.protocol=SASL_SSL', `ssl.truststore.location=${authority.caPath}`, 'sasl.mechanism=SCRAM-SHA-512', 'sasl.username=admin', 'sasl.password=admin-secret'])
    const made = await millrace(['topic', 'new', 'orders', '--bootstrap', secure, '--command-config', admin])
    assert.equal(made.exitCode, 0, made.stderr)
    const listed = await millrace(['topic', 'ls', '--bootstrap', secure], { env: { ...process.env, MILLRACE_COMMAND_CONFIG: admin } })
    assert.match(listed.stdout, /orders/)
    const alice = config('alice.properties', ['security.protocol=SASL_SSL', `ssl.truststore.location=${authority.caPath}`, 'sasl.mechanism=PLAIN', 'sasl.username=alice', 'sasl.password=alice-secret'])
    const hidden = await millrace(['topic', 'ls', '--bootstrap', secure, '--command-config', alice])
    assert.equal(hidden.exitCode, 0, hidden.stderr)
    assert.doesNotMatch(hidden.stdout, /orders/)
    assert.doesNotMatch((await millrace(['topic', 'ls', '--bootstrap', open])).stdout, /orders/, 'whoever is nobody sees nothing')
    const wrong = config('wrong.properties', ['security.protocol=SASL_SSL', `ssl.truststore.location=${authority.caPath}`, 'sasl.mechanism=PLAIN', 'sasl.username=alice', 'sasl.password=guess'])
    const refused = await millrace(['topic', 'ls', '--bootstrap', secure, '--command-config', wrong])
    assert.equal(refused.exitCode, 3)
    assert.match(refused.stderr, /AUTHENTICATION_FAILED {2}localhost:\d+ did not accept user 'alice' \(PLAIN\)/)
    assert.match((await millrace(['topic', 'ls', '--bootstrap', secure])).stderr, /TLS port/)
  } finally {
    await started.kill('SIGTERM')
  }
})
