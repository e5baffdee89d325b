/** Kafka Connect at both ends of PostgreSQL, each worker killed: `examples/linked/connect-postgres.ts`. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realEnv } from '../../../src/env/real/env.ts'
import { connectPostgres, type PostgresConnection } from '../../../src/sinks/postgres-connection.ts'
import { startKafka } from '../../support/kafka.ts'
import { need, ROOT } from '../../support/need.ts'
import { startPostgres } from '../../support/postgres.ts'
import { until, Watched } from '../../support/watched.ts'

need('kafka', 'engines', 'postgres')

/** A worker that was killed is missed for 10 s, and its sink's group for 10 s more. */
const SECONDS_MAX = 180

const number = async (database: PostgresConnection, sql: string): Promise<number> => Number((await database.query(sql)).rows[0]?.['n'])

/** Orders are made and changed until all is over; a bill is the last state of its order. */
async function changeOrders(database: PostgresConnection, isOver: () => boolean): Promise<void> {
  for (let id = 0; !isOver(); id += 5) {
    await database.query(`INSERT INTO orders SELECT id, 'customer-' || id % 7, id * 3 FROM generate_series(${id}, ${id + 4}) AS id`)
    if (id > 0) await database.query(`UPDATE orders SET cents = cents + 1 WHERE id = ${Math.floor(id / 2)}`)
    await realEnv.clock.sleep(40)
  }
}

test('table → topic → task → topic → table: each worker is killed, and every order has its bill, once and as it stands, on Apache Kafka', async () => {
  const postgres = await startPostgres({ settings: { wal_level: 'logical' } })
  const folder = mkdtempSync(join(tmpdir(), 'millrace-connect-'))
  const [kafka, database] = await Promise.all([startKafka(), connectPostgres(postgres.url)])
  let isOver = false
  let watched: Watched | undefined
  // The sink makes the table.
  const bills = async (): Promise<number> => await number(database, "SELECT count(to_regclass('bills')) AS n") === 0 ? 0 : number(database, 'SELECT count(*) AS n FROM bills')
  try {
    await database.query('CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, cents bigint NOT NULL)')
    watched = await Watched.start(join(ROOT, 'dist', 'examples', 'linked', 'connect-postgres.js'), kafka.bootstrap, folder, { LINKED_POSTGRES: `127.0.0.1:${postgres.port}/postgres`, LINKED_USER: 'millrace' })
    const { log } = watched
    const changing = changeOrders(database, () => isOver)
    for (const name of ['changes', 'table']) {
      const before = await bills()
      await until(`bills come before ${name} is killed`, async () => await bills() > before + 50, log, SECONDS_MAX)
      await watched.kill(name)
    }
    const before = await bills()
    await until('bills come after the last kill', async () => await bills() > before + 50, log, SECONDS_MAX)
    isOver = true
    await changing
    const orders = await number(database, 'SELECT count(*) AS n FROM orders')
    // Recomputed from the orders: what is missing, or is not as it should be.
    const wrong = 'SELECT count(*) AS n FROM orders FULL JOIN bills USING (id) WHERE orders.customer IS DISTINCT FROM bills.customer OR (orders.cents / 100.0)::float8 IS DISTINCT FROM bills.total'
    await until('every bill is as its order', async () => await number(database, wrong) === 0, log, SECONDS_MAX)
    for (const name of ['changes', 'table']) assert.deepEqual([(await watched.task(name))?.state, (await watched.task(name))?.lastError], ['running', null], name)
    console.log(`${orders} orders, ${await bills()} bills`)
    await watched.stop()
  } catch (error) {
    console.log(watched?.log())
    throw error
  } finally {
    isOver = true
    await watched?.end()
    await Promise.all([database.close(), kafka.stop()])
    await postgres.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
