/**
 * Asks the status server of a running `millrace start`, or of the demo: what goes on in the app, and to do something about a job of it.
 *
 * SC1. An answer may take as long as an engine needs to stop and start: nothing here ends it but Ctrl-C.
 * SC2. An error that the server names keeps its code, and with it the exit code.
 */
import { request } from 'node:http'
import { ERROR_CODES, type ErrorCode, MillraceError, messageOf } from '../base/errors.ts'
import type { JobStatus } from '../engines/engine.ts'
import { TOKEN_HEADER } from '../http/guard.ts'
import type { JobRequest } from '../http/job-request.ts'
import type { Live } from '../http/server.ts'
import { type OptionSpec, usage } from './command.ts'

export const STATUS_DEFAULT = 'http://localhost:9600'
export const STATUS_OPTION: OptionSpec = { type: 'string', value: 'URL', describe: `the status page of the running app; default ${STATUS_DEFAULT}` }

// The table's own keys.
const CODES = Object.keys(ERROR_CODES) as ErrorCode[]

export class StatusClient {
  readonly url: string
  readonly #signal: AbortSignal

  /** Throws `USAGE` where `url` is none. */
  constructor(url: string, signal: AbortSignal) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined
    if (parsed?.protocol !== 'http:') throw usage(`--status takes the address of a status page, as in ${STATUS_DEFAULT}, not '${url}'.`)
    this.url = parsed.origin
    this.#signal = signal
  }

  /** Rejects with `CONNECTION_FAILED` where no status server of ours answers. */
  async live(): Promise<Live> {
    const answer = fieldsOf(await this.#ask('GET', '/api/status'))
    if (!answer.has('status') || !answer.has('processes')) throw this.#isNoneOfOurs()
    // The server's own format, of this same version: it has no other reader than the page and this.
    return Object.fromEntries(answer) as unknown as Live
  }

  /** Resolves when it is done, with what the job is then. */
  async control({ name, action }: JobRequest): Promise<JobStatus> {
    const token = fieldsOf(await this.#ask('GET', '/api/token')).get('token')
    if (typeof token !== 'string') throw this.#isNoneOfOurs()
    const body = { name, action: action.kind, ...action.kind === 'scale' ? { instances: action.instances } : {} }
    const job = fieldsOf(await this.#ask('POST', '/api/job', { token, body: JSON.stringify(body) })).get('job')
    if (typeof job !== 'object' || job === null) throw this.#isNoneOfOurs()
    return job as JobStatus // As the server made it.
  }

  async #ask(method: 'GET' | 'POST', path: string, sent?: { readonly token: string, readonly body: string }): Promise<unknown> {
    const { status, text } = await this.#send(method, path, sent)
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      throw this.#isNoneOfOurs()
    }
    if (status === 200) return body
    const [error, named] = [fieldsOf(body).get('error'), fieldsOf(body).get('code')]
    throw new MillraceError(CODES.find(code => code === named) ?? 'INTERNAL', typeof error === 'string' ? error : `${this.url}${path} answered with ${status}.`)
  }

  #send(method: string, path: string, sent: { readonly token: string, readonly body: string } | undefined): Promise<{ readonly status: number, readonly text: string }> {
    return new Promise((resolve, reject) => {
      const headers = sent === undefined ? {} : { 'content-type': 'application/json', [TOKEN_HEADER]: sent.token }
      const asked = request(`${this.url}${path}`, { method, headers, signal: this.#signal }, answer => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => { text += chunk })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
        answer.on('error', error => reject(this.#isGone(error)))
      })
      asked.on('error', error => reject(this.#isGone(error)))
      asked.end(sent?.body)
    })
  }

  #isGone(error: Error): MillraceError {
    if (this.#signal.aborted) return new MillraceError('TIMEOUT', 'Interrupted. What was asked of the job goes on in the app that runs it.')
    const reason = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : error.message
    return new MillraceError('CONNECTION_FAILED', `No app answers at ${this.url} (${reason}). A running 'millrace start' says its address behind '➜ Status': name it with --status URL.`, { cause: error })
  }

  #isNoneOfOurs(): MillraceError {
    return new MillraceError('CONNECTION_FAILED', `${this.url} answers, but it is no status page of Millrace. A running 'millrace start' says its address behind '➜ Status': name it with --status URL.`)
  }
}

function fieldsOf(body: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof body === 'object' && body !== null ? Object.entries(body) : [])
}
