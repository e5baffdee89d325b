/** What can be asked of a task on another engine while the app runs: `POST /api/job` of the status server, and `millrace job`. */
import { MillraceError } from '../base/errors.ts'

export type JobAction =
  | { readonly kind: 'start' | 'stop' | 'restart' }
  /** `instances`: what the engine counts in: processes, parallelism (Flink, Storm, Samza) or cores (Spark). */
  | { readonly kind: 'scale'; readonly instances: number }

export interface JobRequest {
  readonly name: string
  readonly action: JobAction
}

/** A slip of the keyboard starts no thousand processes. */
export const INSTANCES_MAX = 128
const FORM = `POST { "name": "…", "action": "start" | "stop" | "restart" }, or { "name": "…", "action": "scale", "instances": 1 … ${INSTANCES_MAX} }`

/** Throws `USAGE` where `body` asks for something else. */
export function parseJobRequest(body: unknown): JobRequest {
  const fields = new Map<string, unknown>(typeof body === 'object' && body !== null ? Object.entries(body) : [])
  const [name, action, instances] = [fields.get('name'), fields.get('action'), fields.get('instances')]
  if (typeof name !== 'string') throw refused()
  if (action === 'start' || action === 'stop' || action === 'restart') return { name, action: { kind: action } }
  if (action !== 'scale' || typeof instances !== 'number' || !Number.isInteger(instances) || instances < 1 || instances > INSTANCES_MAX) throw refused()
  return { name, action: { kind: 'scale', instances } }
}

function refused(): MillraceError {
  return new MillraceError('USAGE', FORM)
}
