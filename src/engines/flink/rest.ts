/**
 * Flink's REST interface and SQL Gateway, as far as a job's life needs them.
 *
 * https://nightlies.apache.org/flink/flink-docs-release-2.0/docs/ops/rest_api/ and …/docs/dev/table/sql-gateway/rest/
 */
import { basename } from 'node:path'
import { MillraceError } from '../../base/errors.ts'
import { at, type Json, listAt, numberAt, requestJson, textAt } from '../http-json.ts'
import { causeOf } from '../java-trace.ts'
import { placeInFile, type Statement } from '../sql-script.ts'

/** A job's own states, and `MISSING`: this cluster knows no such job. */
export type FlinkState = 'INITIALIZING' | 'CREATED' | 'RUNNING' | 'FAILING' | 'FAILED' | 'CANCELLING' | 'CANCELED' | 'FINISHED' | 'RESTARTING' | 'SUSPENDED' | 'RECONCILING' | 'MISSING'

export interface Checkpoints {
  readonly failed: number
  /** `path`: where it lies; of one that is on no disk `undefined`. */
  readonly completed: { readonly at: number; readonly ms: number; readonly bytes: number; readonly path: string | undefined } | undefined
}

/** Answers of an operation that runs on: asked again each so often. */
const POLL_MS = 200
const OPERATION_MS_MAX = 120_000

export class FlinkRest {
  readonly url: string
  readonly #sleep: (ms: number) => Promise<void>

  constructor(url: string, sleep: (ms: number) => Promise<void>) {
    this.url = url.replace(/\/$/, '')
    this.#sleep = sleep
  }

  async slots(): Promise<{ readonly taskManagers: number; readonly slots: number }> {
    const answer = await requestJson('GET', `${this.url}/overview`)
    return { taskManagers: numberAt(answer, 'taskmanagers') ?? 0, slots: numberAt(answer, 'slots-total') ?? 0 }
  }

  async state(jobId: string): Promise<FlinkState> {
    try {
      const answer = await requestJson('GET', `${this.url}/jobs/${jobId}`)
      // Flink's own enumeration, in its own words.
      return (textAt(answer, 'state') ?? 'MISSING') as FlinkState
    } catch (error) {
      if (error instanceof MillraceError && error.detail['status'] === 404) return 'MISSING'
      throw error
    }
  }

  /** Why it failed last, in one line; `undefined` where it has not. */
  async rootException(jobId: string): Promise<string | undefined> {
    const answer = await requestJson('GET', `${this.url}/jobs/${jobId}/exceptions?maxExceptions=1`)
    return causeOf(textAt(answer, 'exceptionHistory', 'entries', 0, 'stacktrace') ?? textAt(answer, 'root-exception'))
  }

  async checkpoints(jobId: string): Promise<Checkpoints> {
    const answer = await requestJson('GET', `${this.url}/jobs/${jobId}/checkpoints`)
    const completedAt = numberAt(answer, 'latest', 'completed', 'latest_ack_timestamp')
    return {
      failed: numberAt(answer, 'counts', 'failed') ?? 0,
      completed: completedAt === undefined ? undefined : { at: completedAt, ms: numberAt(answer, 'latest', 'completed', 'end_to_end_duration') ?? 0, bytes: numberAt(answer, 'latest', 'completed', 'state_size') ?? 0, path: addressOf(textAt(answer, 'latest', 'completed', 'external_path')) },
    }
  }

  async restarts(jobId: string): Promise<number | undefined> {
    const value = textAt(await requestJson('GET', `${this.url}/jobs/${jobId}/metrics?get=numRestarts`), 0, 'value')
    return value === undefined ? undefined : Number(value)
  }

  /** Share of time that the worst vertex is held up, 0 to 1. */
  async backPressure(jobId: string): Promise<number | undefined> {
    const job = await requestJson('GET', `${this.url}/jobs/${jobId}`)
    let worst: number | undefined
    for (const vertex of listAt(job, 'vertices')) {
      const id = textAt(vertex, 'id')
      if (id === undefined) continue
      const answer = await requestJson('GET', `${this.url}/jobs/${jobId}/vertices/${id}/backpressure`)
      for (const subtask of listAt(answer, 'subtasks')) worst = Math.max(worst ?? 0, numberAt(subtask, 'ratio') ?? 0)
    }
    return worst
  }

  /** The id it is kept by on the cluster. */
  async upload(path: string, bytes: Buffer): Promise<string> {
    const form = new FormData()
    form.append('jarfile', new Blob([new Uint8Array(bytes)], { type: 'application/x-java-archive' }), basename(path))
    const answer = await requestJson('POST', `${this.url}/jars/upload`, form, OPERATION_MS_MAX)
    const file = textAt(answer, 'filename')
    if (file === undefined) throw new MillraceError('ENGINE_FAILED', `${this.url} took ${path} and named no file for it: ${JSON.stringify(answer)}`)
    return basename(file)
  }

