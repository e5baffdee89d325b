import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryDisk } from './memory-disk.ts'
import { readFile, writeFile } from './whole-file.ts'

test('writes, cuts and growth at random places read as they do in one plain buffer', () => {
  const disk = memoryDisk()
  const file = disk.open('/f', 'create')
  let model = Buffer.alloc(0)
  let random = 7
  const below = (limit: number): number => (random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff) % limit
  for (let step = 0; step < 400; step++) {
    const at = below(700_000)
    if (below(8) === 0) {
      file.truncate(at)
      model = Buffer.concat([model.subarray(0, at), Buffer.alloc(Math.max(0, at - model.length))])
    } else {
      const data = Buffer.alloc(below(300_000), 1 + below(255))
      file.write(data, at)
      if (data.length > 0 && model.length < at + data.length) model = Buffer.concat([model, Buffer.alloc(at + data.length - model.length)])
      data.copy(model, at)
    }
    const [from, length] = [below(700_000), below(600_000)]
    const target = Buffer.alloc(length, 0xee)
    const count = file.read(target, 0, length, from)
    assert.ok(target.subarray(0, count).equals(model.subarray(from, from + length)), `step ${step}`)
    assert.equal(file.size(), model.length)
  }
})

test('names: directories, lists, renames over a file, trees; what is missing is ENOENT, what is there is EEXIST', () => {
  const disk = memoryDisk()
  disk.makeDirectory('/a/b')
  writeFile(disk, '/a/x', Buffer.from('x'))
  writeFile(disk, '/a/b/y', Buffer.from('y'))
  assert.deepEqual(disk.list('/a'), ['b', 'x'])
  disk.rename('/a/x', '/a/b/y')
  assert.equal(readFile(disk, '/a/b/y').toString(), 'x')
  assert.deepEqual([disk.exists('/a/x'), disk.exists('/a/b'), disk.list('/a')], [false, true, ['b']])
  disk.makeDirectory('/a/b/c')
  disk.rename('/a/b', '/a/d')
  assert.deepEqual([disk.exists('/a/b'), disk.exists('/a/b/y'), disk.list('/a'), disk.list('/a/d')], [false, false, ['d'], ['c', 'y']])
  disk.rename('/a/d', '/a/b')
  assert.throws(() => disk.open('/a/x', 'read'), { code: 'ENOENT' })
  assert.throws(() => disk.open('/no/where', 'create'), { code: 'ENOENT' })
  assert.throws(() => disk.open('/a/b/y', 'new'), { code: 'EEXIST' })
  assert.throws(() => disk.list('/a/x'), { code: 'ENOENT' })
  disk.removeTree('/a')
  assert.deepEqual([disk.exists('/a/b/y'), disk.exists('/a'), disk.list('/')], [false, false, []])
})

test('it is full at its limit, and has room again for what was deleted, cut or replaced', () => {
  const disk = memoryDisk({ bytesMax: 1000 })
  writeFile(disk, '/a', Buffer.alloc(600))
  assert.throws(() => writeFile(disk, '/b', Buffer.alloc(500)), { code: 'ENOSPC' })
  assert.equal(disk.freeBytes('/'), 400)
  writeFile(disk, '/b', Buffer.alloc(300))
  disk.rename('/b', '/a')
  assert.equal(disk.freeBytes('/'), 700)
  disk.open('/a', 'write').truncate(100)
  disk.unlink('/a')
  assert.equal(disk.freeBytes('/'), 1000)
})

test('one at a time holds its lock', async () => {
  const disk = memoryDisk()
  const lock = await disk.lock('/data')
  assert.equal(await disk.lock('/data'), undefined)
  lock?.release()
  assert.ok(await disk.lock('/data'))
})
