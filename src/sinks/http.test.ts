/** The HTTP sink on a simulated clock, with a receiver that is a function: order per key, bounds, retries, refusals. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from 'millrace'
import { http, RowsRejected, type HttpOptions, type Target, type TargetRow, type TargetShard } from 'millrace/sinks'
import { silentLogger } from '../base/logger.ts'
import { Sim } from '../testing/sim/sim.ts'
import { retryAfterMs } from './http.ts'

const shard: TargetShard = { key: '0_0', partition: 0, inputs: [{ topic: 't', partition: 0 }] }
const row = (offset: number, key: string | undefined = 'k', value: unknown = { n: offset }): TargetRow => ({ key, window: undefined, value, time: 1, topic: 't', partition: 0, offset, index: 0 })

interface Asked { readonly at: number; readonly url: string; readonly init: RequestInit; readonly key: string }

class Receiver {
  readonly sim = new Sim({ seed: 1 })
  readonly asked: Asked[] = []
  readonly #answers: (number: number, asked: Asked) => Response | Error | Promise<Response>
  mostAtOnce = 0
  #atOnce = 0

  constructor(answers: (number: number, asked: Asked) => Response | Error | Promise<Response>) {
    this.#answers = answers
  }

  readonly #env = this.sim.process('app').env

  readonly fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    const asked = { at: this.#env.clock.monotonic(), url: String(url), init, key: headers.get('idempotency-key') ?? '' }
    this.asked.push(asked)
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce)
    try {
      await this.#env.clock.sleep(10)
      const answer = await this.#answers(this.asked.length, asked)
      if (answer instanceof Error) throw answer
      return answer
    } finally {
      this.#atOnce--
    }
  }

  open(options: Partial<HttpOptions<unknown, unknown>> = {}): Promise<Target> {
    return http({ url: 'http://receiver.invalid/rows', fetch: this.fetch, ...options }).open({ env: this.#env, logger: silentLogger, name: 'a.t.http', reach: () => {} })
  }

  deliver(target: Target, rows: readonly TargetRow[]): Promise<void> {
    return this.sim.run(target.deliver([{ shard, rows, ends: [] }]))
  }
}

const ok = (): Response => new Response(null, { status: 204 })

test('rows of a key go one after the other, of different keys side by side, at most `concurrency` at once', async () => {
  const receiver = new Receiver(ok)
  const target = await receiver.open({ concurrency: 3 })
  await receiver.deliver(target, Array.from({ length: 40 }, (_, index) => row(index, `k${index % 8}`)))
  assert.equal(receiver.mostAtOnce, 3)
  for (let key = 0; key < 8; key++) {
    const own = receiver.asked.map(asked => JSON.parse(String(asked.init.body)) as { n: number }).map(({ n }) => n).filter(n => n % 8 === key) // What the sink sent.
    assert.deepEqual(own, [...own].sort((a, b) => a - b))
  }
  const one = new Receiver(ok)
  await one.deliver(await one.open(), Array.from({ length: 5 }, (_, index) => row(index)))
  assert.equal(one.mostAtOnce, 1)
})

test('the Idempotency-Key names app, task, sink and row, and is the same on every try', async () => {
  const receiver = new Receiver(number => number < 3 ? new Response('busy', { status: 503 }) : ok())
  await receiver.deliver(await receiver.open(), [row(7)])
  assert.deepEqual(receiver.asked.map(asked => asked.key), ['a.t.http/t-0-7-0', 'a.t.http/t-0-7-0', 'a.t.http/t-0-7-0'])
  assert.ok((receiver.asked[2]?.at ?? 0) - (receiver.asked[1]?.at ?? 0) > (receiver.asked[1]?.at ?? 0) - (receiver.asked[0]?.at ?? 0), 'longer each time')
})

test('Retry-After holds for every row of the receiver', async () => {
  const receiver = new Receiver(number => number === 1 ? new Response('slow down', { status: 429, headers: { 'retry-after': '5' } }) : ok())
  await receiver.deliver(await receiver.open({ concurrency: 1 }), [row(0, 'a'), row(1, 'b')])
  assert.ok(receiver.asked.slice(1).every(asked => asked.at >= (receiver.asked[0]?.at ?? 0) + 5_000))
  assert.deepEqual([retryAfterMs(null, 0), retryAfterMs('3', 0), retryAfterMs('Thu, 01 Jan 1970 00:00:09 GMT', 4_000), retryAfterMs('soon', 0), retryAfterMs('Thu, 01 Jan 1970 00:00:01 GMT', 4_000)], [0, 3_000, 5_000, 0, 0])
})

test('what is refused is named, what is not is sent; a redirect is a refusal, and so is a row that makes no request', async () => {
  const receiver = new Receiver((_, { init }) => {
    const { n } = JSON.parse(String(init.body)) as { n: number } // What the sink sent.
    return n === 1 ? new Response('no such item', { status: 422 }) : n === 2 ? new Response(null, { status: 302, headers: { location: '/' } }) : ok()
  })
  const target = await receiver.open()
  const circular: { self?: unknown } = {}
  circular.self = circular
  const rows = [row(0), row(1), row(2), row(3), row(4, 'k', circular)]
  await assert.rejects(receiver.deliver(target, rows), (error: unknown) => {
    assert.ok(error instanceof RowsRejected)
    assert.deepEqual(error.rejected.map(each => each.row.offset), [1, 2, 4])
    assert.match(String(error.rejected[0]?.error), /POST http:\/\/receiver\.invalid\/rows was answered with 422: no such item/)
    return true
  })
  // The second run, without them: what was answered is not sent again.
  const before = receiver.asked.length
  await receiver.deliver(target, [row(0), row(3)])
  assert.equal(receiver.asked.length, before)
})

test('a receiver that stays away: the task is told to go back, and nothing that was answered is sent twice', async () => {
  const receiver = new Receiver(number => number < 3 ? ok() : new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }))
  const target = await receiver.open({ retryFor: '2 seconds', concurrency: 1 })
  await assert.rejects(receiver.deliver(target, [row(0), row(1), row(2)]), (error: unknown) => error instanceof MillraceError && error.code === 'CONNECTION_FAILED' && error.retriable && /ECONNREFUSED, for 2 s/.test(error.message))
  const keys = receiver.asked.map(asked => asked.key)
  assert.equal(keys.filter(key => key.endsWith('-0-0')).length, 1)
  assert.ok(keys.filter(key => key.endsWith('-2-0')).length > 3)
})
