/**
 * Sinks in the test driver. `files` and `each` run as they are, on the virtual machine; a target that reaches out of it (a database, HTTP) is replaced by a list that
 * keeps positions as the best target would: each row once, over kills too.
 */
import type { Target, TargetBatch, TargetPosition, TargetRow, TargetSpec } from '../topology/target.ts'

export class DriverSinks {
  /** By `<app>.<task>.<sink>`. */
  readonly #rows = new Map<string, TargetRow[]>()
  /** By sink, of `topic/partition`. They outlive a kill, as a database does. */
  readonly #positions = new Map<string, Map<string, TargetPosition>>()

  /** Of sink `<app>.<task>.<sink>`, in the order of delivery; `undefined` where nothing of that name was opened. */
  rows(name: string): readonly TargetRow[] | undefined {
    return this.#rows.get(name)
  }

  get names(): readonly string[] {
    return [...this.#rows.keys()]
  }

  readonly replace = (name: string, target: TargetSpec): TargetSpec => {
    const rows = this.#rows.get(name) ?? []
    this.#rows.set(name, rows)
    return { ...target, open: async context => this.#collecting(rows, target.outside ? this.#list(name) : await target.open(context)) }
  }

  #collecting(rows: TargetRow[], target: Target): Target {
    return {
      claim: shard => target.claim(shard),
      async deliver(batches) {
        await target.deliver(batches)
        rows.push(...batches.flatMap(batch => batch.rows))
      },
      release: (shard, clean) => target.release(shard, clean),
      close: () => target.close(),
    }
  }

  #list(name: string): Target {
    const positions = this.#positions.get(name) ?? new Map<string, TargetPosition>()
    this.#positions.set(name, positions)
    return {
      claim: shard => Promise.resolve(shard.inputs.flatMap(input => positions.get(`${input.topic}/${input.partition}`) ?? [])),
      deliver: (batches: readonly TargetBatch[]) => {
        for (const end of batches.flatMap(batch => batch.ends)) positions.set(`${end.topic}/${end.partition}`, end)
        return Promise.resolve()
      },
      release: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }
  }
}
