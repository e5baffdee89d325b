import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auc, learn, newModel, predict, weightsOf, type FtrlModel } from './ftrl.ts'

test('a new model answers its prior', () => {
  assert.ok(Math.abs(predict(weightsOf(newModel(3, 0.05)), [1, 5, -2]) - 0.05) < 1e-9)
})

test('a model learns which feature tells, and keeps an idle one at zero', () => {
  let random = 3
  const next = (): number => (random = random * 1103515245 + 12345 & 0x7fffffff) / 0x7fffffff
  let model: FtrlModel = newModel(4, 0.5)
  for (let index = 0; index < 4000; index += 1) {
    const signal = next() * 2 - 1
    model = learn(model, { features: [1, signal, next() * 2 - 1, 0], label: next() < 1 / (1 + Math.exp(-4 * signal)) ? 1 : 0, weight: 1 })
  }
  const [, told, noise, idle] = weightsOf(model)
  assert.ok((told ?? 0) > 2 && Math.abs(noise ?? 9) < 0.6, `weights ${told}, ${noise}`)
  assert.equal(idle, 0)
  assert.equal(model.count, 4000)
})

test('learning leaves the old model as it was', () => {
  const model = newModel(2, 0.5)
  learn(model, { features: [1, 1], label: 1, weight: 1 })
  assert.deepEqual(model, newModel(2, 0.5))
})

test('AUC counts ordered pairs, ties half', () => {
  assert.equal(auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75)
  assert.equal(auc([0.5, 0.5], [0, 1]), 0.5)
  assert.ok(Number.isNaN(auc([1, 2], [1, 1])))
})
