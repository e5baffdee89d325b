/** What the compiler promises of sinks: rows of the right type, keys and windows included. Compiled with everything else; never run. */
import { app, f64, optional, record, text, topic } from 'millrace'
import { each, files, http, postgres, type TargetOf } from 'millrace/sinks'
import { readFiles } from 'millrace/sources'

const Order = record({ id: text, total: f64 })
const orders = topic('orders', { key: text, value: Order })
const maybe = topic('maybe', { key: text, value: optional(Order) })
declare const ofOrders: TargetOf<string, { readonly id: string; readonly total: number }>
declare const ofNumbers: TargetOf<string, number>

export const described = app('types').task('t', ({ read }) => {
  const stream = read(orders)
  stream.to(ofOrders)
  stream.to('named', ofOrders)
  // @ts-expect-error a sink of numbers takes no orders
  stream.to(ofNumbers)
  // @ts-expect-error a value that may be absent is not what the sink takes
  read(maybe).to(ofOrders)
  // @ts-expect-error the count is a number, the sink takes orders
  stream.count('n').to(ofOrders)
  stream.count('m').to(ofNumbers)

  stream.to('function', each(rows => { for (const { key, value } of rows) void (key.length + value.total) }))
  // @ts-expect-error orders have no field `price`
  stream.to('wrong', each(rows => { for (const { value } of rows) void value.price }))
  stream.to('lines', files({ directory: '/x', line: ({ key, value }) => `${key} ${value.total.toFixed(2)}` }))
  // @ts-expect-error a line is text
  stream.to('numbers', files({ directory: '/x', line: ({ value }) => value.total }))
  stream.to('requests', http({ url: ({ value }) => `https://x/${value.id}`, body: ({ value }) => JSON.stringify(value.total) }))
  // @ts-expect-error misspelt
  stream.to('misspelt', http({ url: 'https://x/', timeout: '3 secnds' }))

  stream.to('table', postgres({ connection: 'postgres://x/', table: 'orders', upsert: ['id'] }))
  // @ts-expect-error the row has no column `key`
  stream.to('columns', postgres({ connection: 'postgres://x/', table: 'orders', upsert: ['key'] }))
  stream.to('rows', postgres({ connection: 'postgres://x/', table: 'orders', row: ({ key, value }) => ({ customer: key, total: value.total }), upsert: ['customer'] }))
  // @ts-expect-error a number is no row of a table
  stream.count('counted').to('bare', postgres({ connection: 'postgres://x/', table: 'counts' }))
  stream.to('own', postgres({ connection: 'postgres://x/', write: async (transaction, rows) => { for (const { value } of rows) await transaction.query('SELECT $1', [value.id]) } }))
  // @ts-expect-error the statements are asynchronous: who does not wait for them commits before they are done
  stream.to('sync', postgres({ connection: 'postgres://x/', write: (transaction, rows) => { void transaction.query('SELECT $1', [rows.length]) } }))
})

void readFiles({ name: 's', topic: orders, bootstrap: '', directory: '', read: line => ({ key: line.file, value: { id: line.text, total: 1 } }) })
// @ts-expect-error the topic takes orders
void readFiles({ name: 's', topic: orders, bootstrap: '', directory: '', read: line => ({ key: line.file, value: line.text }) })
