import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

test('where a process forbids code generation, records mean the same', () => {
  const script = `
    const { record, list, optional } = await import(${JSON.stringify(new URL('./record.js', import.meta.url).href)})
    const { text } = await import(${JSON.stringify(new URL('./text.js', import.meta.url).href)})
    const { f64 } = await import(${JSON.stringify(new URL('./number.js', import.meta.url).href)})
    try { new Function('return 1'); console.log('allowed') } catch { console.log('forbidden') }
    const serde = record({ name: text, price: optional(f64), tags: list(text) })
    const bytes = serde.serialize({ name: '茶', tags: ['a', 'b'] })
    console.log(bytes.toString(), JSON.stringify(serde.deserialize(bytes, 0, bytes.length)))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.equal(stdout, 'forbidden\n{"name":"茶","tags":["a","b"]} {"name":"茶","tags":["a","b"]}\n')
})
