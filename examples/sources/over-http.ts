/** Orders over HTTP: 200 means durable. Prints its address; SIGTERM ends it when what is under way has been answered. */
import { serveIngest } from 'millrace/sources'
import { orders } from './topics.ts'

const server = await serveIngest({
  topic: orders, bootstrap: process.env['MILLRACE_BOOTSTRAP'] ?? 'localhost:9092', port: Number(process.env['PORT'] ?? 9700),
})
console.log(`orders are taken at ${server.url}`)
process.once('SIGTERM', () => { void server.close() })
