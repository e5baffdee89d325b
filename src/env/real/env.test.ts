import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { MillraceError } from '../../base/errors.ts'
import type { Socket } from '../env.ts'
import { realEnv } from './env.ts'

test('a file keeps what was written at its position, and a lock excludes a second holder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-env-'))
  try {
    const file = realEnv.disk.open(join(folder, 'f'), 'create')
    file.write(Buffer.from('hello'), 3)
    await file.datasync()
    const target = Buffer.alloc(8)
    assert.equal(file.read(target, 0, 8, 0), 8)
    assert.equal(target.toString('latin1'), '\0\0\0hello')
    file.close()
    await realEnv.disk.syncDirectory(folder)

    const lock = await realEnv.disk.lock(folder)
    assert.ok(lock)
    assert.equal(await realEnv.disk.lock(folder), undefined)
    // Another process is refused as well.
    const script = `import(${JSON.stringify(new URL('./disk.js', import.meta.url).href)}).then(async m => { console.log((await m.realDisk.lock(${JSON.stringify(folder)})) === undefined) })`
    assert.equal(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout.trim(), 'true')
    lock.release()
    await new Promise(resolve => setTimeout(resolve, 20))
    const again = await realEnv.disk.lock(folder)
    assert.ok(again)
    again.release()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a lock has one name on Linux, whatever Node holds it: the whole address is used', { skip: process.platform === 'linux' ? false : 'names of other systems are paths' }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
  // The kernel shows NULs as @.
  const names = (): Set<string> => new Set(readFileSync('/proc/net/unix', 'latin1').split('\n').flatMap(line => /@millrace-[0-9a-f]{32}@*$/.exec(line)?.[0] ?? []))
  const before = names()
  const lock = await realEnv.disk.lock(folder)
  const taken = [...names()].filter(name => !before.has(name))
  lock?.release()
  rmSync(folder, { recursive: true, force: true })
  assert.ok(taken.length > 0 && taken.every(name => name.length === 108), JSON.stringify(taken))
})

test('bytes travel both ways over a socket, a taken port and a dead address are named', async () => {
  const listener = await realEnv.network.listen({ host: '127.0.0.1', port: 0 }, socket => echo(socket))
  const socket = await realEnv.network.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 30_000 })
  const answer = await new Promise<string>(resolve => {
    let text = ''
    socket.setHandlers({ data: chunk => { text += chunk.toString(); if (text.length === 6) socket.end() }, drain: () => {}, close: () => resolve(text) })
    socket.write([Buffer.from('abc'), Buffer.from('def')])
  })
  assert.equal(answer, 'abcdef')
  await assert.rejects(realEnv.network.listen({ host: '127.0.0.1', port: listener.port }, () => {}), (error: unknown) => error instanceof MillraceError && error.code === 'PORT_IN_USE')
  await listener.close()
  await assert.rejects(realEnv.network.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 30_000 }), (error: unknown) => error instanceof MillraceError && error.code === 'CONNECTION_FAILED' && error.retriable)
})

test('a write says when the system has copied it, and never after the connection has ended', async () => {
  let peer: Socket | undefined
  const listener = await realEnv.network.listen({ host: '127.0.0.1', port: 0 }, socket => {
    peer = socket
    socket.setHandlers({ data: () => {}, drain: () => {}, close: () => {} })
    socket.pause()
  })
  const socket = await realEnv.network.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 30_000 })
  const closed = new Promise<void>(resolve => socket.setHandlers({ data: () => {}, drain: () => {}, close: () => resolve() }))
  await new Promise<void>(resolve => void socket.write([Buffer.from('abc'), Buffer.from('def')], resolve))
  let taken = false
  // More than both sockets hold, and nobody reads.
  socket.write([Buffer.alloc(64 * 1024 * 1024)], () => { taken = true })
  await new Promise(resolve => setTimeout(resolve, 50))
  socket.destroy()
  peer?.destroy()
  await closed
  await listener.close()
  assert.equal(taken, false)
})

function echo(socket: Socket): void {
  socket.setHandlers({ data: chunk => void socket.write([chunk]), drain: () => {}, close: () => {} })
}

test('both ends read straight into the space that is asked of them, on this Node', async () => {
  const inSpace: Record<string, boolean[]> = { accepted: [], connected: [] }
  /** Answers each chunk with one, until it has had three. */
  const bounce = (name: string, socket: Socket): Promise<void> => new Promise(resolve => {
    const space = Buffer.allocUnsafeSlow(256)
    socket.setHandlers({
      space: () => space,
      data: chunk => {
        inSpace[name]?.push(chunk.buffer === space.buffer)
        if (inSpace[name]?.length === 3) resolve()
        socket.write([Buffer.from('on')])
      },
      drain: () => {},
      close: () => {},
    })
  })
  let accepted: Promise<void> | undefined
  const listener = await realEnv.network.listen({ host: '127.0.0.1', port: 0 }, socket => { accepted = bounce('accepted', socket) })
  const socket = await realEnv.network.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 30_000 })
  const connected = bounce('connected', socket)
  socket.write([Buffer.from('go')])
  await connected
  await accepted
  socket.destroy()
  await listener.close()
  // Memory for the first read was asked for before there were handlers.
  for (const name of ['accepted', 'connected']) assert.deepEqual(inSpace[name]?.slice(1, 3), [true, true], name)
})
