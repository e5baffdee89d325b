/**
 * docs/COMPATIBILITY.md, of the manifest and of results alone: nothing in it is written by hand.
 *
 * P1. Green is a row whose every test passed. One that failed, was skipped or did not report makes it red; one that has not run yet leaves it white.
 * P2. Red rows stand where the others do, and their number is said at the top.
 */
import type { AllowedDifference } from '../support/conformance/allowed.ts'
import type { Clients, Row, TestedRow } from './clients.ts'
import { outcomeOf } from './results.ts'
import type { Recorded } from './results.ts'

export type Colour = 'green' | 'red' | 'white'
interface Verdict { readonly colour: Colour, readonly says: string }

export function verdictOf(row: Row, recorded: Recorded): Verdict {
  if (row.kind === 'untested') return { colour: 'red', says: '🟥 **no test**' }
  const outcomes = row.tests.map(({ file, name }) => outcomeOf(recorded, file, name))
  const count = (...kinds: readonly string[]): number => outcomes.filter(outcome => kinds.includes(outcome)).length
  const of = `of ${outcomes.length}${ranAt(row, recorded)}`
  if (count('failed') > 0) return { colour: 'red', says: `🟥 **${count('failed')} failed** ${of}` }
  if (count('missing', 'skipped') > 0) return { colour: 'red', says: `🟥 **${count('missing', 'skipped')} did not run to an end** ${of}` }
  if (count('not run') > 0) return { colour: 'white', says: count('passed') === 0 ? '⬜ not run yet' : `⬜ ${count('not run')} not run yet ${of}` }
  // Not one test is no proof, whatever the manifest says.
  return outcomes.length === 0 ? { colour: 'red', says: '🟥 **no test**' } : { colour: 'green', says: `🟩 ${outcomes.length} passed${ranAt(row, recorded)}` }
}

/** Commit and day of each run that the row rests on. */
function ranAt(row: TestedRow, recorded: Recorded): string {
  const runs = row.tests.flatMap(({ file }) => recorded[file] ?? []).map(({ commit, changed, date }) => `\`${commit}\`${changed ? ' with changes' : ''}, ${date.slice(0, 10)}`)
  return [...new Set(runs)].map(run => `<br>${run}`).join('')
}

export function pageOf(clients: Clients, recorded: Recorded, allowed: readonly AllowedDifference[]): string {
  const rows = Object.entries(clients).flatMap(([client, ofClient]) => ofClient.map(row => ({ client, row, verdict: verdictOf(row, recorded) })))
  const count = (colour: Colour): number => rows.filter(({ verdict }) => verdict.colour === colour).length
  return [
    '# Clients of other people at the embedded broker', '',
    `**${rows.length} rows: ${count('green')} green, ${count('red')} red, ${count('white')} not run yet.** Green is what passed in a run whose commit and day stand beside it. Red is what failed or has no test. White has a test that has not run yet.`, '',
    'Made by `npm run compatibility` of `test/compatibility/clients.ts` and of results that `--results=FILE` of `npm test`, `npm run test:real` and `npm run test:long` wrote; a row names its tests, or is red.', '',
    '| Client | Version | What was run | Outcome | Known differences | Tests |', '|---|---|---|---|---|---|',
    ...rows.map(({ client, row, verdict }) => tableRow(client, row.version, row.what, verdict.says, (row.differences ?? []).join('; '), testsOf(row))), '',
    '## What differs from Apache Kafka 4.1 for every client', '',
    `In the answers to the same requests, in each version of each API that is advertised, at most this differs: ${allowed.length} entries, each with its reason. \`test/conformance/apache-kafka.test.ts\` turns red at any other.`, '',
    '| API | Versions | Field | Apache Kafka answers | Why not here |', '|---|---|---|---|---|',
    ...allowed.map(({ api, versions: [first, last], field, kafka, reason }) => tableRow(api, first === last ? String(first) : `${first}–${last}`, `\`${field.source}\``, kafka, reason)), '',
  ].join('\n')
}

function testsOf(row: Row): string {
  if (row.kind === 'untested') return `none: ${row.why}`
  const files = [...new Set(row.tests.map(({ file }) => file))]
  return files.map(file => `[${file}](../${file}): ${row.tests.filter(test => test.file === file).map(({ name }) => `“${name}”`).join(', ')}`).join('<br>')
}

const tableRow = (...cells: readonly string[]): string => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