  async run(jarId: string, options: { readonly jobId: string; readonly entryClass: string | undefined; readonly args: readonly string[]; readonly parallelism: number; readonly from: string | undefined; readonly config: Readonly<Record<string, string>> }): Promise<void> {
    await requestJson('POST', `${this.url}/jars/${jarId}/run`, {
      jobId: options.jobId, programArgsList: options.args, parallelism: options.parallelism, flinkConfiguration: options.config,
      ...options.entryClass === undefined ? {} : { entryClass: options.entryClass },
      ...options.from === undefined ? {} : { savepointPath: options.from, allowNonRestoredState: false },
    }, OPERATION_MS_MAX)
  }

  /** Stops with a savepoint; resolves with where it is. Without a directory the cluster's own setting says where. */
  async stop(jobId: string, targetDirectory: string | undefined): Promise<string> {
    const trigger = textAt(await requestJson('POST', `${this.url}/jobs/${jobId}/stop`, { ...targetDirectory === undefined ? {} : { targetDirectory }, drain: false }), 'request-id')
    for (let waitedMs = 0; waitedMs < OPERATION_MS_MAX; waitedMs += POLL_MS) {
      const answer = await requestJson('GET', `${this.url}/jobs/${jobId}/savepoints/${trigger ?? ''}`)
      const location = textAt(answer, 'operation', 'location')
      if (location !== undefined) return location
      const failure = at(answer, 'operation', 'failure-cause')
      if (failure !== undefined) throw new MillraceError('ENGINE_FAILED', `no savepoint could be made: ${causeOf(textAt(failure, 'stack-trace')) ?? JSON.stringify(failure)}`)
      await this.#sleep(POLL_MS)
    }
    throw new MillraceError('TIMEOUT', `the savepoint of job ${jobId} was not made within ${OPERATION_MS_MAX / 1000} s`)
  }

  async cancel(jobId: string): Promise<void> {
    await requestJson('PATCH', `${this.url}/jobs/${jobId}?mode=cancel`)
  }
}

/** Flink says `<checkpoint-not-externally-addressable>` of one in its memory. */
function addressOf(path: string | undefined): string | undefined {
  return path === undefined || path.startsWith('<') ? undefined : path
}

/** A session of the SQL Gateway: runs the statements of a script in order. */
export class SqlGateway {
  readonly #url: string
  readonly #sleep: (ms: number) => Promise<void>

  constructor(url: string, sleep: (ms: number) => Promise<void>) {
    this.#url = url.replace(/\/$/, '')
    this.#sleep = sleep
  }

  async answers(): Promise<boolean> {
    return textAt(await requestJson('GET', `${this.#url}/v1/info`), 'productName') !== undefined
  }

  /** Throws `CONFIG_INVALID` with `<file>:<line>:<column>` for a statement that Flink refuses. */
  async run(file: string, statements: readonly Statement[], properties: Readonly<Record<string, string>>): Promise<void> {
    const session = textAt(await requestJson('POST', `${this.#url}/v1/sessions`, { properties }), 'sessionHandle')
    if (session === undefined) throw new MillraceError('ENGINE_FAILED', `${this.#url} opened no session`)
    const at = `${this.#url}/v1/sessions/${session}`
    try {
      for (const statement of statements) {
        const operation = textAt(await requestJson('POST', `${at}/statements`, { statement: statement.text }), 'operationHandle')
        await this.#finished(`${at}/operations/${operation ?? ''}`, file, statement)
      }
    } finally {
      await requestJson('DELETE', at).catch(() => { /* it ends by itself when it has been idle */ })
    }
  }

  async #finished(operation: string, file: string, statement: Statement): Promise<void> {
    for (let waitedMs = 0; waitedMs < OPERATION_MS_MAX; waitedMs += POLL_MS) {
      const status = textAt(await requestJson('GET', `${operation}/status`), 'status')
      if (status === 'FINISHED') return
      if (status === 'ERROR' || status === 'CANCELED' || status === 'TIMEOUT') throw refusal(file, statement, await errorOf(operation))
      await this.#sleep(POLL_MS)
    }
    throw new MillraceError('TIMEOUT', `${file}:${statement.line}: the SQL Gateway did not finish it within ${OPERATION_MS_MAX / 1000} s`, { retriable: true })
  }
}

/** The gateway keeps an operation's error in the answer to the question for its result. */
async function errorOf(operation: string): Promise<string> {
  try {
    return JSON.stringify(await requestJson('GET', `${operation}/result/0`))
  } catch (error) {
    if (!(error instanceof MillraceError) || typeof error.detail['body'] !== 'string') throw error
    const { body } = error.detail
    let parsed: Json
    try {
      parsed = JSON.parse(body) as Json // What JSON.parse gives is a Json.
    } catch {
      return body
    }
    return listAt(parsed, 'errors').filter(each => typeof each === 'string').join('\n')
  }
}

/** In the file's own lines and columns where Flink's parser gives some. */
export function refusal(file: string, statement: Statement, error: string): MillraceError {
  const place = /(?:at|[Ff]rom) line (\d+), column (\d+)/.exec(error)
  const { line, column } = place === null ? statement : placeInFile(statement, Number(place[1]), Number(place[2]))
  return new MillraceError('CONFIG_INVALID', `${file}:${line}:${column}: Flink refuses this statement: ${causeOf(error) ?? 'it gives no reason'}\n  ${statement.text.split('\n')[place === null ? 0 : Number(place[1]) - 1]?.trim() ?? ''}`, { detail: { file, line, column } })
}
