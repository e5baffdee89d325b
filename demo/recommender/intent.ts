/**
 * Purchase intent on real sessions, as a command: `node dist/demo/recommender/intent.js online_shoppers_intention.csv` prints one JSON object.
 *
 * The learner is that of task `learn`; what it learns from is the data set's rows (evaluate/intent-replay.ts). Ends with 2 on bad usage or data.
 */
import { evaluateIntent } from './evaluate/intent-replay.ts'

const [path] = process.argv.slice(2)
if (path === undefined) {
  process.stderr.write('usage: node dist/demo/recommender/intent.js FILE.csv   (the Online Shoppers Purchasing Intention data set, plain or .gz)\n')
  process.exit(2)
}
try {
  const report = await evaluateIntent({ path, onSkipped: (line, reason) => process.stderr.write(`skipped ${path}:${line}: ${reason}\n`) })
  process.stdout.write(`${JSON.stringify(report)}\n`)
} catch (error) {
  process.stderr.write(`${path}: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(2)
}
