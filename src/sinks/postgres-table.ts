/** Rows as objects into a table: one statement per batch, the values as one JSON parameter, read by the table's own column types. */
import { MillraceError, messageOf } from '../base/errors.ts'
import { RowsRejected } from '../topology/target.ts'
import type { RejectedRow, TargetRow } from '../topology/target.ts'
import type { Writer } from './postgres.ts'

export interface TableOptions {
  readonly table: string
  readonly row: ((row: TargetRow) => unknown) | undefined
  readonly upsert: readonly string[] | undefined
}

export function tableWriter({ table, row: rowOf, upsert }: TableOptions): Writer {
  const name = table.split('.').map(quoted).join('.')
  if (upsert?.length === 0) throw new MillraceError('CONFIG_INVALID', `postgres: upsert names no column; leave it out to add rows to '${table}' only`)
  return async (transaction, rows) => {
    const { json, columns } = encoded(rows, rowOf, upsert)
    const list = columns.map(quoted).join(', ')
    await transaction.query(`INSERT INTO ${name} (${list}) SELECT ${list} FROM json_populate_recordset(NULL::${name}, $1::json)${conflict(columns, upsert)}`, [json])
  }
}

function conflict(columns: readonly string[], upsert: readonly string[] | undefined): string {
  if (upsert === undefined) return ''
  const rest = columns.filter(column => !upsert.includes(column))
  const target = ` ON CONFLICT (${upsert.map(quoted).join(', ')}) DO `
  return rest.length === 0 ? `${target}NOTHING` : `${target}UPDATE SET ${rest.map(column => `${quoted(column)} = EXCLUDED.${quoted(column)}`).join(', ')}`
}

/** The rows as a JSON list, and every column that one of them has. Of rows that replace one another the last stays: a statement may touch a row once only. */
function encoded(rows: readonly TargetRow[], rowOf: TableOptions['row'], upsert: readonly string[] | undefined): { readonly json: string; readonly columns: readonly string[] } {
  const columns = new Set<string>()
  const texts = new Map<string, string>()
  const refused: RejectedRow[] = []
  for (const [index, row] of rows.entries()) {
    try {
      const value = rowOf === undefined ? row.value : rowOf(row)
      if (typeof value !== 'object' || value === null) throw new MillraceError('SINK_REFUSED', `a row of a table is an object, this one is ${value === null ? 'null' : typeof value}`)
      const entries = Object.entries(value).filter(([, cell]) => cell !== undefined)
      for (const [column] of entries) columns.add(column)
      const key = upsert === undefined ? String(index) : JSON.stringify(upsert.map(column => Reflect.get(value, column) ?? null))
      texts.delete(key)
      texts.set(key, JSON.stringify(value))
    } catch (error) {
      refused.push({ row, error: error instanceof MillraceError ? error : new MillraceError('SINK_REFUSED', messageOf(error), { cause: error }) })
    }
  }
  if (refused.length > 0) throw new RowsRejected(refused)
  return { json: `[${[...texts.values()].join(',')}]`, columns: [...columns] }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
