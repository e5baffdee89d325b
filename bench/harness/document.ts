/** docs/benchmarks.md and its drawings, made from the results that may be shown: `node dist/bench/harness/document.js` writes them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ROOT } from './places.ts'
import { plotOf } from './plot.ts'
import { type Results, shownResults } from './results.ts'
import { aboutOf, caseText, latencyText, NOT_MEASURED } from './tables.ts'

export const DOCUMENT = join(ROOT, 'docs', 'benchmarks.md')
export const IMAGES = join(ROOT, 'docs', 'images')

export function documentOf(results: readonly Results[]): string {
  const shown = results.length === 0
    ? 'There is no full run yet: `npm run bench` makes one. What lies under `bench/results` as smoke runs shows only that every contender runs and passes the gate.\n'
    : results.map(each => `## ${each.name}, ${each.date}\n\n${aboutOf(each)} Every round: [bench/results](../bench/results/${each.date}-${each.name}.json).\n\n${each.cases.map(one => caseText(one, '###')).join('\n')}${latencyText(each.latency, '###')}${drawingsOf(each).map(({ name, commitMs }) => `
![Latency against rate, commit interval ${commitMs} ms](images/${name})
`).join('')}`).join('\n')
  return `# Benchmarks

Made from \`bench/results\` by \`npm run bench\`; do not edit. How it is measured, and how to make a rival faster: [bench/README.md](../bench/README.md).

A throughput is a median of interleaved rounds that passed the gate (every input record accounted for, none twice, results equal to a plain computation), with its range; a
ratio is taken within a league, of at least five rounds, and not where a range is over 15 %.

${shown}
## What is not measured

${NOT_MEASURED.map(line => `- ${line}`).join('\n')}
`
}

interface Drawing { readonly name: string, readonly commitMs: number, readonly svg: string }

/** One for each commit interval. */
export function drawingsOf({ name, latency }: Results): Drawing[] {
  return [...new Set(latency.map(({ plan }) => plan.commitMs))].map(commitMs => ({ name: `benchmarks-${name}-${commitMs}.svg`, commitMs, svg: plotOf(latency, commitMs) }))
}

export function writeDocument(): void {
  const shown = shownResults()
  writeFileSync(DOCUMENT, documentOf(shown))
  for (const results of shown) for (const { name, svg } of drawingsOf(results)) writeFileSync(join(IMAGES, name), svg)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeDocument()
