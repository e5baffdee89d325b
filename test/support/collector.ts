/** The end of a chain in tests of single operators: keeps what arrives. */
import { Operator, type DropReason, type Origin, type OperatorCounters } from '../../src/runtime/operators/operator.ts'

export class Collector extends Operator implements OperatorCounters {
  readonly rows: [key: unknown, value: unknown, time: number, topic: string][] = []
  readonly drops: string[] = []

  process(key: unknown, value: unknown, time: number, origin: Origin): void {
    this.rows.push([key, value, time, `${origin.topic}@${origin.offset}`])
  }

  dropped(operator: string, reason: DropReason): void {
    this.drops.push(`${operator}: ${reason}`)
  }
}

/** An origin in topic `in`. */
export function originAt(offset: number, headers: readonly { readonly key: string; readonly value: Buffer | null }[] = []): Origin {
  return { topic: 'in', partition: 3, offset, keyBytes: undefined, valueBytes: undefined, headers: () => headers, lateKey: () => undefined }
}
