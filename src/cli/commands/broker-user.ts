/** `millrace broker user …`: the file of those who may log in at a broker. It works on the file alone; a running broker takes changes over Kafka's protocol (`kafka-configs`). */
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { MECHANISMS, Users } from '../../broker/security/users.ts'
import { realEnv } from '../../env/real/env.ts'
import { type Call, defineCommand, usage } from '../command.ts'
import type { OptionSpec } from '../command.ts'

const USERS_OPTION: Readonly<Record<string, OptionSpec>> = {
  users: { type: 'string', value: 'FILE', describe: 'the file; made if it is not there, for its owner alone', default: 'users.json' },
}

function open(call: Call): Users {
  return Users.open(realEnv, resolve(call.text('users') ?? ''))
}

export const brokerUserAdd = defineCommand({
  path: ['broker', 'user', 'add'],
  summary: 'lets a user log in at a broker, or gives them another password',
  positionals: [{ name: 'NAME', describe: 'the user' }],
  options: USERS_OPTION,
  examples: ['millrace broker user add alice --users users.json', 'MILLRACE_PASSWORD=… millrace broker user add alice --users users.json'],
  async run(call) {
    const name = call.required('NAME')
    if (name.includes(':')) throw usage(`'${name}': a user's name has no colon.`)
    const users = open(call)
    const password = process.env['MILLRACE_PASSWORD'] ?? await firstLine(call)
    if (password === '') throw usage('There is no password: it is read from $MILLRACE_PASSWORD or the first line of the input.')
    const isNew = users.of(name) === undefined
    await users.alter(await users.changesFor(name, password))
    call.output.document({ user: name, users: users.path, mechanisms: MECHANISMS })
    call.output.line(`${name} ${isNew ? 'may log in' : 'has a new password'}: ${users.path}   (a broker that runs reads the file when it starts)`)
    return 0
  },
})

export const brokerUserList = defineCommand({
  path: ['broker', 'user', 'ls'],
  summary: 'lists who may log in at a broker',
  positionals: [],
  options: USERS_OPTION,
  examples: ['millrace broker user ls --users users.json'],
  async run(call) {
    const users = open(call)
    const list = users.names().map(name => ({ user: name, mechanisms: [...users.of(name)?.keys() ?? []] }))
    call.output.document({ users: list })
    for (const { user, mechanisms } of list) call.output.line(`${user}   ${mechanisms.join(', ')}`)
    if (list.length === 0) call.output.note(`${users.path} has no user. Add one: millrace broker user add NAME --users ${users.path}`)
    return 0
  },
})

export const brokerUserRemove = defineCommand({
  path: ['broker', 'user', 'rm'],
  summary: 'no longer lets a user log in at a broker',
  positionals: [{ name: 'NAME', describe: 'the user' }],
  options: USERS_OPTION,
  examples: ['millrace broker user rm alice --users users.json'],
  async run(call) {
    const name = call.required('NAME')
    const users = open(call)
    const known = users.of(name)
    if (known === undefined) throw usage(`${users.path} has no user '${name}'. It has: ${users.names().join(', ') || 'none'}.`)
    await users.alter([...known.keys()].map(mechanism => ({ user: name, mechanism, credential: undefined })))
    call.output.document({ removed: name })
    call.output.line(`${name} may no longer log in   (a broker that runs reads the file when it starts)`)
    return 0
  },
})

/** Typed, it is asked for; it shows, so a pipe or the variable is better. */
async function firstLine(call: Call): Promise<string> {
  if (process.stdin.isTTY) call.output.note('Password (it shows as you type):')
  for await (const line of createInterface({ input: process.stdin })) return line
  return ''
}
