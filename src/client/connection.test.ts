import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Env, Socket, SocketHandlers } from '../env/env.ts'
import { realEnv } from '../env/real/env.ts'
import { Connection } from './connection.ts'

// A scripted socket holds no handle, and a request's deadline is a background timer: something must keep the process waiting.
const alive = setInterval(() => {}, 1000)
after(() => clearInterval(alive))

/** A socket whose peer is the test. */
class ScriptedSocket implements Socket {
  readonly remoteAddress = 'peer:1'
  readonly localAddress = 'here'
  readonly localPort = 2
  readonly bytesQueued = 0
  readonly written: Buffer[] = []
  destroyed = false
  takes = true
  handlers: SocketHandlers | undefined

  setHandlers(handlers: SocketHandlers): void { this.handlers = handlers }
  write(chunks: readonly Buffer[]): boolean {
    this.written.push(...chunks)
    return this.takes
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void { this.destroyed = true }
}

async function open(options: { responseBytesMax?: number, inFlightMax?: number } = {}): Promise<{ socket: ScriptedSocket, connection: Connection }> {
  const socket = new ScriptedSocket()
  const env: Env = { ...realEnv, network: { ...realEnv.network, connect: async () => socket } }
  const connection = await Connection.open(env, { host: 'peer', port: 1, connectTimeoutMs: 100, responseBytesMax: options.responseBytesMax ?? 1_000_000, inFlightMax: options.inFlightMax ?? 10 })
  return { socket, connection }
}

function frame(correlationId: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + body.length, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, body])
}

const request = [Buffer.from('request')]

test('answers are matched by correlation id, however their bytes are cut', async () => {
  const bodies = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(200_000, 'x'), Buffer.from('four')]
  for (const step of [1, 3, 7, 64, 65_536, 1_000_000]) {
    const { socket, connection } = await open()
    const ids = bodies.map(() => connection.nextCorrelationId())
    const answers = ids.map(id => connection.exchange(request, id, 10_000))
    const bytes = Buffer.concat(bodies.map((body, index) => frame(ids[index] ?? 0, body)))
    for (let at = 0; at < bytes.length; at += step) socket.handlers?.data(bytes.subarray(at, at + step))
    for (const [index, answer] of answers.entries()) assert.deepEqual((await answer).subarray(4), bodies[index], `step ${step}`)
    assert.equal(connection.inFlight, 0)
    connection.close()
  }
})

test('an answer longer than the cap closes the connection before it is stored', async () => {
  const { socket, connection } = await open({ responseBytesMax: 1_000 })
  const answer = connection.exchange(request, connection.nextCorrelationId(), 10_000)
  // What an HTTP server would begin with, read as a size.
  socket.handlers?.data(Buffer.from('HTTP/1.1 400 Bad Request'))
  await assert.rejects(answer, { code: 'FRAME_MALFORMED' })
  assert.equal(socket.destroyed, true)
})

test('a negative size and an answer that nobody asked for close the connection', async () => {
  for (const bytes of [Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), frame(77, Buffer.alloc(3))]) {
    const { socket, connection } = await open()
    const answer = connection.exchange(request, connection.nextCorrelationId(), 10_000)
    socket.handlers?.data(bytes)
    await assert.rejects(answer, { code: 'FRAME_MALFORMED' })
    assert.equal(connection.closed, true)
  }
})

test('a request that is not answered in time closes the connection and rejects all that wait, with a retriable error', async () => {
  const { socket, connection } = await open()
  let closed = 0
  connection.onClose(() => { closed++ })
  const late = connection.exchange(request, connection.nextCorrelationId(), 60_000)
  const short = connection.exchange(request, connection.nextCorrelationId(), 20)
  await assert.rejects(short, { code: 'TIMEOUT', retriable: true })
  await assert.rejects(late, { code: 'TIMEOUT' })
  await assert.rejects(connection.exchange(request, connection.nextCorrelationId(), 20), { code: 'TIMEOUT' })
  assert.equal(socket.destroyed, true)
  assert.equal(closed, 1)
})

test('when the peer closes everything waiting is rejected once', async () => {
  const { socket, connection } = await open()
  const answer = connection.exchange(request, connection.nextCorrelationId(), 10_000)
  socket.handlers?.close(new Error('ECONNRESET'))
  await assert.rejects(answer, { code: 'CONNECTION_CLOSED', retriable: true })
  connection.close()
})

test('no more requests than allowed are in flight; the others follow in order', async () => {
  const { socket, connection } = await open({ inFlightMax: 2 })
  const ids = [1, 2, 3, 4].map(() => connection.nextCorrelationId())
  const answers = ids.map((id, index) => connection.exchange([Buffer.from(`r${index}`)], id, 10_000))
  assert.deepEqual(socket.written.map(String), ['r0', 'r1'])
  socket.handlers?.data(frame(ids[0] ?? 0, Buffer.from('a')))
  assert.deepEqual(socket.written.map(String), ['r0', 'r1', 'r2'])
  for (const id of ids.slice(1)) socket.handlers?.data(frame(id, Buffer.from('b')))
  assert.deepEqual((await Promise.all(answers)).map(each => each.subarray(4).toString()), ['a', 'b', 'b', 'b'])
  connection.close()
})

test('a post waits for the socket to drain, and is rejected when it closes first', async () => {
  const { socket, connection } = await open()
  await connection.post(request)
  socket.takes = false
  let taken = false
  const waiting = connection.post(request).then(() => { taken = true })
  await Promise.resolve()
  assert.equal(taken, false)
  socket.handlers?.drain()
  await waiting
  const lost = connection.post(request)
  connection.close()
  await assert.rejects(lost, { code: 'CONNECTION_CLOSED' })
})
