/**
 * Rows of a keyed table as joins look them up and as a filter compares them.
 *
 * B1. `get` gives the row as it is at the record at hand; of a filtered table, only where its test holds.
 * B2. `before` gives the row as it was before the change at hand, under the same test: the table's operator notes it right before it passes the change on.
 */
import type { UserFunction } from '../../topology/node.ts'
import type { KeyedStore } from '../state/keyed-store.ts'
import { NO_ORIGIN, type ReadableTable } from './operator.ts'
import { UserContext } from './user-context.ts'

export interface TableRows extends ReadableTable {
  /** `key`: that of the change at hand. */
  before(key: unknown): unknown
}

/** Rows of a store. */
export class StoredRows implements TableRows {
  readonly #store: KeyedStore
  /** The row before the change at hand. */
  previous: unknown = undefined

  constructor(store: KeyedStore) {
    this.#store = store
  }

  get(key: unknown): unknown {
    return this.#store.get(key)
  }

  before(): unknown {
    return this.previous
  }
}

/** A table that has a store, and its rows as others see them. */
export interface StoredTable {
  readonly store: KeyedStore
  readonly rows: StoredRows
}

/** Those of another table's rows for which `test` holds; nothing of it is stored. */
export class FilteredRows implements TableRows {
  readonly #rows: TableRows
  readonly #test: UserFunction<boolean>
  readonly #context = new UserContext()

  constructor(rows: TableRows, test: UserFunction<boolean>) {
    this.#rows = rows
    this.#test = test
  }

  get(key: unknown): unknown {
    return this.kept(key, this.#rows.get(key))
  }

  before(key: unknown): unknown {
    return this.kept(key, this.#rows.before(key))
  }

  /** `row`, or `undefined` where it is not in the table. */
  kept(key: unknown, row: unknown): unknown {
    const test = this.#test
    return row !== undefined && test(row, this.#context.set(key, -1, NO_ORIGIN)) ? row : undefined
  }
}
