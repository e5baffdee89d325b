/**
 * Apps that go wrong, one for each name in `ERRORS_APP`; test/errors.test.ts runs them as a user does and reads what they say.
 * The test looks for the line marked `breaks here` by its text: it may move.
 */
import { app, deadLetter, f64, record, text, topic } from 'millrace'
import { process as foreign } from 'millrace/engines'
import type { App } from '../../src/dsl/app.ts'

const Order = record({ id: text, total: f64 })
const orders = topic('errors.orders', { key: text, value: Order, partitions: 2 })
const customers = topic('errors.customers', { key: text, value: text, partitions: 3 })
const checked = topic('errors.checked', { key: text, value: Order, partitions: 2 })
const joined = topic('errors.joined', { key: text, value: text })

function check(order: { readonly id: string; readonly total: number }): { id: string; total: number } {
  if (order.total < 0) throw new RangeError(`order ${order.id} has a negative total`) // breaks here
  return { id: order.id, total: order.total }
}

const checking = (onError: 'fail' | 'skip' | ReturnType<typeof deadLetter>): App =>
  app('errors').task('check', ({ read }) => read(orders).map(check).write(checked), { onError })

const APPS: Readonly<Record<string, () => App>> = {
  fail: () => checking('fail'),
  skip: () => checking('skip'),
  deadLetter: () => checking(deadLetter('errors.dead')),
  wrongOutput: () => app('errors').task('check', ({ read }) => read(orders).map(({ id, total }) => ({ id, total: total < 0 ? Number.NaN : total })).write(checked)),
  tooLarge: () => app('errors').task('check', ({ read }) => read(orders).map(({ id, total }) => ({ id: total < 0 ? id.repeat(1_000_000) : id, total })).write(checked)),
  badTime: () => app('errors').task('check', ({ read }) => read(topic('errors.orders', { key: text, value: Order, time: order => order.total / 2 })).write(checked)),
  mismatch: () => app('errors').task('join', ({ read, table }) => read(orders).join(table(customers), (order, name) => `${name} ${order.id}`).write(joined)),
  counting: () => app('errors').task('count', ({ read }) => read(orders).keyBy(order => order.id).count('per-id').map(String).write(joined)),
  foreign: () => app('errors')
    .task('check', ({ read }) => read(orders).write(checked))
    .task('elsewhere', { on: foreign({ command: 'no-such-program-here' }), reads: [checked], writes: [joined] }),
}

const make = APPS[process.env['ERRORS_APP'] ?? '']
if (make === undefined) throw new Error(`ERRORS_APP must be one of ${Object.keys(APPS).join(', ')}`)
export default make()
