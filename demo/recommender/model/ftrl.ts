/**
 * FTRL-proximal logistic regression, one sample at a time (McMahan et al., "Ad click prediction", KDD 2013).
 *
 * F1. A model is plain data; learning returns a new one, so that it can be a task's state.
 * F2. Coordinate 0 is the bias: its feature is 1, and neither regularization touches it.
 */
export interface FtrlModel {
  readonly z: readonly number[]
  readonly n: readonly number[]
  /** Samples seen. */
  readonly count: number
}

export interface Sample {
  readonly features: readonly number[]
  readonly label: 0 | 1
  readonly weight: number
}

const ALPHA = 0.1
const BETA = 1
const L1 = 0.1
const L2 = 1

/** A model that answers `prior` (between 0 and 1) to everything. */
export function newModel(size: number, prior: number): FtrlModel {
  const z = new Array<number>(size).fill(0)
  z[0] = -Math.log(prior / (1 - prior)) * (BETA / ALPHA)
  return { z, n: new Array<number>(size).fill(0), count: 0 }
}

export function weightsOf(model: FtrlModel): number[] {
  return model.z.map((z, index) => weightAt(z, model.n[index] ?? 0, index))
}

function weightAt(z: number, n: number, index: number): number {
  const rate = (BETA + Math.sqrt(n)) / ALPHA
  if (index === 0) return -z / rate
  if (Math.abs(z) <= L1) return 0
  return -(z - Math.sign(z) * L1) / (rate + L2)
}

export function predict(weights: readonly number[], features: readonly number[]): number {
  let sum = 0
  for (let index = 0; index < features.length; index += 1) sum += (weights[index] ?? 0) * (features[index] ?? 0)
  return 1 / (1 + Math.exp(-sum))
}

/** The model after `sample`. */
export function learn(model: FtrlModel, sample: Sample): FtrlModel {
  const weights = weightsOf(model)
  const error = (predict(weights, sample.features) - sample.label) * sample.weight
  const z = model.z.slice()
  const n = model.n.slice()
  for (const [index, x] of sample.features.entries()) {
    if (x === 0) continue
    const gradient = error * x
    const before = n[index] ?? 0
    const after = before + gradient * gradient
    const step = (Math.sqrt(after) - Math.sqrt(before)) / ALPHA
    z[index] = (z[index] ?? 0) + gradient - step * (weights[index] ?? 0)
    n[index] = after
  }
  return { z, n, count: model.count + 1 }
}

/** Area under the ROC curve by ranks; ties count half. */
export function auc(scores: readonly number[], labels: readonly (0 | 1)[]): number {
  const order = scores.map((score, index) => ({ score, label: labels[index] ?? 0 })).sort((a, b) => a.score - b.score)
  let positives = 0
  let rankSum = 0
  for (let start = 0; start < order.length;) {
    let end = start
    let inTie = 0
    while (end < order.length && order[end]?.score === order[start]?.score) {
      inTie += order[end]?.label ?? 0
      end += 1
    }
    rankSum += inTie * (start + 1 + end) / 2
    positives += inTie
    start = end
  }
  const negatives = order.length - positives
  return positives === 0 || negatives === 0 ? Number.NaN : (rankSum - positives * (positives + 1) / 2) / (positives * negatives)
}
