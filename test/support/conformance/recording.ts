/** Apache Kafka's answers, made comparable, as they are kept in test/fixtures. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Answered } from './suite.ts'

export interface Recording {
  /** Epoch milliseconds that requests were made with. */
  readonly now: number
  readonly answers: readonly Answered[]
}

const file = join(import.meta.dirname, '..', '..', 'fixtures', 'conformance-kafka-4.1.json.gz')

export function readRecording(): Recording {
  // `writeRecording` wrote it.
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Recording
}

export function writeRecording(to: string, recording: Recording): void {
  writeFileSync(to, gzipSync(JSON.stringify(recording), { level: 9 }))
}
