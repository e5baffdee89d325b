import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Env, Socket } from '../env/env.ts'
import { Sim } from '../testing/sim/sim.ts'
import type { SocketHandlers } from '../env/env.ts'
import { Connection } from './connection.ts'
import type { FrameOutcome } from './connection.ts'
import { Session } from './security/session.ts'
import { Users } from './security/users.ts'

/** A socket of which the test is the other end. */
class Wire implements Socket {
  readonly remoteAddress = '127.0.0.1:1'
  readonly localAddress = '127.0.0.1'
  readonly localPort = 1
  bytesQueued = 0
  paused = false
  destroyed = false
  sent: Buffer[] = []
  handlers: SocketHandlers | undefined
  setHandlers(handlers: SocketHandlers): void { this.handlers = handlers }
  write(chunks: readonly Buffer[]): boolean { this.sent.push(...chunks); return true }
  pause(): void { this.paused = true }
  resume(): void { this.paused = false }
  end(): void { this.destroyed = true }
  destroy(): void { this.destroyed = true }
}

function frame(text: string): Buffer {
  const body = Buffer.from(text)
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

/** Of a listener that asks nothing. */
function openSession(env: Env): Session {
  const listener = { protocol: 'PLAINTEXT', host: '127.0.0.1', port: 1, tls: undefined, mechanisms: [], advertise: undefined } as const
  return new Session({ env, users: Users.open(env, '/users.json'), listener, tls: undefined, lifetimeMs: 0 })
}

interface Fixture {
  readonly sim: Sim
  readonly wire: Wire
  readonly frames: string[]
  readonly buffered: { bytes: number }
  closedBecause: string | undefined
}

function fixture(onFrame: (text: string) => Promise<FrameOutcome> | FrameOutcome = () => 'none', frameBytesMax = 1000): Fixture {
  const sim = new Sim({ seed: 1 })
  const { env } = sim.process('p')
  const made: Fixture = { sim, wire: new Wire(), frames: [], buffered: { bytes: 0 }, closedBecause: undefined }
  new Connection(1, made.wire, {
    clock: env.clock, session: openSession(env), frameBytesMax, buffered: made.buffered,
    onSent: () => {},
    onFrame: bytes => { made.frames.push(bytes.toString()); return onFrame(bytes.toString()) },
    onClose: (_connection, why) => { made.closedBecause = why },
  })
  return made
}

test('frames are found however the bytes are cut', () => {
  const all = Buffer.concat(['one', 'two', 'x'.repeat(500), 'four'].map(frame))
  for (const step of [1, 2, 3, 5, 7, 100, 10_000]) {
    const made = fixture()
    for (let at = 0; at < all.length; at += step) made.wire.handlers?.data(all.subarray(at, at + step))
    assert.deepEqual(made.frames, ['one', 'two', 'x'.repeat(500), 'four'], `in pieces of ${step}`)
    assert.equal(made.buffered.bytes, 0)
  }
})

test('sizes that cannot be are closed on, before anything is kept for them', () => {
  for (const size of [0, -1, 1001, 1_195_725_856]) {
    const made = fixture()
    const bytes = Buffer.alloc(8)
    bytes.writeInt32BE(size)
    made.wire.handlers?.data(bytes)
    assert.match(made.closedBecause ?? '', /was announced/)
    assert.deepEqual([made.wire.destroyed, made.frames.length, made.buffered.bytes], [true, 0, 0])
  }
})

test('unfinished requests of all connections together are bounded: who adds a large one beyond is closed, a small one still comes through', () => {
  const made = fixture(undefined, 100 * 1024 * 1024)
  made.buffered.bytes = 256 * 1024 * 1024
  made.wire.handlers?.data(frame('small'))
  assert.deepEqual(made.frames, ['small'])
  const size = Buffer.alloc(4)
  size.writeInt32BE(50 * 1024 * 1024)
  made.wire.handlers?.data(size)
  made.wire.handlers?.data(Buffer.alloc(4 * 1024 * 1024 - 4))
  assert.equal(made.closedBecause, undefined)
  made.wire.handlers?.data(Buffer.alloc(1))
  assert.equal(made.closedBecause, 'too many bytes of unfinished requests on all connections')
  // What it held is given back.
  assert.equal(made.buffered.bytes, 256 * 1024 * 1024)
})

test('a hundred requests under way stop the reading; an answer lets it go on', async () => {
  const open: ((outcome: FrameOutcome) => void)[] = []
  const made = fixture(() => new Promise(resolve => open.push(resolve)))
  made.wire.handlers?.data(Buffer.concat(Array.from({ length: 150 }, (_, index) => frame(String(index)))))
  assert.deepEqual([made.frames.length, made.wire.paused], [100, true])
  open[1]?.([Buffer.from('second')])
  await made.sim.advance(1)
  assert.equal(made.wire.sent.length, 0, 'the second answer waits for the first')
  open[0]?.([Buffer.from('first')])
  await made.sim.advance(1)
  assert.deepEqual(made.wire.sent.map(String), ['first', 'second'])
  assert.equal(made.frames.length, 102)
})

test('idle, half sent and silent connections are closed; one that waits for its answer is not', async () => {
  const silent = fixture()
  await silent.sim.advance(10_001)
  assert.match(silent.closedBecause ?? '', /no request came/)
  const half = fixture()
  half.wire.handlers?.data(frame('whole'))
  half.wire.handlers?.data(frame('half').subarray(0, 5))
  await half.sim.advance(80_000)
  assert.match(half.closedBecause ?? '', /half sent/)
  const idle = fixture()
  idle.wire.handlers?.data(frame('whole'))
  await idle.sim.advance(590_000)
  assert.equal(idle.closedBecause, undefined)
  await idle.sim.advance(60_000)
  assert.match(idle.closedBecause ?? '', /idle/)
  const waiting = fixture(() => new Promise(() => { /* A very long rebalance. */ }))
  waiting.wire.handlers?.data(frame('join'))
  await waiting.sim.advance(3_600_000)
  assert.equal(waiting.closedBecause, undefined)
})
