/** The module that a worker thread starts with: loads the app by its URL and runs a `Worker` for the main thread. */
import { unreachable } from '../base/assert.ts'
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Logger, LogFields } from '../base/logger.ts'
import { securityOfPlain } from '../client/security.ts'
import { realEnv } from '../env/real/env.ts'
import { mapStacksToSources } from '../env/real/source-maps.ts'
import { currentThread } from '../env/real/threads.ts'
import { build } from '../topology/build.ts'
import type { AppDescription } from '../topology/node.ts'
import { failpointsOfEnvironment } from './failpoints.ts'
import { errorOfPlain, plainError } from './worker-messages.ts'
import type { FromThread, ThreadCall, ThreadStart, ToThread } from './worker-messages.ts'
import { Worker } from './worker.ts'

const thread = currentThread()
const start = thread.data as ThreadStart // Only ThreadedWorker starts this module.
const commits = new Map<number, { readonly resolve: () => void; readonly reject: (error: unknown) => void }>()
let commitNumber = 0

const tokens = new Map<number, { readonly resolve: (token: string) => void; readonly reject: (error: unknown) => void }>()
let tokenNumber = 0

const post = (message: FromThread): void => thread.post(message)

// Set before the worker connects, which may need a token.
thread.onMessage(message => receive(message as ToThread)) // Only ThreadedWorker writes to this port.

const worker = await Worker.start({
  security: securityOfPlain(start.security, () => new Promise((resolve, reject) => {
    const id = ++tokenNumber
    tokens.set(id, { resolve, reject })
    post({ kind: 'token', id })
  })),
  env: realEnv, logger: threadLogger({}), plan: build(await loadApp(start.module)), bootstrap: start.bootstrap, number: start.number, tasks: start.tasks,
  failpoints: failpointsOfEnvironment(realEnv.clock),
  events: {
    failed: (task, error) => post({ kind: 'failed', task, error: plainError(error) }),
    commitOffsets: (task, offsets, identity) => new Promise((resolve, reject) => {
      const id = ++commitNumber
      commits.set(id, { resolve, reject })
      post({ kind: 'commitOffsets', id, task, offsets, identity })
    }),
  },
})
post({ kind: 'ready' })

function receive(message: ToThread): void {
  switch (message.kind) {
    case 'assign': return worker.assign(message.task, message.shards, message.identity)
    case 'identity': return worker.setIdentity(message.task, message.identity)
    case 'leaving': return worker.leaving(message.task)
    case 'committed': {
      const commit = commits.get(message.id)
      commits.delete(message.id)
      return message.error === undefined ? commit?.resolve() : commit?.reject(errorOfPlain(message.error))
    }
    case 'token': {
      const token = tokens.get(message.id)
      tokens.delete(message.id)
      return message.error === undefined ? token?.resolve(message.token) : token?.reject(errorOfPlain(message.error))
    }
    case 'call': {
      const { id, call } = message
      perform(call).then(
        value => post({ kind: 'answer', id, value, error: undefined }),
        (error: unknown) => post({ kind: 'answer', id, value: undefined, error: plainError(error) }),
      ).finally(() => { if (call.kind === 'close') thread.close() })
      return
    }
    default: return unreachable(message)
  }
}

async function perform(call: ThreadCall): Promise<unknown> {
  switch (call.kind) {
    case 'revoke': return await worker.revoke(call.task, call.shards)
    case 'lost': return await worker.lost(call.task, call.shards)
    case 'report': return await worker.report()
    case 'close': return await worker.close()
    default: return unreachable(call)
  }
}

async function loadApp(url: string): Promise<AppDescription> {
  mapStacksToSources()
  const module: unknown = await import(url)
  const app = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  if (typeof app !== 'object' || app === null || !('tasks' in app)) {
    throw new MillraceError('USAGE', `${url} has no app as its default export: worker threads load the app by its module. Write \`export default app(…)\`, or run with threads: 0.`)
  }
  return app as AppDescription // `build` checks what is in it.
}

function threadLogger(fields: LogFields): Logger {
  const log = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, more: LogFields = {}): void => {
    try {
      post({ kind: 'log', level, message, fields: { ...fields, ...more } })
    } catch (error) {
      post({ kind: 'log', level, message, fields: { problem: `fields that cannot be sent: ${messageOf(error)}` } })
    }
  }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'), child: more => threadLogger({ ...fields, ...more }) }
}
