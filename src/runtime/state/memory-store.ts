/**
 * The store contract in memory: the model that tests and simulation run on, with the same crash semantics as LMDB.
 *
 * `MemoryStores` is the "disk": what was committed outlives a store that is dropped without `close` (a SIGKILL).
 *
 * R1. A commit takes effect whole, some turns after the call (`defer`), as LMDB's asynchronous writer does; never in the call.
 * R2. `crash()` is a SIGKILL: stores that are open stop, a commit that is under way has happened or has not, as `happened` says.
 * R3. `powerCut()` is worse than LMDB may be: some entries are gone and the position stays. Whoever trusts the store then is found out.
 */
import { assert } from '../../base/assert.ts'
import { MillraceError } from '../../base/errors.ts'
import { RANGE_DELETES_MAX, type CommitResult, type RangeOptions, type StateStore, type StoreChanges, type StoreEntry, type StorePosition, type StoreProvider } from './store.ts'

/** Keys as strings of their bytes (latin1): JavaScript compares them in the order of unsigned bytes. */
interface Files {
  readonly entries: Map<string, Buffer>
  position: StorePosition | undefined
}

export interface MemoryStoresOptions {
  /** Runs `callback` later; the clock's `defer` in simulation. */
  readonly defer?: ((callback: () => void) => void) | undefined
}

export class MemoryStores implements StoreProvider {
  readonly #disk = new Map<string, Files>()
  readonly #open = new Map<string, MemoryStore>()
  readonly #defer: (callback: () => void) => void

  constructor(options: MemoryStoresOptions = {}) {
    this.#defer = options.defer ?? (callback => void Promise.resolve().then(callback))
  }

  open(directory: string): Promise<StateStore> {
    assert(!this.#open.has(directory), `${directory}: the store is open already`)
    let files = this.#disk.get(directory)
    if (files === undefined) this.#disk.set(directory, files = { entries: new Map(), position: undefined })
    const store = new MemoryStore(files, this.#defer, () => this.#open.delete(directory))
    this.#open.set(directory, store)
    return Promise.resolve(store)
  }

  remove(directory: string): void {
    assert(!this.#open.has(directory), `${directory}: an open store cannot be removed`)
    this.#disk.delete(directory)
  }

  /** Directories that hold a store. */
  directories(): string[] {
    return [...this.#disk.keys()].sort()
  }

  /** SIGKILL of the process that has the stores under `prefix` open (R2). */
  crash(prefix: string = '', happened: () => boolean = () => false): void {
    for (const [directory, store] of this.#open) {
      if (!directory.startsWith(prefix)) continue
      store.kill(happened())
      this.#open.delete(directory)
    }
  }

  /** A crash that also loses about half of the entries of every store that was not closed cleanly (R3). `random` is uniform in [0, 1). */
  powerCut(random: () => number): void {
    this.crash('', () => random() < 0.5)
    for (const files of this.#disk.values()) {
      if (files.position?.cleanClose === true) continue
      for (const key of [...files.entries.keys()]) if (random() < 0.5) files.entries.delete(key)
    }
  }
}

export class MemoryStore implements StateStore {
  readonly #files: Files
  readonly #defer: (callback: () => void) => void
  readonly #onClose: () => void
  #sorted: string[] | undefined
  #underWay: (() => void) | undefined
  #finished: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'closed' | 'killed' = 'open'

  constructor(files: Files, defer: (callback: () => void) => void, onClose: () => void) {
    this.#files = files
    this.#defer = defer
    this.#onClose = onClose
  }

  get(key: Buffer): Buffer | undefined {
    this.#check()
    return this.#files.entries.get(key.toString('latin1'))
  }

  *range(from: Buffer, to: Buffer, options: RangeOptions = {}): Iterable<StoreEntry> {
    this.#check()
    this.#sorted ??= [...this.#files.entries.keys()].sort()
    const sorted = this.#sorted
    const end = to.toString('latin1')
    let left = options.limit ?? Infinity
    for (let index = lowerBound(sorted, from.toString('latin1')); index < sorted.length; index++, left--) {
      const key = sorted[index]
      if (key === undefined || key >= end || left <= 0) return
      const value = this.#files.entries.get(key)
      assert(value !== undefined && sorted === this.#sorted, 'memory store: changed while iterating')
      yield { key: Buffer.from(key, 'latin1'), value: Buffer.from(value) }
    }
  }

  commit(changes: StoreChanges, position: StorePosition): Promise<CommitResult> {
    this.#check()
    assert(this.#underWay === undefined, 'memory store: a commit is under way')
    const committed = new Promise<CommitResult>((resolve, reject) => {
      const apply = (): void => {
        this.#underWay = undefined
        resolve({ rangesEmpty: this.#apply(changes, position) })
      }
      this.#underWay = apply
      this.#defer(() => {
        if (this.#underWay === apply) apply()
        else reject(new MillraceError('DISK_FAILED', 'The store was killed before the commit ended.'))
      })
    })
    this.#finished = committed.catch(() => undefined)
    return committed
  }

  position(): StorePosition | undefined {
    this.#check()
    return this.#files.position
  }

  entryCount(): number {
    return this.#files.entries.size
  }

  async close(): Promise<void> {
    await this.#finished
    if (this.#state !== 'open') return
    this.#state = 'closed'
    if (this.#files.position !== undefined) this.#files.position = { ...this.#files.position, cleanClose: true }
    this.#onClose()
  }

  /** For `MemoryStores`: the process is gone. */
  kill(commitHappened: boolean): void {
    const apply = this.#underWay
    if (commitHappened && apply !== undefined) apply()
    this.#underWay = undefined
    this.#state = 'killed'
  }

  #apply(changes: StoreChanges, position: StorePosition): boolean {
    const { entries } = this.#files
    let deletesLeft = RANGE_DELETES_MAX
    let rangesEmpty = true
    for (const [from, to] of changes.deleteRanges) {
      for (const { key } of [...this.range(from, to, { limit: deletesLeft + 1 })]) {
        if (deletesLeft === 0) {
          rangesEmpty = false
          break
        }
        deletesLeft--
        entries.delete(key.toString('latin1'))
      }
      this.#sorted = undefined
    }
    changes.keys.forEach((key, index) => {
      const value = changes.values[index]
      if (value === undefined) entries.delete(key.toString('latin1'))
      else entries.set(key.toString('latin1'), Buffer.from(value))
    })
    this.#sorted = undefined
    this.#files.position = { ...position, cleanClose: false }
    return rangesEmpty
  }

  #check(): void {
    assert(this.#state === 'open', `memory store: it is ${this.#state}`)
  }
}

/** First index whose key is ≥ `key`. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
