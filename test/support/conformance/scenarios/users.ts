/** Users and their credentials, and log-ins where nobody need log in. */
import { saslHandshake } from '../../../../src/wire/apis/17-sasl-handshake.ts'
import { saslAuthenticate } from '../../../../src/wire/apis/36-sasl-authenticate.ts'
import { describeUserScramCredentials } from '../../../../src/wire/apis/50-describe-user-scram-credentials.ts'
import { alterUserScramCredentials } from '../../../../src/wire/apis/51-alter-user-scram-credentials.ts'
import type { RequestInput } from '../../../../src/wire/schema.ts'
import { ask } from '../step.ts'
import type { Scenario, Step } from '../step.ts'

type Upsertion = RequestInput<typeof alterUserScramCredentials>['upsertions'][number]
const credential = (name: string, more: Partial<Upsertion> = {}): Upsertion => ({ name, mechanism: 1, iterations: 8192, salt: Buffer.from('salt'), saltedPassword: Buffer.alloc(32, 7), ...more })
const alter = (name: string, upsertions: Upsertion[], deletions: { name: string; mechanism: number }[] = []): Step => ask(name, alterUserScramCredentials, { deletions, upsertions })

export const users: Scenario = {
  name: 'users', rungs: 1, steps: [
    ask('none', describeUserScramCredentials, { users: null }), ask('a stranger', describeUserScramCredentials, { users: [{ name: 'stranger' }] }), ask('twice', describeUserScramCredentials, { users: [{ name: 'stranger' }, { name: 'stranger' }] }),
    alter('add', [credential('ann'), credential('ann', { mechanism: 2, saltedPassword: Buffer.alloc(64, 7) })]), alter('add another', [credential('bob')]),
    alter('few iterations', [credential('cy', { iterations: 100 })]), alter('many iterations', [credential('cy', { iterations: 100_000_000 })]), alter('a strange mechanism', [credential('cy', { mechanism: 9 })]), alter('no name', [credential('')]),
    alter('twice', [credential('dan'), credential('dan')]), alter('delete what is not there', [], [{ name: 'nobody', mechanism: 1 }]),
    ask('all', describeUserScramCredentials, { users: null }), ask('one', describeUserScramCredentials, { users: [{ name: 'ann' }] }),
    alter('delete', [], [{ name: 'ann', mechanism: 2 }]), ask('one after', describeUserScramCredentials, { users: [{ name: 'ann' }] }), alter('delete the rest', [], [{ name: 'ann', mechanism: 1 }, { name: 'bob', mechanism: 1 }]),
    ask('none any more', describeUserScramCredentials, { users: null }),
  ],
}

export const logIns: Scenario = {
  name: 'log-ins where nobody need log in', rungs: 3, steps: [
    ask('shake hands', saslHandshake, { mechanism: 'PLAIN' }), ask('log in', saslAuthenticate, { authBytes: Buffer.from('\0a\0b') }),
  ],
}
