/** Lines of `INBOX`'s files, `customer;id;total`, as orders: each exactly once, over any kill. What comes later is read too; SIGTERM ends it between two transactions. */
import { readFiles } from 'millrace/sources'
import { orders } from './topics.ts'

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const { lines } = await readFiles({
  name: 'counter.files', topic: orders, bootstrap: process.env['MILLRACE_BOOTSTRAP'] ?? 'localhost:9092', directory: process.env['INBOX'] ?? '/tmp/inbox', signal: stop.signal,
  read: line => {
    const [customer = '', id = '', total = ''] = line.text.split(';')
    return customer === '' ? undefined : { key: customer, value: { id, total: Number(total) } }
  },
})
console.log(`${lines} lines read`)
