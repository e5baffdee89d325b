import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { app, int64, optional, text, topic } from 'millrace'
import { InProcess } from '../../../test/support/in-process.ts'

const input = topic('in', { key: text, value: optional(text) })
const names = topic('names', { key: int64, value: text })
const out = topic('out', { key: text, value: text })

test('looks up by any key; no key or no row drops, or joins with nothing where left (J3, J5)', async () => {
  const joined: Record<string, string[]> = {}
  for (const left of [false, true]) {
    const process = await InProcess.start(app('a').task('t', ({ read, globalTable }) => {
      const keyOf = (value: string | undefined): number | undefined => value === 'none' ? undefined : Number(value)
      const stream = read(input)
      const result = left ? stream.leftJoinGlobal(globalTable(names), keyOf, (value, name) => `${value ?? ''} ${name ?? 'nobody'}`) : stream.joinGlobal(globalTable(names), keyOf, (value, name) => `${value ?? ''} ${name}`)
      result.write(out)
    }))
    process.pipe({ topic: 'names', key: int64.serialize(7), value: Buffer.from('Ada'), time: 1 })
    joined[`left ${left}`] = ['7', '8', 'none', null].flatMap(value => process.pipe({ topic: 'in', key: Buffer.from('k'), value: value === null ? null : Buffer.from(value), time: 2 })).map(row => row.value?.toString() ?? '-')
    deepEqual([...process.dropped.values()], left ? [1] : [1, 1])
    await process.close()
  }
  deepEqual(joined, { 'left false': ['7 Ada'], 'left true': ['7 Ada', '8 nobody', 'none nobody'] })
})
