/**
 * `millrace/sinks`: where a task's rows go beside Kafka. Each function here describes a target for `.to(…)`; nothing is opened before the app runs.
 *
 * | target | delivery | positions are kept in |
 * |---|---|---|
 * | `files` | exactly once | a journal beside the files |
 * | `postgres` | exactly once | a table, in the transaction of the rows |
 * | `http` | at least once, with a key by which the receiver knows a row again | Kafka alone |
 * | `each` | at least once, with the row's coordinates | Kafka alone |
 */
export { each, type EachOptions, type EachTools } from '../sinks/each.ts'
export { files, type FilesOptions } from '../sinks/files.ts'
export { http, type HttpOptions } from '../sinks/http.ts'
export { postgres, type PostgresOptions, type PostgresStatementOptions, type PostgresTableOptions, type PostgresTransaction } from '../sinks/postgres.ts'
export { rowId, RowsRejected, type Target, type TargetBatch, type TargetContext, type TargetOf, type TargetPosition, type TargetRow, type TargetShard, type TargetSpec } from '../topology/target.ts'
