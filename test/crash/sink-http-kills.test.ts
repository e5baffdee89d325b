/**
 * The HTTP sink over SIGKILLs at every step of a delivery and of a commit, on the embedded broker, with a receiver that loses answers and is busy at times: by its
 * Idempotency-Key each row is there once. Red without the keys: the raw duplicates are counted.
 */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { test } from 'node:test'
import { killSinks } from '../support/sink-kills.ts'

/** Of HTTP, `in-deliver` counts single requests. */
const KILLS = ['in-deliver:70', 'after-deliver:2', 'in-deliver:250', 'after-deliver:5', 'before-end-txn:2', 'after-end-txn:2']

interface Line { readonly id: string; readonly n: number }

class Receiver {
  readonly requests: { readonly path: string; readonly key: string; readonly line: Line }[] = []
  refusedForNow = 0
  readonly #server: Server
  url = ''

  constructor() {
    this.#server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => { body += chunk.toString() })
      request.on('end', () => {
        // Every 37th: taken, and the answer lost; every 53rd: busy.
        const number = this.requests.length + this.refusedForNow
        if (number % 53 === 52) {
          this.refusedForNow++
          response.writeHead(503, { 'retry-after': '0' }).end('busy')
          return
        }
        const key = request.headers['idempotency-key']
        this.requests.push({ path: request.url ?? '', key: typeof key === 'string' ? key : '', line: JSON.parse(body) as Line }) // What the sink sent.
        if (number % 37 === 36) request.socket.destroy()
        else response.writeHead(204).end()
      })
    })
  }

  async start(): Promise<this> {
    await new Promise<void>(resolve => { this.#server.listen(0, '127.0.0.1', resolve) })
    const address = this.#server.address()
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port ?? 0 : 0}`
    return this
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  of(path: string): readonly { readonly key: string; readonly line: Line }[] {
    return this.requests.filter(request => request.path === path)
  }
}

test('HTTP: killed at every step, with answers lost and 503s, each row is there once by its Idempotency-Key, and of a key in order', { timeout: 180_000 }, async () => {
  const receiver = await new Receiver().start()
  try {
    const expected = await killSinks({ kind: 'http', target: receiver.url, kills: KILLS })
    let raw = 0
    for (const [path, lines, textOf] of [['/rows', expected.rows, (line: Line) => line.id], ['/counts', expected.counts, (line: Line) => `${line.id} ${line.n}`]] as const) {
      const requests = receiver.of(path)
      const byKey = new Map(requests.map(({ key, line }) => [key, textOf(line)] as const))
      assert.ok(requests.every(({ key, line }) => byKey.get(key) === textOf(line)), 'a key is always of the same row')
      assert.deepEqual([...byKey.values()].sort(), lines)
      raw += requests.length - byKey.size
    }
    // First arrivals of each group count upwards: HO2.
    const seen = new Set<string>()
    const last = new Map<string, number>()
    for (const { key, line } of receiver.of('/counts')) {
      if (seen.has(key)) continue
      seen.add(key)
      assert.equal(line.n, (last.get(line.id) ?? 0) + 1, line.id)
      last.set(line.id, line.n)
    }
    assert.ok(raw > 0, 'kills after a delivery bring its rows again: without the keys they would be doubled')
    console.log(`HTTP: ${expected.fed} records, ${KILLS.length} kills, ${receiver.refusedForNow} answers 503: ${raw} raw duplicates among ${receiver.requests.length} requests, none by key`)
  } finally {
    receiver.close()
  }
})
