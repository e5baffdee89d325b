/**
 * Steps that are said instead of programmed: `where`, `select`, a key by its field's name. They mean what the closures made here mean, and because the runtime can
 * see what they ask for it runs them over a record's bytes where it can (`runtime/operators/byte-head.ts`).
 */
import type { Comparison, Condition, Scalar } from '../serde/json-spans.ts'
import { pickFields } from '../serde/record.ts'
import type { Serde } from '../serde/serde.ts'
import { topologyError } from '../topology/names.ts'
import { callerSite } from './site.ts'

/** Names of the fields of `V` whose values are `T`. */
export type FieldsOf<V, T> = { [N in keyof V & string]-?: V[N] extends T ? N : never }[keyof V & string]

/** Names of the fields whose values are text, numbers or booleans, also where they may be absent. */
type ScalarFields<V> = { [N in keyof V & string]-?: NonNullable<V[N]> extends Scalar ? N : never }[keyof V & string]

/** What a field's value must be. Several in one object must all hold. An absent value is equal to nothing: only `not` holds for it. */
export interface Comparisons<T> {
  readonly is?: T | undefined
  readonly not?: T | undefined
  readonly in?: readonly T[] | undefined
  readonly below?: (T & number) | undefined
  readonly atMost?: (T & number) | undefined
  readonly above?: (T & number) | undefined
  readonly atLeast?: (T & number) | undefined
}

/** A value to be equal to, or comparisons, by field; all must hold. */
export type Where<V> = { readonly [N in ScalarFields<V>]?: NonNullable<V[N]> | Comparisons<NonNullable<V[N]>> }

const OPS = ['is', 'not', 'in', 'below', 'atMost', 'above', 'atLeast'] as const

export function conditionsOf(where: Readonly<Record<string, unknown>>): Condition[] {
  return Object.entries(where).flatMap(([field, asked]) => {
    if (asked === undefined) return []
    if (isScalar(asked)) return [{ field, comparison: comparisonOf(field, 'is', asked) }]
    if (typeof asked !== 'object' || asked === null) throw refused(field, asked)
    return Object.entries(asked).flatMap(([op, value]: [string, unknown]) => value === undefined ? [] : [{ field, comparison: comparisonOf(field, op, value) }])
  })
}

function comparisonOf(field: string, name: string, value: unknown): Comparison {
  const op = OPS.find(each => each === name)
  if (op === 'in' && Array.isArray(value) && value.every(isScalar)) return { op, values: value }
  if ((op === 'is' || op === 'not') && isScalar(value)) return { op, value }
  if (op !== undefined && op !== 'in' && op !== 'is' && op !== 'not' && typeof value === 'number' && !Number.isNaN(value)) return { op, value }
  throw refused(field, { [name]: value })
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && !Number.isNaN(value))
}

function refused(field: string, asked: unknown): Error {
  return topologyError(`where: '${field}' is compared with ${JSON.stringify(asked)}. Give a text, a number, a boolean, or comparisons: ${OPS.join(', ')}`, callerSite())
}

/** The closure that means the same. */
export function testOf(conditions: readonly Condition[]): (value: Readonly<Record<string, unknown>>) => boolean {
  return value => conditions.every(({ field, comparison }) => holds(value[field], comparison))
}

function holds(found: unknown, comparison: Comparison): boolean {
  switch (comparison.op) {
    case 'is': return found === comparison.value
    case 'not': return found !== comparison.value
    case 'in': return comparison.values.some(value => value === found)
    case 'below': return typeof found === 'number' && found < comparison.value
    case 'atMost': return typeof found === 'number' && found <= comparison.value
    case 'above': return typeof found === 'number' && found > comparison.value
    case 'atLeast': return typeof found === 'number' && found >= comparison.value
  }
}

export function selectOf(names: readonly string[]): (value: Readonly<Record<string, unknown>>) => Record<string, unknown> {
  return value => {
    const selected: Record<string, unknown> = {}
    for (const name of names) selected[name] = value[name]
    return selected
  }
}

/** How selected fields are written inside the app: as the record they are of, where it is one. */
export function selectedSerde(of: Serde<unknown>, names: readonly string[]): Serde<unknown> | undefined {
  return pickFields(of, names)
}

export function fieldOf(name: string): (value: Readonly<Record<string, unknown>>) => unknown {
  return value => value[name]
}
