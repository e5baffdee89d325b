/** `millrace demo linked`, headless, with real engines: each moves lists; one is killed and kept down, is named missing while the others go on, and comes back. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LinkedReport, LinkedRow } from '../../../src/cli/linked-report.ts'
import { freePorts } from '../../support/kafka.ts'
import { startMillrace } from '../../support/millrace.ts'
import { ENGINES, need } from '../../support/need.ts'
import { until, Watched } from '../../support/watched.ts'

need('engines')

const SECONDS_MAX = 150

test('four engines help the recommender: one is killed and stays down, is named missing while lists go on, and comes back', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-linked-'))
  const [port, statusPort] = await freePorts(2)
  const started = startMillrace(['demo', 'linked', '--headless', '--shoppers', '60', '--data', directory, '--port', String(port), '--status-port', String(statusPort), '--json'], { env: { MILLRACE_ENGINES: ENGINES } })
  const log = (): string => `${reportsIn(started.stdout()).slice(-2).map(report => JSON.stringify(report)).join('\n')}\n${started.stderr().slice(-4000)}`
  const now = (): LinkedReport => {
    const report = reportsIn(started.stdout()).at(-1)
    assert.ok(report !== undefined, log())
    return report
  }
  const rowOf = (engine: string): LinkedRow | undefined => now().tasks.find(task => task.engine === engine)
  const seen = (what: string, holds: (report: LinkedReport) => boolean): Promise<void> => until(what, () => Promise.resolve(reportsIn(started.stdout()).slice(-1).some(holds)), log, SECONDS_MAX)
  try {
    const [, url = ''] = await started.waitFor(/"status":"([^"]+)"/, SECONDS_MAX * 1000)
    const watched = new Watched(started, url)
    await seen('lists are made before any engine runs, or beside them', report => report.lists > 20)
    await seen('every engine contributes, and has moved lists', report => report.missing.length === 0 && report.tasks.every(({ contribution }) => contribution === null || contribution.moved > 0))
    for (const engine of ['flink', 'spark', 'storm', 'samza']) assert.match(rowOf(engine)?.contribution?.example ?? '', /place \d+ → \d+; /, engine)

    await watched.kill('fraud')
    await watched.control({ name: 'fraud', action: { kind: 'stop' } })
    const before = now().lists
    await seen('Storm alone is missing, and lists go on', report => report.missing.join() === 'storm' && report.lists > before + 20)
    const moved = rowOf('flink')?.contribution?.moved ?? 0
    await seen('the others go on to move lists', report => (report.tasks.find(task => task.engine === 'flink')?.contribution?.moved ?? 0) > moved)
    await watched.control({ name: 'fraud', action: { kind: 'start' } })
    await seen('Storm is back', report => report.missing.length === 0)
    console.log(`after ${now().seconds} s: ${now().lists} lists; ${now().tasks.flatMap(({ engine, contribution }) => contribution === null ? [] : [`${engine} moved ${contribution.moved} of ${contribution.lists}`]).join(', ')}`)
    await watched.stop()
  } catch (error) {
    console.log(log())
    throw error
  } finally {
    await started.kill('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  }
})

/** A document a line; those that are no report (addresses) are left out. */
function reportsIn(stdout: string): LinkedReport[] {
  return stdout.slice(0, stdout.lastIndexOf('\n') + 1).split('\n').filter(line => line.startsWith('{') && line.includes('"tasks":[{')).map(line => JSON.parse(line) as LinkedReport) // Written by the command under test.
}
