/**
 * The shop as a process: `node serve.js --bootstrap HOST:PORT [--port N] [--shoppers N] [--seed N]`.
 *
 * Says `{ ready: { port } }` to a parent over IPC and one line on stderr when it serves; ends on SIGTERM, SIGINT or when the parent goes away.
 * `--shoppers -1` simulates none: for a second web process.
 */
import { parseArgs } from 'node:util'
import { realEnv } from 'millrace/client'
import { startShop } from './shop/server.ts'

const STATS_EVERY_MS = 2000

const { values } = parseArgs({
  options: {
    bootstrap: { type: 'string' },
    port: { type: 'string', default: '9500' },
    shoppers: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
  },
})

function wholeNumber(name: string, text: string, min: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min) {
    process.stderr.write(`--${name} takes a whole number of at least ${min}, not '${text}'\n`)
    process.exit(2)
  }
  return value
}

if (values.bootstrap === undefined) {
  process.stderr.write('--bootstrap HOST:PORT is missing\n')
  process.exit(2)
}
const shoppers = wholeNumber('shoppers', values.shoppers, -1)
const shop = await startShop({
  env: realEnv,
  bootstrap: values.bootstrap,
  port: wholeNumber('port', values.port, 0),
  shoppers: shoppers < 0 ? undefined : shoppers,
  seed: wholeNumber('seed', values.seed, 0),
  onError: error => process.stderr.write(`shop: ${error.message}\n`),
})
process.stderr.write(`shop: ${shop.url}\n`)
process.send?.({ ready: { port: shop.port } })
// For who watches this process; nobody waits for it.
setInterval(() => process.send?.({ stats: shop.stats() }), STATS_EVERY_MS).unref()

let isEnding = false
function end(): void {
  if (isEnding) return
  isEnding = true
  shop.close().then(() => process.exit(0), (error: unknown) => {
    process.stderr.write(`shop: ${String(error)}\n`)
    process.exit(1)
  })
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
process.on('disconnect', end)
