/** Reminds a shopper of a cart that was left alone for an hour: a function over keyed state and timers. */
import { app, int64, ms, record, text, topic } from 'millrace'

const CartEvent = record({ shopper: text, type: text, at: int64 })
const Reminder = record({ shopper: text, items: int64 })
const cartEvents = topic('cart-events', { key: text, value: CartEvent, time: 'at' })
const reminders = topic('reminders', { key: text, value: Reminder })

export default app('carts').task('remind', ({ read }) =>
  read(cartEvents)
    .keyBy(event => event.shopper)
    .process('remind', {
      state: int64,
      emits: Reminder,
      onRecord(event, { state, timers, time }) {
        if (event.type === 'checkout') {
          state.delete()
          timers.cancel()
        } else {
          state.set((state.get() ?? 0) + 1)
          timers.set(time + ms('1 hour'))
        }
      },
      onTimer(_timer, { key, state, emit }) {
        emit({ shopper: key, items: state.get() ?? 0 })
        state.delete()
      },
    })
    .write(reminders))
