/**
 * Kafka Connect's REST interface, as far as a job's life needs it: https://kafka.apache.org/41/documentation.html#connect_rest
 *
 * CR1. Any worker answers for all: who does not answer is passed over. Only when none does is that an error (retriable).
 * CR2. While workers share out their work anew, Connect refuses with 409: that is retriable too.
 */
import { MillraceError } from '../../base/errors.ts'
import { isObject, type Json, listAt, requestJson, textAt } from '../http-json.ts'
import { causeOf } from '../java-trace.ts'

/** Connect's own words; `MISSING`: it has not been heard of yet. */
export type ConnectState = 'RUNNING' | 'FAILED' | 'PAUSED' | 'STOPPED' | 'UNASSIGNED' | 'RESTARTING' | 'DESTROYED' | 'MISSING'

export interface ConnectorStatus {
  readonly state: ConnectState
  readonly tasks: readonly ConnectState[]
  /** Why the connector or one of its tasks failed; `undefined` where none has. */
  readonly failure: string | undefined
}

export class ConnectRest {
  readonly #urls: () => readonly string[]

  /** `urls`: of the workers that there are now. */
  constructor(urls: () => readonly string[]) {
    this.#urls = urls
  }

  async names(): Promise<readonly string[]> {
    return listAt(await this.#ask('GET', '/connectors')).filter(name => typeof name === 'string')
  }

  /** Makes a connector, or changes it. Rejects with `CONFIG_INVALID` where Connect does not take it. */
  async put(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    try {
      await this.#ask('PUT', `/connectors/${encodeURIComponent(name)}/config`, config)
    } catch (error) {
      const body = error instanceof MillraceError && !error.retriable && error.code === 'ENGINE_FAILED' ? error.detail['body'] : undefined
      if (typeof body !== 'string') throw error
      throw new MillraceError('CONFIG_INVALID', `Kafka Connect does not take connector '${name}': ${messageIn(body)}`, { cause: error })
    }
  }

  async delete(name: string): Promise<void> {
    await this.#ask('DELETE', `/connectors/${encodeURIComponent(name)}`)
  }

  async status(): Promise<ReadonlyMap<string, ConnectorStatus>> {
    const answer = await this.#ask('GET', '/connectors?expand=status')
    return new Map(Object.entries(isObject(answer) ? answer : {}).map(([name, each]) => [name, statusIn(each)]))
  }

  /** CR1, CR2. */
  async #ask(method: 'GET' | 'PUT' | 'DELETE', path: string, body?: Json): Promise<Json> {
    let silent: unknown
    for (const url of this.#urls()) {
      try {
        return await requestJson(method, `${url}${path}`, body)
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        if (error.detail['status'] === 409) throw new MillraceError('ENGINE_FAILED', error.message, { retriable: true, cause: error })
        if (error.code !== 'CONNECTION_FAILED') throw error
        silent = error
      }
    }
    throw silent ?? new MillraceError('CONNECTION_FAILED', 'No worker of Kafka Connect runs.', { retriable: true })
  }
}

function statusIn(answer: Json): ConnectorStatus {
  const tasks = listAt(answer, 'status', 'tasks')
  const failed = [...tasks, isObject(answer) && isObject(answer['status']) ? answer['status']['connector'] : undefined].find(each => textAt(each, 'state') === 'FAILED')
  return {
    state: stateIn(textAt(answer, 'status', 'connector', 'state')), tasks: tasks.map(task => stateIn(textAt(task, 'state'))),
    failure: failed === undefined ? undefined : causeOf(textAt(failed, 'trace')) ?? 'Connect gives no reason',
  }
}

function stateIn(text: string | undefined): ConnectState {
  return (text ?? 'MISSING') as ConnectState // Connect's own enumeration, in its own words.
}

/** Connect's refusals are `{ error_code, message }`. */
function messageIn(body: string): string {
  try {
    const message = textAt(JSON.parse(body) as Json, 'message') ?? body // What JSON.parse gives is a Json.
    // Of each connector that there is, its class is enough.
    return message.replaceAll(/PluginDesc\{klass=class ([\w.$]+),[^}]*\}/g, '$1').replaceAll(/\s*\n\s*/g, ' ')
  } catch {
    return body
  }
}
