/**
 * The files sink over SIGKILLs at every step of a delivery and of a commit, on the embedded broker: what is in the target is what a run without faults would have put there,
 * computed from the numbers that were fed. And red with the guard taken off.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { doubled, EVERY_POINT, killSinks, UNGUARDED } from '../support/sink-kills.ts'

interface Line { readonly id: string; readonly n: number }

/** Finished files, as a reader takes them. */
function linesIn(folder: string): Line[] {
  return readdirSync(folder).filter(name => !name.startsWith('_')).sort().flatMap(name => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)).map(line => JSON.parse(line) as Line) // What the sink wrote.
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-files-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('files: killed at every step, the finished files hold each row exactly once, counts behind a store too', { timeout: 180_000 }, async () => {
  await inFolder(async folder => {
    const expected = await killSinks({ kind: 'files', target: folder, kills: EVERY_POINT })
    assert.deepEqual(linesIn(join(folder, 'rows')).map(line => line.id).sort(), expected.rows)
    assert.deepEqual(linesIn(join(folder, 'counts')).map(line => `${line.id} ${line.n}`).sort(), expected.counts)
    console.log(`files: ${expected.fed} records, ${EVERY_POINT.length} kills, ${expected.rows.length} and ${expected.counts.length} lines, each once`)
  })
})

test('files: without positions the same kills double lines', { timeout: 120_000 }, async () => {
  await inFolder(async folder => {
    const expected = await killSinks({ kind: 'files', target: folder, kills: UNGUARDED, guard: 'off' })
    const rows = linesIn(join(folder, 'rows')).map(line => line.id)
    const counts = linesIn(join(folder, 'counts')).map(line => `${line.id} ${line.n}`)
    assert.deepEqual([new Set(rows).size, new Set(counts).size], [expected.rows.length, expected.counts.length], 'nothing is lost')
    assert.ok(doubled(rows) + doubled(counts) > 0, 'the books can turn red')
    console.log(`files without positions: ${doubled(rows)} and ${doubled(counts)} lines doubled by ${UNGUARDED.length} kills`)
  })
})
