import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { exitCodeOf, MillraceError } from '../base/errors.ts'
import { defineCommand, findCommand, parseCall } from './command.ts'
import { formatRecord, recordDocument } from './format.ts'
import { helpOf } from './help.ts'
import { parsePlace } from './positions.ts'
import { Output, widthOf } from './render.ts'

const tail = defineCommand({
  path: ['topic', 'tail'], summary: 'records', positionals: [{ name: 'NAME', describe: 'the topic' }],
  options: { offset: { type: 'string', short: 'o', describe: 'where', default: 'latest' }, count: { type: 'number', short: 'n', describe: 'how many' } },
  examples: [], run: async () => 0,
})
const commands = [tail, defineCommand({ ...tail, path: ['topic', 'ls'], positionals: [] })]
const output = new Output({ stdout: { write: () => true }, stderr: { write: () => true }, json: false, environment: {} })
const call = (args: string[]) => parseCall(tail, args, output, new AbortController().signal)
const isUsage = (pattern: RegExp) => (error: unknown): boolean => error instanceof MillraceError && error.code === 'USAGE' && exitCodeOf(error) === 2 && pattern.test(error.message)

test('options are parsed by the table, a value may begin with a dash', () => {
  const parsed = call(['orders', '-o', '-5m', '--count', '3'])
  assert.equal(parsed.required('NAME'), 'orders')
  assert.equal(parsed.text('offset'), '-5m')
  assert.equal(parsed.number('count'), 3)
  assert.equal(call(['orders']).text('offset'), 'latest')
})

test('what is wrong is named, with what was near', () => {
  assert.throws(() => call(['orders', '--ofset', '3']), isUsage(/--ofset is no option.*Did you mean '--offset'/))
  assert.throws(() => call([]), isUsage(/NAME is missing/))
  assert.throws(() => call(['a', 'b']), isUsage(/'b' is one argument too many/))
  assert.throws(() => call(['a', '-n', 'many']).number('count'), isUsage(/--count takes a whole number from 0 on, not 'many'/))
  for (const bad of ['', '1.5', '-1', 'Infinity', '1e99']) assert.throws(() => call(['a', `--count=${bad}`]), isUsage(/--count takes a whole number/), bad)
  assert.throws(() => findCommand(commands, ['topic', 'tial']), isUsage(/Did you mean 'tail'/))
  assert.throws(() => findCommand(commands, ['topics']), isUsage(/Did you mean 'topic'/))
  assert.throws(() => findCommand(commands, ['topic']), isUsage(/needs one of: tail, ls/))
})

test('help names every option, its short form and its default', () => {
  const help = helpOf(tail)
  for (const part of ['millrace topic tail NAME', '-o, --offset TEXT', '(default latest)', '--json', '-h, --help']) assert.ok(help.includes(part), `${part} in\n${help}`)
})

test('places in a topic', () => {
  assert.deepEqual(parsePlace('earliest', 0), { kind: 'earliest' })
  assert.deepEqual(parsePlace('4711', 0), { kind: 'offset', offset: 4711 })
  assert.deepEqual(parsePlace('-100', 0), { kind: 'beforeEnd', count: 100 })
  assert.deepEqual(parsePlace('-2h', 10_000_000), { kind: 'time', epochMs: 2_800_000 })
  assert.deepEqual(parsePlace('2026-11-22T10:00:00Z', 0), { kind: 'time', epochMs: Date.UTC(2026, 10, 22, 10) })
  for (const bad of ['soon', '', '-5x', 'latest ']) assert.throws(() => parsePlace(bad, 0), isUsage(/is no place in a topic/))
})

test('records as text and as JSON', () => {
  const record = { topic: 't', partition: 2, offset: 7, timestamp: 0, key: Buffer.from('键'), value: Buffer.from('{"a":1}'), headers: [{ key: 'h', value: Buffer.from('x') }] }
  assert.equal(formatRecord('%T %t/%p@%o %k %v %h %S%%\\n', record), '1970-01-01T00:00:00.000Z t/2@7 键 {"a":1} h=x 7%\n')
  assert.deepEqual(recordDocument(record), { topic: 't', partition: 2, offset: 7, timestamp: 0, key: '键', value: { a: 1 }, headers: { h: 'x' } })
  assert.deepEqual(recordDocument({ ...record, key: null, value: Buffer.from([0xff, 0x00]), headers: [] }), { topic: 't', partition: 2, offset: 7, timestamp: 0, key: null, valueBase64: '/wA=' })
})

test('with --json stdout carries documents only; tables align, wide characters count as two', () => {
  const written: string[] = []
  const json = new Output({ stdout: { write: text => written.push(text) }, stderr: { write: () => true }, json: true, environment: {} })
  json.line('for people')
  json.table(['A'], [['b']])
  json.document({ ok: true })
  assert.deepEqual(written, ['{"ok":true}\n'])
  const plain: string[] = []
  new Output({ stdout: { write: text => plain.push(text) }, stderr: { write: () => true }, json: false, environment: {} }).table(['NAME', 'N'], [['衣服', 1204], ['a\u001b[2J', 3]], { right: [1] })
  assert.deepEqual(plain, ['NAME            N\n', '衣服        1,204\n', 'a\\u001b[2J      3\n'])
  assert.equal(widthOf('衣服a'), 5)
})
