/**
 * Balances: each transfer becomes two bookings, and every booking counts exactly once, whatever is killed in between. The sum over all
 * accounts is zero at every commit. Exactly once is the default; it is written out here to be seen.
 */
import { app, f64, record, text, topic } from 'millrace'

const Transfer = record({ id: text, from: text, to: text, amount: f64 })
const Booking = record({ account: text, amount: f64 })
const transfers = topic('transfers', { key: text, value: Transfer })
const bookings = topic('bookings', { key: text, value: Booking })
const balances = topic('balances', { key: text, value: f64, cleanup: 'compact' })

export default app('bank', { guarantee: 'exactlyOnce' })
  .task('book', ({ read }) =>
    read(transfers)
      .flatMap(({ from, to, amount }) => [{ account: from, amount: -amount }, { account: to, amount }])
      .write(bookings, { key: booking => booking.account }))
  .task('balance', ({ read }) =>
    read(bookings)
      .aggregate('balance', { zero: () => 0, add: (sum, booking) => sum + booking.amount })
      .write(balances))
