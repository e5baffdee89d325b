/**
 * What a declared JSON value means, in the plainest code: parse everything, then pick and check the declared fields.
 *
 * The generated scanner must agree with it on every input, and hands over to it whenever it meets something it does not read itself.
 *
 * J1. `pick(shape, parseJson(text))`: of a repeated name the last value counts; own properties only; undeclared ones are ignored.
 * J2. Every record has all its declared fields, in the order of declaration, those that are absent and optional as `undefined`.
 * J3. The first error in order of declaration is thrown, with the path of the field.
 */
import { unreachable } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { cursor } from './json-bytes.ts'
import type { JsonShape } from './json-shape.ts'
import { isInt32, isInt64 } from './number.ts'
import { serdeError } from './serde.ts'
import { parseJson } from '../base/json-parse.ts'

export function decodeReference(shape: JsonShape, text: string): unknown {
  let parsed: unknown
  try {
    parsed = parseJson(text)
  } catch (error) {
    throw serdeError('', `not JSON: ${messageOf(error)}`, error)
  }
  return pick(shape, parsed, '')
}

export function encodeReference(shape: JsonShape, value: unknown): string {
  return written(shape, value, '')
}

function pick(shape: JsonShape, value: unknown, path: string): unknown {
  switch (shape.kind) {
    case 'any':
      if (value === undefined) throw serdeError(path, 'missing')
      return value
    case 'checked':
      if (value === undefined) throw serdeError(path, 'missing')
      return checked(shape.check, value, path)
    case 'optional':
      return value === undefined || value === null ? undefined : pick(shape.of, value, path)
    case 'list':
      if (!Array.isArray(value)) throw mismatch(shape, value, path)
      return value.map((item: unknown, index) => pick(shape.of, item, `${path}[${index}]`))
    case 'record': {
      if (!isObject(value)) throw mismatch(shape, value, path)
      const result = {}
      for (const field of shape.fields) setOwn(result, field.name, pick(field.shape, ownField(value, field.name), inside(path, field.name)))
      if (shape.side !== undefined) cursor.side = Number(pick(shape.side.shape, ownField(value, shape.side.name), inside(path, shape.side.name)) ?? Number.NaN)
      return result
    }
    case 'text': case 'bool': case 'int32': case 'int64': case 'f64':
      if (!isScalar(shape, value)) throw mismatch(shape, value, path)
      return value
    default:
      return unreachable(shape)
  }
}

function written(shape: JsonShape, value: unknown, path: string): string {
  switch (shape.kind) {
    case 'any': case 'checked': {
      const text = stringified(value, path)
      if (text === undefined) throw mismatch(shape, value, path)
      return text
    }
    case 'optional':
      return value === undefined || value === null ? 'null' : written(shape.of, value, path)
    case 'list':
      if (!Array.isArray(value)) throw mismatch(shape, value, path)
      return `[${value.map((item: unknown, index) => written(shape.of, item, `${path}[${index}]`)).join(',')}]`
    case 'record': {
      if (!isObject(value)) throw mismatch(shape, value, path)
      const parts: string[] = []
      for (const field of shape.fields) {
        // A field may stand on the value's prototype (a getter of a class), but not on Object's.
        const item = value[field.name]
        if (field.shape.kind === 'optional' && (item === undefined || item === null)) continue
        parts.push(`${JSON.stringify(field.name)}:${written(field.shape, item, inside(path, field.name))}`)
      }
      return `{${parts.join(',')}}`
    }
    case 'text': case 'bool': case 'int32': case 'int64': case 'f64':
      if (!isScalar(shape, value)) throw mismatch(shape, value, path)
      return JSON.stringify(value)
    default:
      return unreachable(shape)
  }
}

function checked(check: (value: unknown) => unknown, value: unknown, path: string): unknown {
  try {
    return check(value)
  } catch (error) {
    throw serdeError(path, messageOf(error), error)
  }
}

function stringified(value: unknown, path: string): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (error) {
    throw serdeError(path, `cannot be written as JSON: ${messageOf(error)}`, error)
  }
}

function isScalar(shape: JsonShape, value: unknown): boolean {
  switch (shape.kind) {
    case 'text': return typeof value === 'string'
    case 'bool': return typeof value === 'boolean'
    case 'int32': return isInt32(value)
    case 'int64': return isInt64(value)
    case 'f64': return typeof value === 'number' && Number.isFinite(value)
    default: return false
  }
}

function ownField(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}

/** As JSON.parse does it: `__proto__` becomes a property like any other. */
function setOwn(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function mismatch(shape: JsonShape, value: unknown, path: string): Error {
  return serdeError(path, value === undefined ? 'missing' : `expected ${expected(shape)}, found ${found(value)}`)
}

function expected(shape: JsonShape): string {
  switch (shape.kind) {
    case 'record': return 'an object'
    case 'list': return 'a list'
    case 'int32': return 'a whole number of 32 bits'
    case 'int64': return 'a whole number of at most 2^53 - 1'
    case 'f64': return 'a finite number'
    case 'bool': return 'true or false'
    case 'text': return 'text'
    case 'any': case 'checked': return 'a JSON value'
    case 'optional': return expected(shape.of)
    default: return unreachable(shape)
  }
}

function found(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value === null) return 'null'
  if (typeof value === 'string') return value.length > 40 ? `text of ${value.length} characters` : `text ${JSON.stringify(value)}`
  return typeof value === 'object' ? 'an object' : `${typeof value} ${String(value)}`
}
