/**
 * What a user sees when a task fails on a record, and what a dead-lettered record carries.
 *
 * F1. The frame names task, topic, partition, offset, key and the line of the user's code, with the lines around it; the value is not shown (payloads stay out of logs).
 */
import { MillraceError, messageOf } from '../base/errors.ts'
import { printable } from '../base/logger.ts'
import { errorCode, kafkaCodeOf } from '../wire/error-codes.ts'
import type { Disk } from '../env/env.ts'
import type { Header } from '../topology/node.ts'
import { codeFrame, siteText, userSite } from './code-frame.ts'
import { coordinatesOf } from './source.ts'
import type { BadRecord } from './source.ts'

const KEY_CHARACTERS_MAX = 80
const WHAT: Readonly<Record<BadRecord['stage'], string>> = { decode: 'could not read a record', time: 'could not tell the time of a record', process: 'failed on a record', deliver: 'made a row that its sink refuses' }
const NEXT: Readonly<Record<BadRecord['stage'], string>> = {
  decode: "mend what writes the topic, or the topic's declaration", time: "mend the topic's `time` and start again", process: 'mend the code and start again',
  deliver: 'mend the row, or what refuses it, and start again',
}

/** The error a task ends with. `detail` has the same coordinates as data. */
export function taskFailure(task: string, record: BadRecord, disk: Disk): MillraceError {
  const site = userSite(record.error)
  const key = keyText(record.key)
  const lines = [
    `Task "${task}" ${WHAT[record.stage]}${site === undefined ? '' : `  ${siteText(site)}`}`,
    ...site === undefined ? [] : codeFrame(disk, site),
    `  problem  ${messageOf(record.error)}`,
    `  record   ${coordinatesOf(record)}   key ${key}   written ${writtenText(record.timestamp)}`,
    '  policy   fail (the default): nothing was committed after the record before it',
    `  next     ${NEXT[record.stage]}; or leave such records out: onError: 'skip', or onError: deadLetter('${task}-dead'), in the task's options`,
    `           the record: millrace topic tail ${record.topic} --partition ${record.partition} -o ${record.offset} -n 1`,
  ]
  return new MillraceError(record.stage === 'decode' ? 'SERDE_FAILED' : 'USER_CODE', lines.join('\n'), {
    cause: record.error,
    detail: { task, topic: record.topic, partition: record.partition, offset: record.offset, key, stage: record.stage, site: site === undefined ? undefined : siteText(site) },
  })
}

/** A failure outside any record: a timer, a closing window, a flush. */
export function taskFailureOutsideRecord(task: string, error: unknown, disk: Disk): MillraceError {
  if (error instanceof MillraceError && error.code !== 'USER_CODE') return error
  const site = userSite(error)
  const lines = [
    `Task "${task}" failed in a timer or a closing window${site === undefined ? '' : `  ${siteText(site)}`}`,
    ...site === undefined ? [] : codeFrame(disk, site),
    `  problem  ${messageOf(error)}`,
    '  next     mend the code and start again: the task goes on from its last commit',
  ]
  return new MillraceError('USER_CODE', lines.join('\n'), { cause: error, detail: { task, site: site === undefined ? undefined : siteText(site) } })
}

/** What a broker would refuse each time anew, so that going back and trying again were an endless loop. */
const REFUSALS: ReadonlySet<number> = new Set(([
  'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD', 'POLICY_VIOLATION', 'OFFSET_METADATA_TOO_LARGE',
  'TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
] as const).map(errorCode))
const TOO_LARGE = errorCode('MESSAGE_TOO_LARGE')

/** The error a task ends with where its commit was refused for what is in it; `undefined` where another try may succeed. */
export function taskRefusal(task: string, error: unknown): MillraceError | undefined {
  const code = kafkaCodeOf(error)
  if (code === undefined || !REFUSALS.has(code)) return undefined
  const lines = [
    `Task "${task}" cannot commit: the broker refuses what it writes, and would again`,
    `  problem  ${messageOf(error)}`,
    `  next     ${code === TOO_LARGE ? 'write smaller records, or raise max.message.bytes of the topic' : 'mend the topic, its permissions or the code'}, and start again: nothing of this commit is visible, the task goes on from the one before`,
  ]
  return new MillraceError('TOPIC_MISMATCH', lines.join('\n'), { cause: error, detail: { task, kafkaCode: code } })
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
    return at === undefined ? [] : [text('site', siteText(at))]
  }
}

/** Timestamps come from the network: not every number is a date. */
function writtenText(timestamp: number): string {
  const date = new Date(timestamp)
  return Number.isNaN(date.getTime()) ? String(timestamp) : date.toISOString()
}

function keyText(key: Buffer | null): string {
  if (key === null) return 'null'
  const text = key.toString('utf8')
  return JSON.stringify(printable(text.length > KEY_CHARACTERS_MAX ? `${text.slice(0, KEY_CHARACTERS_MAX)}…` : text))
}
