import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from './json-parse.ts'

test('a name with an escape is itself, whatever was parsed before (nodejs/node#63785)', () => {
  parseJson('{"h":[],"\\\\":0}')
  assert.deepEqual(Object.keys(parseJson('{"h":1,"\\"":2}') as object), ['h', '"'])
  const repeated = '{"b":5,"a":true,"abc":{},"\\u0061":false,"\\\\":"x"}'
  for (let turn = 0; turn < 3; turn++) assert.deepEqual(parseJson(repeated), { b: 5, a: false, abc: {}, '\\': 'x' })
})

test('a text with escaped names means what it says: nesting, arrays, numbers, words, white space, __proto__', () => {
  const value = parseJson(' {"\\u005f_proto__" : {"x":[1,-2.5e3,"\\n",{}, [ ],null,true,false]},\n"":-0,"\\t":"\\ud83d\\ude00\\u2028"} ')
  const expected: Record<string, unknown> = { '': -0, '\t': '\u{1F600}\u2028' }
  Object.defineProperty(expected, '__proto__', { value: { x: [1, -2500, '\n', {}, [], null, true, false] }, enumerable: true, configurable: true, writable: true })
  assert.deepEqual(value, expected)
  assert.ok(Object.is((value as Record<string, unknown>)[''], -0))
})

test('what is no JSON is refused as JSON.parse refuses it; depth costs no stack', () => {
  for (const text of ['', '{"\\x":1}', '{"\\u0061":1,}', '{"\\u0061":01}', '["\\n"']) assert.throws(() => parseJson(text), SyntaxError, text)
  const depth = 100_000
  let value = parseJson(`${'{"\\u0061":['.repeat(depth)}${']}'.repeat(depth)}`)
  let levels = 0
  while (Array.isArray(value) ? value.length > 0 : true) {
    value = Array.isArray(value) ? value[0] : (value as { a: unknown }).a
    levels++
  }
  assert.equal(levels, 2 * depth - 1)
})
