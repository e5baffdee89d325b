import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket } from '../../env/env.ts'
import { ProcessKilled } from './disk.ts'
import { Sim, simEnv } from './sim.ts'

test('timers fire in order of time, then of scheduling, and only when time is moved', async () => {
  const { sim, env } = simEnv({ seed: 1 })
  const fired: string[] = []
  env.clock.setTimer(() => fired.push('late'), 20)
  env.clock.setTimer(() => fired.push('first'), 10)
  env.clock.setTimer(() => fired.push('second'), 10)
  env.clock.setTimer(() => fired.push('cancelled'), 5).cancel()
  assert.deepEqual(fired, [])
  await sim.advance(10)
  assert.deepEqual(fired, ['first', 'second'])
  assert.equal(env.clock.monotonic(), 10)
  await sim.advance(10)
  assert.deepEqual(fired, ['first', 'second', 'late'])
})

test('a power cut keeps what was synced and loses or tears the rest', async () => {
  let lost = 0
  for (let seed = 0; seed < 40; seed++) {
    const { sim, env } = simEnv({ seed })
    env.disk.makeDirectory('/data')
    await sim.run(env.disk.syncDirectory('/'))
    const file = env.disk.open('/data/log', 'create')
    await sim.run(env.disk.syncDirectory('/data'))
    file.write(Buffer.alloc(2000, 'a'), 0)
    await sim.run(file.datasync())
    file.write(Buffer.alloc(5000, 'b'), 2000)
    assert.equal(file.size(), 7000)
    sim.powerCut()
    assert.throws(() => file.size() + file.read(Buffer.alloc(1), 0, 1, 0), ProcessKilled)
    const after = sim.process('after').env.disk
    const bytes = sim.disk.contents('/data/log')
    assert.equal(after.size('/data/log'), bytes.length)
    assert.ok(bytes.length >= 2000 && bytes.length <= 7000, `seed ${seed}: ${bytes.length} bytes`)
    assert.ok(bytes.subarray(0, 2000).every(byte => byte === 0x61), `seed ${seed}: synced bytes changed`)
    if (bytes.length < 7000 || bytes.subarray(2000).some(byte => byte !== 0x62)) lost += 1
  }
  assert.ok(lost > 30, `only ${lost} of 40 cuts lost anything`)
})

test('a power cut may undo a rename that was not synced, never one that was', async () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const { sim, env } = simEnv({ seed })
    env.disk.makeDirectory('/data')
    env.disk.open('/data/old', 'create')
    await sim.run(Promise.all([env.disk.syncDirectory('/'), env.disk.syncDirectory('/data')]))
    env.disk.rename('/data/old', '/data/new')
    if (seed % 2 === 0) await sim.run(env.disk.syncDirectory('/data'))
    sim.powerCut()
    const names = sim.process('after').env.disk.list('/data').join()
    if (seed % 2 === 0) assert.equal(names, 'new')
    seen.add(names)
  }
  assert.deepEqual([...seen].sort(), ['new', 'old'])
})

test('killing a process keeps the page cache and frees its lock', async () => {
  const { sim, process, env } = simEnv({ seed: 3 })
  env.disk.makeDirectory('/data')
  assert.notEqual(await env.disk.lock('/data'), undefined)
  env.disk.open('/data/x', 'create').write(Buffer.from('kept'), 0)
  const other = sim.process('other')
  assert.equal(await other.env.disk.lock('/data'), undefined)
  process.kill()
  assert.notEqual(await other.env.disk.lock('/data'), undefined)
  assert.equal(sim.disk.contents('/data/x').toString(), 'kept')
})

test('faults: EIO of a datasync, ENOSPC with what fits written, death in the middle of a write', async () => {
  const { sim, process, env } = simEnv({ seed: 4, disk: { capacityBytes: 100 } })
  const file = env.disk.open('/x', 'create')
  assert.throws(() => file.write(Buffer.alloc(150), 0), { code: 'ENOSPC' })
  assert.equal(file.size(), 100)
  sim.disk.fault = operation => operation.kind === 'datasync' ? 'EIO' : undefined
  await assert.rejects(sim.run(file.datasync()), { code: 'EIO' })
  sim.disk.fault = operation => operation.kind === 'write' ? 'dieTorn' : undefined
  assert.throws(() => file.write(Buffer.alloc(50, 'z'), 0), ProcessKilled)
  assert.equal(process.alive, false)
})

test('sockets deliver in order, copy what they carry, and say when they close', async () => {
  const sim = new Sim({ seed: 5 })
  const server = sim.process('server')
  const client = sim.process('client')
  const received: string[] = []
  let serverSide: Socket | undefined
  const closes: unknown[] = []
  await server.env.network.listen({ host: '127.0.0.1', port: 9092 }, socket => {
    serverSide = socket
    socket.setHandlers({
      data: chunk => {
        received.push(chunk.toString())
        chunk.fill(0)
        socket.write([Buffer.from('!')])
      },
      drain: () => {},
      close: error => closes.push(error),
    })
  })
  const socket = await sim.run(client.env.network.connect({ host: '127.0.0.1', port: 9092, timeoutMs: 1000 }))
  let answers = 0
  socket.setHandlers({ data: chunk => { answers += chunk.length }, drain: () => {}, close: error => closes.push(error) })
  const text = 'a stream of bytes '.repeat(20)
  const sent = [...text].map(character => Buffer.from(character))
  for (const chunk of sent) socket.write([chunk])
  await sim.runUntilQuiet()
  assert.equal(received.join(''), text)
  assert.equal(sent.map(String).join(''), text)
  assert.equal(answers, text.length)
  sim.network.partition(client, server)
  socket.write([Buffer.from('held')])
  await sim.advance(1000)
  assert.equal(received.join(''), text)
  sim.network.heal()
  await sim.runUntilQuiet()
  assert.equal(received.join(''), `${text}held`)
  assert.ok(serverSide !== undefined)
  client.kill()
  await sim.runUntilQuiet()
  assert.equal(closes.length, 1)
  assert.equal((closes[0] as NodeJS.ErrnoException).code, 'ECONNRESET')
  await assert.rejects(sim.run(sim.process('late').env.network.connect({ host: '127.0.0.1', port: 1, timeoutMs: 10 })), { code: 'CONNECTION_FAILED' })
})

test('the same seed gives the same run', async () => {
  const run = async (seed: number): Promise<string> => {
    const { sim, env } = simEnv({ seed })
    const trace: string[] = []
    for (let index = 0; index < 20; index++) env.clock.setTimer(() => trace.push(`${index}@${env.clock.monotonic()}`), env.random.next() * 10)
    const file = env.disk.open('/f', 'create')
    file.write(env.random.bytes(3000), 0)
    void file.datasync().then(() => trace.push(`synced@${env.clock.monotonic()}`))
    await sim.advance(5)
    sim.powerCut()
    trace.push(...[...sim.disk.files()].map(([path, bytes]) => `${path}=${bytes.toString('hex')}`))
    return trace.join('\n')
  }
  assert.equal(await run(7), await run(7))
  assert.notEqual(await run(7), await run(8))
})
