/**
 * Structured log lines: one JSON object a line, or a short readable line on a terminal.
 *
 * L1. Payloads (keys, values, headers) are never logged above `debug`.
 * L2. Control characters of whatever came from the network are escaped, so that a client id cannot write to a terminal.
 */
export const LOG_LEVELS = { debug: 10, info: 20, warn: 30, error: 40, silent: 99 } as const
export type LogLevel = keyof typeof LOG_LEVELS

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same logger with `fields` on every line. */
  child(fields: LogFields): Logger
}

export interface LoggerOptions {
  readonly level?: LogLevel | undefined
  /** Receives each finished line, without its line end. */
  readonly write: (line: string) => void
  /** Wall clock in epoch milliseconds. */
  readonly now: () => number
  readonly json?: boolean | undefined
}

export function createLogger(options: LoggerOptions, fields: LogFields = {}): Logger {
  const levelMin = LOG_LEVELS[options.level ?? 'info']
  const log = (level: LogLevel, message: string, more: LogFields = {}): void => {
    if (LOG_LEVELS[level] < levelMin) return
    const all = { ...fields, ...more }
    options.write(options.json === true
      ? JSON.stringify({ time: options.now(), level, message, ...all })
      : readableLine(options.now(), level, message, all))
  }
  return {
    debug: (message, more) => log('debug', message, more),
    info: (message, more) => log('info', message, more),
    warn: (message, more) => log('warn', message, more),
    error: (message, more) => log('error', message, more),
    child: more => createLogger(options, { ...fields, ...more }),
  }
}

export const silentLogger: Logger = createLogger({ level: 'silent', write: () => {}, now: () => 0 })

/** Escapes control characters, so that text from a peer cannot move a cursor or forge a line. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this function is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function readableLine(now: number, level: LogLevel, message: string, fields: LogFields): string {
  const time = new Date(now).toISOString().slice(11, 23)
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${printable(typeof value === 'string' ? value : JSON.stringify(value) ?? 'undefined')}`).join('')
  return `${time} ${level.padEnd(5)} ${printable(message)}${rest}`
}
