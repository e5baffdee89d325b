/** The table in which sinks keep their positions: one for all apps that write to a database, in the first schema of the connection's search path. */
import { MillraceError, messageOf } from '../base/errors.ts'
import type { PostgresConnection } from './postgres-connection.ts'

export const POSITIONS_TABLE = 'millrace_positions'
/** Two that make the table at once would both fail: one waits for the other. */
const LOCK = 7_142_023
const CREATE = `CREATE TABLE IF NOT EXISTS ${POSITIONS_TABLE} (
  sink text NOT NULL, topic text NOT NULL, partition int NOT NULL, offset_next bigint, epoch bigint NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sink, topic, partition))`

/** Makes the table where it is not there yet; a role without the right to make it needs it made. */
export async function createPositions(connection: PostgresConnection): Promise<void> {
  const { rows: [found] } = await connection.query('SELECT to_regclass($1)::text AS name', [POSITIONS_TABLE])
  if (typeof found?.['name'] === 'string') return
  await connection.query('BEGIN')
  try {
    await connection.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    await connection.query(CREATE)
    await connection.query('COMMIT')
  } catch (error) {
    await connection.query('ROLLBACK')
    throw new MillraceError('SINK_FAILED', `The table of positions cannot be made: ${messageOf(error)}\n  next     let somebody who may do it run:\n${CREATE};`, { cause: error })
  }
}
