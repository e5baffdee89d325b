/**
 * The one error type that callers may catch.
 *
 * Three kinds of failure exist: `AssertionError` (our bug), `MillraceError` (something outside is wrong: says what,
 * where and what to do next) and errors thrown by user code, which the runtime wraps in a `MillraceError` with code
 * `USER_CODE` and the record's coordinates as `detail`.
 *
 * E1. `code` is stable: tests, exit codes and documentation refer to it.
 * E2. `retriable` says whether the same call may succeed later without anybody changing anything.
 */

/** Every code, with the process exit code it leads to: 1 user code, 2 usage, 3 cannot connect, 4 compatibility, 5 data loss prevented. */
export const ERROR_CODES = {
  USER_CODE: 1,
  INTERNAL: 1,
  FAULT_INJECTED: 1,
  USAGE: 2,
  CONFIG_INVALID: 2,
  TOPOLOGY_INVALID: 2,
  PORT_IN_USE: 2,
  ENGINE_MISSING: 2,
  ENGINE_FAILED: 1,
  SINK_REFUSED: 1,
  SINK_FAILED: 1,
  TIMEOUT: 3,
  CONNECTION_FAILED: 3,
  CONNECTION_CLOSED: 3,
  TLS_FAILED: 3,
  AUTHENTICATION_FAILED: 3,
  BROKER_ERROR: 3,
  GROUP_ERROR: 3,
  FENCED: 3,
  DOWNLOAD_FAILED: 3,
  TXN_ABORTABLE: 3,
  VERSION_UNSUPPORTED: 4,
  TOPIC_MISMATCH: 4,
  DATA_DIR_VERSION: 4,
  SERDE_FAILED: 4,
  FRAME_MALFORMED: 4,
  DOWNLOAD_DAMAGED: 4,
  BATCH_CORRUPT: 5,
  LOG_CORRUPT: 5,
  DATA_DIR_LOCKED: 5,
  DISK_FULL: 5,
  DISK_FAILED: 5,
  STORE_CORRUPT: 5,
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface MillraceErrorOptions {
  readonly retriable?: boolean | undefined
  readonly cause?: unknown
  /** Coordinates and values that a program may want: topic, partition, offset, key, Kafka's error code … */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
}

export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: ErrorCode
  readonly retriable: boolean
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retriable = options.retriable ?? false
    this.detail = options.detail ?? {}
  }
}

/** The exit code a process ends with because of `error`: 1 where the error is not one of ours. */
export function exitCodeOf(error: unknown): number {
  return error instanceof MillraceError ? ERROR_CODES[error.code] : 1
}

/** `Error.message` of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
