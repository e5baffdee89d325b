/**
 * What a user sees when a task fails on a record, and what a dead-lettered record carries.
 *
 * F1. The frame names task, topic, partition, offset, key and the line of the user's code; the value is not shown (payloads stay out of logs).
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import { printable } from '../base/logger.ts'
import type { Header } from '../topology/node.ts'
import { coordinatesOf } from './source.ts'
import type { BadRecord } from './source.ts'

const KEY_CHARACTERS_MAX = 80

/** The error a task ends with. `detail` has the same coordinates as data. */
export function taskFailure(task: string, record: BadRecord): MillraceError {
  const site = userSite(record.error)
  const what = record.stage === 'decode' ? 'could not read a record' : record.stage === 'time' ? 'could not tell the time of a record' : 'failed on a record'
  const key = keyText(record.key)
  const lines = [
    `Task "${task}" ${what}${site === undefined ? '' : `  ${site}`}`,
    `  problem  ${messageOf(record.error)}`,
    `  record   ${coordinatesOf(record)}   key ${key}   written ${new Date(record.timestamp).toISOString()}`,
    '  policy   fail (the default): nothing was committed after the record before it',
    '  next     mend the code and start again, or declare onError: { skip: true } or { deadLetter: topic } on the task',
  ]
  return new MillraceError(record.stage === 'decode' ? 'SERDE_FAILED' : 'USER_CODE', lines.join('\n'), {
    cause: record.error,
    detail: { task, topic: record.topic, partition: record.partition, offset: record.offset, key, stage: record.stage, site },
  })
}

/** A failure outside any record: a timer, a closing window, a flush. */
export function taskFailureOutsideRecord(task: string, error: unknown): MillraceError {
  if (error instanceof MillraceError && error.code !== 'USER_CODE') return error
  const site = userSite(error)
  return new MillraceError('USER_CODE', `Task "${task}" failed in a timer or a closing window${site === undefined ? '' : `  ${site}`}\n  problem  ${messageOf(error)}`, { cause: error, detail: { task, site } })
}

/** Headers of a dead-lettered record: its own, then where it came from and why it is there. */
export function deadLetterHeaders(task: string, record: BadRecord): Header[] {
  const text = (key: string, value: string): Header => ({ key: `millrace.${key}`, value: Buffer.from(value, 'utf8') })
  return [
    ...record.headers(),
    text('task', task), text('topic', record.topic), text('partition', String(record.partition)), text('offset', String(record.offset)),
    text('stage', record.stage), text('error', messageOf(record.error)), ...site(record.error),
  ]
  function site(error: unknown): Header[] {
    const at = userSite(error)
    return at === undefined ? [] : [text('site', at)]
  }
}

/** First line of the stack that is not Millrace's own: `src/job.ts:31:18`. */
export function userSite(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack : undefined
  if (stack === undefined) return undefined
  for (const line of stack.split('\n').slice(1)) {
    const at = /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/.exec(line.trim())?.[1]
    if (at === undefined || /[\\/](runtime|serde|topology|dsl|wire|client|base)[\\/][^:]*\.(js|ts):/.test(at) || at.includes('node:')) continue
    return at.replace('file://', '')
  }
  return undefined
}

function keyText(key: Buffer | null): string {
  if (key === null) return 'null'
  const text = key.toString('utf8')
  return JSON.stringify(printable(text.length > KEY_CHARACTERS_MAX ? `${text.slice(0, KEY_CHARACTERS_MAX)}…` : text))
}
