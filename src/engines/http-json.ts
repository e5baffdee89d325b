/** Requests to an engine's own REST interface: JSON in and out, bounded in time, with errors that say who answered what. */
import { MillraceError, messageOf } from '../base/errors.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

const TIMEOUT_MS = 10_000

/** Rejects with `CONNECTION_FAILED` (retriable) where nobody answers, and with `ENGINE_FAILED` where the answer is an error: `detail.status` and `detail.body`. */
export async function requestJson(method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH', url: string, body?: Json | FormData, timeoutMs = TIMEOUT_MS): Promise<Json> {
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      method, signal: AbortSignal.timeout(timeoutMs),
      ...body === undefined ? {} : body instanceof FormData ? { body } : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
    })
    text = await response.text()
  } catch (error) {
    throw new MillraceError('CONNECTION_FAILED', `${method} ${url}: ${reasonOf(error)}`, { retriable: true, cause: error })
  }
  if (!response.ok) throw new MillraceError('ENGINE_FAILED', `${method} ${url} was answered with ${response.status}: ${text.slice(0, 400)}`, { retriable: response.status >= 500, detail: { status: response.status, body: text } })
  if (text === '') return null
  try {
    return JSON.parse(text) as Json // What JSON.parse gives is a Json.
  } catch {
    throw new MillraceError('ENGINE_FAILED', `${method} ${url} was answered with something that is no JSON: ${text.slice(0, 200)}. Is it the right address?`)
  }
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error)
}

/** `value.a.b[0]` where it is there. */
export function at(value: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  let here = value
  for (const step of path) {
    if (typeof step === 'number') here = Array.isArray(here) ? here[step] : undefined
    else here = isObject(here) ? here[step] : undefined
  }
  return here
}

export function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function listAt(value: Json | undefined, ...path: readonly (string | number)[]): readonly Json[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

export function textAt(value: Json | undefined, ...path: readonly (string | number)[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : undefined
}

export function numberAt(value: Json | undefined, ...path: readonly (string | number)[]): number | undefined {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : undefined
}
