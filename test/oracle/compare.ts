/** Runs cases through our operators, and compares rows with what Kafka Streams gave. */
import { deepEqual, notDeepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InProcess } from '../support/in-process.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { ROOT } from '../support/need.ts'
import { CASES, randomCase, randomTopologies, type OracleCase, type Row } from './cases.ts'
import { oracleApp } from './topologies.ts'

export const RECORDED = join(ROOT, 'test', 'oracle', 'recorded.json')
/** Seeds of random cases whose Java rows are recorded too. */
const RECORDED_SEEDS = [1, 2, 3]

export type Rows = Readonly<Record<string, readonly Row[]>>

/** All cases whose rows are in `recorded.json`. */
export function recordedCases(): OracleCase[] {
  return [...CASES, ...randomCases(RECORDED_SEEDS)]
}

export function randomCases(seeds: readonly number[]): OracleCase[] {
  return seeds.flatMap(seed => {
    const random = seededRandom(seed)
    return randomTopologies().map(topology => randomCase(topology, seed, random))
  })
}

export function readRecorded(): Rows {
  const rows: Rows = JSON.parse(readFileSync(RECORDED, 'utf8'))
  return rows
}

/** What our operators make of a case. `commitEvery`: commits, with a restart from the store, after that many steps. */
export async function millraceRows(one: OracleCase, commitEvery = Infinity): Promise<Row[]> {
  const process = await InProcess.start(oracleApp(one.topology))
  const rows: Row[] = []
  const bytes = (text: string | null): Buffer | null => text === null ? null : Buffer.from(text)
  for (const [index, step] of one.steps.entries()) {
    const out = 'wallClock' in step
      ? process.advanceWallClock(step.wallClock)
      : process.pipe({ topic: step.topic, key: bytes(step.key), value: bytes(step.value), time: step.time, headers: step.headers?.map(([key, value]) => ({ key, value: Buffer.from(value) })) })
    // Java's rows of a step come sorted by topic.
    const sorted = [...out].sort((left, right) => left.topic < right.topic ? -1 : left.topic > right.topic ? 1 : 0)
    rows.push(...sorted.map(row => ({
      topic: row.topic, key: row.key && row.key.toString(), value: row.value && row.value.toString(), time: row.time,
      headers: row.headers.map(header => [header.key, header.value?.toString() ?? ''] as const),
    })))
    if ((index + 1) % commitEvery === 0) {
      await process.commit()
      await process.restart()
    }
  }
  await process.close()
  return rows
}

/** Fails unless our rows are Java's, or are the rows of the departure and Java's are not. */
export function compare(one: OracleCase, ours: readonly Row[], java: readonly Row[]): void {
  const shown = (rows: readonly Row[]): string[] => rows.map(row => `${row.topic} ${row.key ?? '-'} ${row.value ?? '-'} @${row.time}${one.headers ? row.headers.map(([key, value]) => ` ${key}=${value}`).join('') : ''}`)
  const expected = one.departure?.rows ?? java
  deepEqual(shown(ours), shown(expected), `${one.name} (${one.rules.join(', ')})\nsteps: ${JSON.stringify(one.steps)}`)
  if (one.departure !== undefined) notDeepEqual(shown(java), shown(expected), `${one.name}: departs from Kafka Streams no more, so say so`)
}
