/** Looks up every item of a basket in a catalogue that each process holds whole; baskets are keyed by shopper, not by item. */
import { app, f64, list, record, text, topic } from 'millrace'

const Basket = record({ shopper: text, items: list(text) })
const Product = record({ name: text, price: f64 })
const Line = record({ shopper: text, name: text, price: f64 })
const baskets = topic('baskets', { key: text, value: Basket })
const catalogue = topic('catalogue', { key: text, value: Product, cleanup: 'compact' })
const lines = topic('basket-lines', { key: text, value: Line })

export default app('baskets').task('lines', ({ read, globalTable }) =>
  read(baskets)
    .flatMap(({ shopper, items }) => items.map(item => ({ shopper, item })))
    .leftJoinGlobal(globalTable(catalogue), line => line.item, ({ shopper, item }, product) => ({ shopper, name: product?.name ?? `unknown ${item}`, price: product?.price ?? 0 }))
    .write(lines))
