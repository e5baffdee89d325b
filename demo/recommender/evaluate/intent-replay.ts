/**
 * Purchase intent on real sessions: the Online Shoppers data set (UCI), fed to the same learner as the shop's, each row first predicted, then learned.
 *
 * `PageValues` is left out: it is computed from transactions and leaks the label. The rows are whole sessions, not events, so this measures the
 * learner, not the shop's features.
 */
import { csvFields } from '../data/csv.ts'
import { linesOf } from '../data/lines.ts'
import { auc, learn, newModel, predict, weightsOf } from '../model/ftrl.ts'

export interface IntentReport {
  readonly rows: number
  readonly skipped: number
  readonly bought: number
  readonly auc: number
  readonly logLoss: number
  /** Log loss of always answering the share that bought. */
  readonly priorLogLoss: number
}

const COUNTS = ['Administrative', 'Administrative_Duration', 'Informational', 'Informational_Duration', 'ProductRelated', 'ProductRelated_Duration']
const RATES = ['BounceRates', 'ExitRates', 'SpecialDay']
const CLASSES = ['Month', 'OperatingSystems', 'Browser', 'Region', 'TrafficType', 'VisitorType', 'Weekend']
const CLASSES_MAX = 128
/** Share that bought among the first rows is unknown at the start; this is the share usual in shops. */
const PRIOR = 0.1

export async function evaluateIntent(options: { readonly path: string; readonly onSkipped: (line: number, reason: string) => void }): Promise<IntentReport> {
  const classes = new Map<string, number>()
  const base = 1 + 2 * COUNTS.length + 2 * RATES.length
  let model = newModel(base + CLASSES_MAX, PRIOR)
  let columns: readonly string[] | undefined
  const scores: number[] = []
  const labels: (0 | 1)[] = []
  let skipped = 0
  for await (const line of linesOf(options.path)) {
    const fields = csvFields(line.text)
    if (columns === undefined) {
      columns = fields ?? []
      mustHave(columns)
      continue
    }
    const row = rowOf(columns, fields, classes, base)
    if (typeof row === 'string') {
      skipped += 1
      options.onSkipped(line.number, row)
      continue
    }
    scores.push(predict(weightsOf(model), row.features))
    labels.push(row.label)
    model = learn(model, { ...row, weight: 1 })
  }
  return { rows: scores.length, skipped, bought: labels.filter(label => label === 1).length, ...quality(scores, labels) }
}

function mustHave(columns: readonly string[]): void {
  const missing = [...COUNTS, ...RATES, ...CLASSES, 'Revenue'].filter(name => !columns.includes(name))
  if (missing.length > 0) throw new Error(`the first line must name the columns of the Online Shoppers data set; missing: ${missing.join(', ')}`)
}

function rowOf(columns: readonly string[], fields: readonly string[] | undefined, classes: Map<string, number>, base: number): { features: number[]; label: 0 | 1 } | string {
  if (fields === undefined || fields.length !== columns.length) return `expected ${columns.length} columns`
  const field = (name: string): string => fields[columns.indexOf(name)] ?? ''
  const features = new Array<number>(base + CLASSES_MAX).fill(0)
  features[0] = 1
  let place = 1
  for (const name of COUNTS) {
    // The set writes -1 for a duration that is not known.
    const value = Math.max(0, Number(field(name)))
    if (Number.isNaN(value)) return `${name} is not a number`
    features[place] = Math.log1p(value) / 4
    features[place + 1] = value === 0 ? 1 : 0
    place += 2
  }
  for (const name of RATES) {
    const value = Number(field(name))
    if (!(value >= 0)) return `${name} is not a number of at least 0`
    features[place] = value
    features[place + 1] = Math.sqrt(value)
    place += 2
  }
  for (const name of CLASSES) {
    const id = `${name}=${field(name)}`
    const known = classes.get(id) ?? classes.size
    if (known >= CLASSES_MAX) return `more than ${CLASSES_MAX} different classes`
    classes.set(id, known)
    features[base + known] = 1
  }
  const revenue = field('Revenue').toUpperCase()
  if (revenue !== 'TRUE' && revenue !== 'FALSE') return 'Revenue is neither TRUE nor FALSE'
  return { features, label: revenue === 'TRUE' ? 1 : 0 }
}

function quality(scores: readonly number[], labels: readonly (0 | 1)[]): { auc: number; logLoss: number; priorLogLoss: number } {
  const share = labels.reduce((sum: number, label) => sum + label, 0) / labels.length
  const loss = (probability: number, label: 0 | 1): number => -Math.log(label === 1 ? probability : 1 - probability)
  const mean = (probabilityOf: (index: number) => number): number => labels.reduce((sum: number, label, index) => sum + loss(probabilityOf(index), label), 0) / labels.length
  return { auc: auc(scores, labels), logLoss: mean(index => scores[index] ?? share), priorLogLoss: mean(() => share) }
}
