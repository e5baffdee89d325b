/** The PostgreSQL sink on a real server: exactly once over SIGKILLs of the app and of the database, zombies shut out, refused rows named. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MillraceError } from 'millrace'
import { postgres, RowsRejected, type Target, type TargetRow, type TargetShard } from 'millrace/sinks'
import { silentLogger } from '../../../src/base/logger.ts'
import { realEnv } from '../../../src/env/real/env.ts'
import { connectPostgres } from '../../../src/sinks/postgres-connection.ts'
import type { PostgresConnection } from '../../../src/sinks/postgres-connection.ts'
import { need } from '../../support/need.ts'
import { startPostgres, type PostgresServer } from '../../support/postgres.ts'
import { doubled, EVERY_POINT, killSinks, UNGUARDED } from '../../support/sink-kills.ts'

need('postgres')

let server: PostgresServer
let database: PostgresConnection

before(async () => {
  server = await startPostgres()
  database = await connectPostgres(server.url)
})

after(async () => {
  await database.close()
  await server.close()
})

const shard: TargetShard = { key: '0_0', partition: 0, inputs: [{ topic: 't', partition: 0 }] }
const row = (offset: number, value: object): TargetRow<string, object> => ({ key: 'k', window: undefined, value, time: 1, topic: 't', partition: 0, offset, index: 0 })
const batch = (rows: readonly TargetRow[], end: number): Parameters<Target['deliver']>[0] => [{ shard, rows, ends: [{ topic: 't', partition: 0, offset: end }] }]
const open = (table: string, upsert?: readonly never[]): Promise<Target> => postgres({ connection: server.url, table, ...upsert === undefined ? {} : { upsert } }).open({ env: realEnv, logger: silentLogger, name: `app.task.${table}`, reach: () => {} })
const all = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> => (await database.query(sql)).rows
const is = (code: string) => (error: unknown): boolean => error instanceof MillraceError && error.code === code

test('PostgreSQL: app and database are killed at every step, and each row is in its table exactly once', { timeout: 240_000 }, async () => {
  for (const table of ['rows', 'counts']) await database.query(`CREATE TABLE ${table} (id text NOT NULL, n bigint NOT NULL)`)
  let databaseKills = 0
  const expected = await killSinks({
    kind: 'postgres', target: server.url, kills: EVERY_POINT,
    disturb: async index => {
      if (index % 3 !== 1) return
      databaseKills++
      await database.close()
      await server.kill()
      await server.start()
      database = await connectPostgres(server.url)
    },
  })
  assert.deepEqual((await all('SELECT id FROM rows')).map(each => String(each['id'])).sort(), expected.rows)
  assert.deepEqual((await all('SELECT id, n FROM counts')).map(each => `${String(each['id'])} ${String(each['n'])}`).sort(), expected.counts)
  console.log(`PostgreSQL: ${expected.fed} records, ${EVERY_POINT.length} kills of the app and ${databaseKills} of the database, ${expected.rows.length} and ${expected.counts.length} rows, each once`)
})

test('PostgreSQL: without positions the same kills double rows', { timeout: 120_000 }, async () => {
  await database.query('DROP TABLE IF EXISTS rows, counts, millrace_positions')
  for (const table of ['rows', 'counts']) await database.query(`CREATE TABLE ${table} (id text NOT NULL, n bigint NOT NULL)`)
  const expected = await killSinks({ kind: 'postgres', target: server.url, kills: UNGUARDED, guard: 'off' })
  const rows = (await all('SELECT id FROM rows')).map(each => String(each['id']))
  const counts = (await all('SELECT id, n FROM counts')).map(each => `${String(each['id'])} ${String(each['n'])}`)
  assert.deepEqual([new Set(rows).size, new Set(counts).size], [expected.rows.length, expected.counts.length], 'nothing is lost')
  assert.ok(doubled(rows) + doubled(counts) > 0, 'the books can turn red')
  console.log(`PostgreSQL without positions: ${doubled(rows)} and ${doubled(counts)} rows doubled by ${UNGUARDED.length} kills`)
})

test('PostgreSQL: whoever has lost its shard writes nothing, also from the middle of a transaction', async () => {
  await database.query('CREATE TABLE fenced (n int)')
  const [old, successor] = [await open('fenced'), await open('fenced')]
  assert.deepEqual(await old.claim(shard), [])
  await old.deliver(batch([row(0, { n: 0 })], 1))
  assert.deepEqual(await successor.claim(shard), [{ topic: 't', partition: 0, offset: 1 }])
  await assert.rejects(old.deliver(batch([row(1, { n: 1 })], 2)), is('FENCED'))
  await successor.deliver(batch([row(1, { n: 10 })], 2))
  assert.deepEqual((await all('SELECT n FROM fenced ORDER BY n')).map(each => each['n']), [0, 10])
  // A claim waits for the transaction that is under way, and knows what it has done.
  let inside: () => void = () => {}
  let goOn: () => void = () => {}
  const entered = new Promise<void>(resolve => { inside = resolve })
  const held = new Promise<void>(resolve => { goOn = resolve })
  const slow = await postgres<string, object>({ connection: server.url, write: async transaction => {
    inside()
    await held
    await transaction.query('INSERT INTO fenced VALUES ($1)', [20])
  } }).open({ env: realEnv, logger: silentLogger, name: 'app.task.fenced', reach: () => {} })
  await slow.claim(shard)
  const delivery = slow.deliver(batch([row(2, {})], 3))
  await entered
  const claim = successor.claim(shard)
  goOn()
  await delivery
  assert.deepEqual(await claim, [{ topic: 't', partition: 0, offset: 3 }])
  for (const target of [old, successor, slow]) await target.close()
})

test('PostgreSQL: rows that it refuses are named, the others are not in it, and wait for the second run', async () => {
  await database.query('CREATE TABLE checked (n int CHECK (n < 100), at timestamptz)')
  const target = await open('checked')
  await target.claim(shard)
  const rows = [row(0, { n: 1, at: '2026-01-01T00:00:00Z' }), row(1, { n: 500 }), row(2, { n: 'many' }), row(3, { n: 3, at: 'yesterday noon or so' })]
  await assert.rejects(target.deliver(batch(rows, 4)), (error: unknown) => error instanceof RowsRejected && error.rejected.map(each => each.row.offset).join() === '1,2,3')
  assert.deepEqual(await all('SELECT n FROM checked'), [])
  await target.deliver(batch([row(0, { n: 1, at: '2026-01-01T00:00:00Z' })], 4))
  assert.deepEqual(await all('SELECT n, at::text FROM checked'), [{ n: 1, at: (await all("SELECT '2026-01-01T00:00:00Z'::timestamptz::text AS at"))[0]?.['at'] }])
  await target.close()
})

test('PostgreSQL: an upsert keeps the last row of a key, also within a batch, and leaves columns alone that no row has', async () => {
  await database.query("CREATE TABLE stock (item text PRIMARY KEY, count int, note text DEFAULT 'new')")
  const target = await postgres<string, { item: string; count: number }>({ connection: server.url, table: 'stock', upsert: ['item'] }).open({ env: realEnv, logger: silentLogger, name: 'app.task.stock', reach: () => {} })
  await target.claim(shard)
  await target.deliver(batch([row(0, { item: 'a', count: 1 }), row(1, { item: 'b', count: 2 }), row(2, { item: 'a', count: 3 })], 3))
  await target.deliver(batch([row(3, { item: 'b', count: 4 })], 4))
  assert.deepEqual(await all('SELECT * FROM stock ORDER BY item'), [{ item: 'a', count: 3, note: 'new' }, { item: 'b', count: 4, note: 'new' }])
  await target.close()
})

test('PostgreSQL: a table, a column, an address that is not there: each says what it is and what to do', async () => {
  await database.query('CREATE TABLE narrow (n int)')
  for (const [table, value, problem] of [['nowhere', { n: 1 }, /relation "nowhere" does not exist/], ['narrow', { m: 1 }, /column "m"/]] as const) {
    const target = await open(table)
    await target.claim(shard)
    await assert.rejects(target.deliver(batch([row(0, value)], 1)), (error: unknown) => is('SINK_FAILED')(error) && problem.test(String(error)) && /nothing is lost/.test(String(error)))
    await target.close()
  }
  await assert.rejects(connectPostgres('postgres://nobody:secret@127.0.0.1:1/x'), (error: unknown) => is('CONNECTION_FAILED')(error) && !String(error).includes('secret'))
  await assert.rejects(connectPostgres('mysql://x'), is('CONFIG_INVALID'))
})
