/** The main thread's side of a worker that runs in a thread: the same handle as an inline worker, over messages. */
import { assert, unreachable } from '../base/assert.ts'
import { MillraceError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { GroupIdentity } from '../client/types.ts'
import { startThread } from '../env/real/threads.ts'
import type { Thread } from '../env/real/threads.ts'
import type { ShardId } from './assignor.ts'
import type { TaskSnapshot } from './snapshot.ts'
import { errorOfPlain, plainError } from './worker-messages.ts'
import type { FromThread, ThreadCall, ThreadStart, ToThread } from './worker-messages.ts'
import type { WorkerEvents, WorkerHandle } from './worker.ts'

interface Call {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

export interface ThreadHost {
  readonly events: WorkerEvents
  readonly logger: Logger
  /** A token for a log-in of the thread's: the function that gives one cannot go there. */
  readonly token: () => Promise<string>
}

export class ThreadedWorker implements WorkerHandle {
  readonly #thread: Thread
  readonly #events: WorkerEvents
  readonly #logger: Logger
  readonly #calls = new Map<number, Call>()
  readonly #token: () => Promise<string>
  #callNumber = 0
  #ready: Call | undefined

  private constructor(thread: Thread, events: WorkerEvents, logger: Logger, token: () => Promise<string>) {
    this.#token = token
    this.#thread = thread
    this.#events = events
    this.#logger = logger
  }

  /** Resolves when the thread has loaded the app, connected and is ready for shards. */
  static async start(start: ThreadStart, { events, logger, token }: ThreadHost): Promise<ThreadedWorker> {
    const thread = startThread(new URL('./worker-thread.js', import.meta.url), start)
    const worker = new ThreadedWorker(thread, events, logger, token)
    const ready = new Promise<unknown>((resolve, reject) => { worker.#ready = { resolve, reject } })
    thread.onMessage(message => worker.#receive(message as FromThread)) // Only worker-thread.ts writes to this port.
    thread.ended.then(
      () => worker.#ended(new MillraceError('INTERNAL', `Worker thread ${start.number} has ended.`)),
      (error: unknown) => {
        worker.#ended(error)
        for (const { task } of start.tasks) events.failed(task, error)
      })
    await ready
    return worker
  }

  assign(task: string, shards: readonly ShardId[], identity: GroupIdentity): void {
    this.#post({ kind: 'assign', task, shards, identity })
  }

  setIdentity(task: string, identity: GroupIdentity): void {
    this.#post({ kind: 'identity', task, identity })
  }

  leaving(task: string): void {
    this.#post({ kind: 'leaving', task })
  }

  async revoke(task: string, shards: readonly ShardId[]): Promise<void> {
    await this.#call({ kind: 'revoke', task, shards })
  }

  async lost(task: string, shards: readonly ShardId[]): Promise<void> {
    await this.#call({ kind: 'lost', task, shards })
  }

  async report(): Promise<readonly TaskSnapshot[]> {
    return await this.#call({ kind: 'report' }) as readonly TaskSnapshot[] // What Worker.report gave, cloned.
  }

  async close(): Promise<void> {
    await this.#call({ kind: 'close' })
    await this.#thread.ended
  }

  #post(message: ToThread): void {
    this.#thread.post(message)
  }

  #call(call: ThreadCall): Promise<unknown> {
    const id = ++this.#callNumber
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.#post({ kind: 'call', id, call })
    })
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'ready': return this.#ready?.resolve(undefined)
      case 'answer': {
        const call = this.#calls.get(message.id)
        assert(call !== undefined, 'an answer to a call that was not made')
        this.#calls.delete(message.id)
        return message.error === undefined ? call.resolve(message.value) : call.reject(errorOfPlain(message.error))
      }
      case 'failed': return this.#events.failed(message.task, errorOfPlain(message.error))
      case 'log': return this.#logger[message.level](message.message, message.fields)
      case 'commitOffsets':
        this.#events.commitOffsets(message.task, message.offsets, message.identity).then(
          () => this.#post({ kind: 'committed', id: message.id, error: undefined }),
          (error: unknown) => this.#post({ kind: 'committed', id: message.id, error: plainError(error) }))
        return
      case 'token':
        this.#token().then(
          token => this.#post({ kind: 'token', id: message.id, token, error: undefined }),
          (error: unknown) => this.#post({ kind: 'token', id: message.id, token: '', error: plainError(error) }))
        return
      default: return unreachable(message)
    }
  }

  #ended(error: unknown): void {
    this.#ready?.reject(error)
    for (const call of this.#calls.values()) call.reject(error)
    this.#calls.clear()
  }
}
