/** Lets each payment through once, however often it is sent again within ten minutes. */
import { app, f64, int64, record, text, topic } from 'millrace'

const Payment = record({ id: text, account: text, amount: f64, at: int64 })
const payments = topic('payments', { key: text, value: Payment, time: 'at' })
const uniquePayments = topic('unique-payments', { key: text, value: Payment })

export default app('payments').task('once', ({ read }) =>
  read(payments)
    .keyBy(payment => payment.id)
    .distinct({ within: '10 minutes' })
    .write(uniquePayments))
