/** The page's advice in Chinese has every rule and every option that an advice may name; in English it has the command's own words. */
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ADVICE_RULES } from '../planner/advice-facts.ts'

type Strings = Readonly<Record<string, string>>
// The browser's code is a project of its own: what it was built to is loaded.
const { PROBLEMS_ZH, CHANGES_ZH, COSTS_ZH } = await import(new URL('./browser/advice-strings.js', import.meta.url).href) as Record<'PROBLEMS_ZH' | 'CHANGES_ZH' | 'COSTS_ZH', Strings>
const rules = new URL('../planner/', import.meta.url)
const source = readdirSync(rules).filter(name => /^advice.*\.js$/.test(name) && !name.endsWith('.test.js')).map(name => readFileSync(new URL(name, rules), 'utf8')).join('\n')

test('every rule has its problem, and names its task', () => {
  assert.deepEqual(Object.keys(PROBLEMS_ZH).sort(), [...ADVICE_RULES].sort())
  for (const rule of ADVICE_RULES) assert.ok(rule === 'idle-workers' || rule === 'replicas' || PROBLEMS_ZH[rule]?.includes('{task}'), rule)
})

test('what no option helps has its step, and every option its costs', () => {
  const without = [...source.matchAll(/rule: '([\w-]+)'[^\n]*option: null/g)].map(match => match[1] ?? '')
  assert.ok(without.length >= 2)
  for (const rule of [...without, 'stopped', 'failed', 'restoring', 'rebalancing', 'unowned', 'transaction-open']) assert.ok(CHANGES_ZH[rule] !== undefined, rule)
  const options = [...source.matchAll(/setting\(facts, [\w.]+, '(\w+)'/g)].map(match => match[1] ?? '')
  assert.ok(options.length >= 6)
  for (const option of [...options, 'checkpointInterval', 'trigger', 'parallelism', 'instances']) assert.ok(COSTS_ZH[option] !== undefined, option)
})
