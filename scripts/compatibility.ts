/**
 * Writes docs/COMPATIBILITY.md: which of other people's clients were run at the embedded broker, and what came of it.
 *
 *   npm test -- --results=/tmp/plain.json; npm run test:real -- --results=/tmp/real.json; npm run test:long -- --results=/tmp/long.json
 *   npm run compatibility -- /tmp/plain.json /tmp/real.json /tmp/long.json
 *
 * Results are kept in test/compatibility/results.json, so that a part may be run again alone; without a file the page is written of what is kept.
 * Nothing is written while a row of the manifest has no test's name, names one that is not there, or tells a version that is not in use.
 */
import { writeFileSync } from 'node:fs'
import { CLIENTS } from '../test/compatibility/clients.ts'
import { FILES, PAGE, readResults, readRun, RESULTS, sources } from '../test/compatibility/files.ts'
import { problemsOf } from '../test/compatibility/manifest-check.ts'
import { pageOf } from '../test/compatibility/page.ts'
import { withRun } from '../test/compatibility/results.ts'
import { ALLOWED } from '../test/support/conformance/allowed.ts'

const problems = problemsOf(CLIENTS, sources)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)
let recorded = readResults()
for (const file of process.argv.slice(2)) recorded = withRun(recorded, readRun(file), FILES)
// A file that the manifest names no longer.
recorded = Object.fromEntries(Object.entries(recorded).filter(([file]) => FILES.has(file)))
const page = pageOf(CLIENTS, recorded, ALLOWED)
writeFileSync(RESULTS, `${JSON.stringify(recorded, null, 1)}\n`)
writeFileSync(PAGE, page)
console.log(page.split('\n')[2])
