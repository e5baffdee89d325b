import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialOf, isPassword, saltPassword, ScramClient, ScramServer } from './scram.ts'
import type { ScramCredential, ScramMechanism } from './scram.ts'

/** RFC 7677, section 3. */
test('the exchange of RFC 7677', async () => {
  const client = new ScramClient({ mechanism: 'SCRAM-SHA-256', username: 'user', password: 'pencil', nonce: 'rOprNGfwEbeRWgbNEkqO' })
  assert.equal(client.first(), 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  const final = await client.final('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  assert.equal(final, 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=')
  client.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  assert.throws(() => client.verify('v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='), { code: 'AUTHENTICATION_FAILED', message: /may not be the one it seems/ })
  assert.throws(() => client.verify('e=invalid-proof'), /invalid-proof/)
})

async function credential(mechanism: ScramMechanism, password: string): Promise<ScramCredential> {
  const salt = Buffer.from('0123456789abcdef')
  return credentialOf(mechanism, await saltPassword(mechanism, password, salt, 4096), salt, 4096)
}

function server(mechanism: ScramMechanism, users: ReadonlyMap<string, ScramCredential>): ScramServer {
  return new ScramServer({ mechanism, nonce: 'server', find: name => users.get(name), decoySalt: () => Buffer.alloc(16) })
}

test('both sides agree, with names that must be written otherwise', async () => {
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    for (const username of ['alice', 'a=b,c', '名前']) {
      const users = new Map([[username, await credential(mechanism, 'pass wörd')]])
      const [one, two] = [new ScramClient({ mechanism, username, password: 'pass wörd', nonce: 'client' }), server(mechanism, users)]
      const final = await one.final(two.first(one.first()))
      one.verify(two.final(final))
      assert.equal(two.username, username)
      assert.equal(await isPassword(mechanism, await credential(mechanism, 'pass wörd'), 'pass wörd'), true)
      assert.equal(await isPassword(mechanism, await credential(mechanism, 'pass wörd'), 'password'), false)
    }
  }
})

test('a wrong password and an unknown user are told alike, at the end', async () => {
  const users = new Map([['alice', await credential('SCRAM-SHA-256', 'right')]])
  for (const username of ['alice', 'nobody']) {
    const [one, two] = [new ScramClient({ mechanism: 'SCRAM-SHA-256', username, password: 'wrong', nonce: 'client' }), server('SCRAM-SHA-256', users)]
    const final = await one.final(two.first(one.first()))
    assert.throws(() => two.final(final), { code: 'AUTHENTICATION_FAILED', message: 'wrong user or password' })
  }
})

test('nobody acts for another, no exchange is spliced, and a server cannot ask for too much or too little work', async () => {
  const users = new Map([['alice', await credential('SCRAM-SHA-256', 'right')]])
  assert.throws(() => server('SCRAM-SHA-256', users).first('n,a=bob,n=alice,r=x'), /authorization id/)
  assert.throws(() => server('SCRAM-SHA-256', users).first('p=tls-unique,,n=alice,r=x'), /channel binding/)
  assert.throws(() => server('SCRAM-SHA-256', users).first('garbage'), { code: 'AUTHENTICATION_FAILED' })
  const two = server('SCRAM-SHA-256', users)
  two.first('n,,n=alice,r=x')
  assert.throws(() => two.final('c=biws,r=other,p=AAAA'), /does not follow/)
  const one = new ScramClient({ mechanism: 'SCRAM-SHA-256', username: 'alice', password: 'right', nonce: 'client' })
  for (const first of ['r=other,s=AAAA,i=4096', 'r=client,s=AAAA,i=4096', 'r=clientx,s=AAAA,i=1', 'r=clientx,s=AAAA,i=99999999']) {
    await assert.rejects(one.final(first), { code: 'AUTHENTICATION_FAILED' })
  }
})
