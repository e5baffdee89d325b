/** What the main thread and a worker thread say to each other. Plain data only: everything is a structured clone. */
import { ERROR_CODES, messageOf, MillraceError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { LogFields } from '../base/logger.ts'
import type { PlainSecurity } from '../client/security.ts'
import type { GroupIdentity, OffsetEntry } from '../client/types.ts'
import type { ShardId } from './assignor.ts'
import type { WorkerTask } from './worker.ts'

/** What a worker thread is started with. */
export interface ThreadStart {
  /** URL of the module whose default export is the app. */
  readonly module: string
  readonly bootstrap: string
  readonly security: PlainSecurity
  readonly number: number
  readonly tasks: readonly WorkerTask[]
}

export type ToThread =
  | { readonly kind: 'assign'; readonly task: string; readonly shards: readonly ShardId[]; readonly identity: GroupIdentity }
  | { readonly kind: 'identity'; readonly task: string; readonly identity: GroupIdentity }
  | { readonly kind: 'leaving'; readonly task: string }
  | { readonly kind: 'call'; readonly id: number; readonly call: ThreadCall }
  /** Answer to `commitOffsets`. */
  | { readonly kind: 'committed'; readonly id: number; readonly error: PlainError | undefined }
  | { readonly kind: 'token'; readonly id: number; readonly token: string; readonly error: PlainError | undefined }

export type ThreadCall =
  | { readonly kind: 'revoke' | 'lost'; readonly task: string; readonly shards: readonly ShardId[] }
  | { readonly kind: 'report' }
  | { readonly kind: 'close' }

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown; readonly error: PlainError | undefined }
  | { readonly kind: 'failed'; readonly task: string; readonly error: PlainError }
  | { readonly kind: 'commitOffsets'; readonly id: number; readonly task: string; readonly offsets: readonly OffsetEntry[]; readonly identity: GroupIdentity }
  | { readonly kind: 'token'; readonly id: number }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string; readonly fields: LogFields }

export interface PlainError {
  readonly code: string
  readonly message: string
  readonly retriable: boolean
  readonly detail: Readonly<Record<string, unknown>>
  readonly stack: string | undefined
}

export function plainError(error: unknown): PlainError {
  const known = error instanceof MillraceError ? error : undefined
  return {
    code: known?.code ?? 'INTERNAL', message: messageOf(error), retriable: known?.retriable ?? false,
    // A detail that cannot be cloned would lose the whole message.
    detail: known === undefined ? {} : Object.fromEntries(Object.entries(known.detail).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))),
    stack: error instanceof Error ? error.stack : undefined,
  }
}

export function errorOfPlain(plain: PlainError): MillraceError {
  const code = Object.keys(ERROR_CODES).find((known): known is ErrorCode => known === plain.code) ?? 'INTERNAL'
  const error = new MillraceError(code, plain.message, { retriable: plain.retriable, detail: plain.detail })
  if (plain.stack !== undefined) error.stack = plain.stack
  return error
}
