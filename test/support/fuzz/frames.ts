/**
 * Requests that no client would send, made from the schema tables: each field by its type, drawn from what hurts (edges of the number's range,
 * names that exist, names that cannot), then encoded as the version wants it and, half of the time, bent byte by byte.
 */
import { BatchBuilder } from '../../../src/wire/batch-builder.ts'
import { crc32c } from '../../../src/wire/crc32c.ts'
import { encodeRequest } from '../../../src/wire/frames.ts'
import type { Api } from '../../../src/wire/schema.ts'
import type { FieldShape, Shape } from '../../../src/wire/schema-compiler.ts'
import type { SeededRandom } from '../seeded-random.ts'

/** Names that come up again and again, so that requests meet what earlier ones made; among them what may never be a name. */
const NAMES = ['t', 'u', 't', 'u', 'g', 'g', 'x', '', '.', '..', 'a/b', '__proto__', 'constructor', '__consumer_offsets', '__transaction_state', '\0', '\u202e', 'n'.repeat(249), 'n'.repeat(250), 'é', 'uniform', 'range', 'consumer', 'retention.ms', 'cleanup.policy', 'delete', 'compact', 'User:a']
const NUMBERS = [0, 0, 1, 1, 2, 3, 5, -1, -1, -2, -3, 100, 0x7fff, -0x8000, 0x7fff_ffff, -0x8000_0000]
const LONGS = [...NUMBERS, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 1_700_000_000_000]
const BATCHES = 64

export interface HostileFrames {
  /** A whole frame with its size, or one whose size lies a little. */
  next(): { readonly api: Api; readonly version: number; readonly frame: Buffer }
}

export function hostileFrames(apis: readonly (readonly [api: Api, versionMin: number, versionMax: number])[], random: SeededRandom): HostileFrames {
  const batches = Array.from({ length: BATCHES }, () => hostileBatch(random))
  return {
    next() {
      const [api, versionMin, versionMax] = apis[random.below(apis.length)] ?? apis[0] ?? unreachable()
      const version = versionMin + random.below(versionMax - versionMin + 1)
      const value = valueOf(api.request.shape, version, random, batches, 0)
      // A value that the table has made is what the encoder takes.
      const frame = Buffer.concat(encodeRequest(api, version, { correlationId: random.below(1000), clientId: random.below(8) === 0 ? null : 'fuzz' }, value as Parameters<typeof encodeRequest>[3]))
      return { api, version, frame: random.below(2) === 0 ? frame : bent(frame, random) }
    },
  }
}

function unreachable(): never {
  throw new TypeError('no API to make requests of')
}

function valueOf(shape: Shape, version: number, random: SeededRandom, batches: readonly Buffer[], depth: number, name = ''): unknown {
  switch (shape.kind) {
    case 'primitive': return primitiveOf(shape.name, name, random, batches)
    case 'array': {
      if (shape.nullable && random.below(6) === 0) return null
      const count = random.below(12) === 0 ? 20 >> depth : random.below(3)
      return Array.from({ length: count }, () => valueOf(shape.element, version, random, batches, depth + 1, name))
    }
    case 'struct': {
      if (shape.nullable && random.below(3) === 0) return null
      return Object.fromEntries(shape.fields.filter(field => isThere(field, version, random)).map(field => [field.name, valueOf(field.shape, version, random, batches, depth + 1, field.name)]))
    }
  }
}

function isThere(field: FieldShape, version: number, random: SeededRandom): boolean {
  return !(field.optional && (version < field.from || version > field.to || random.below(4) === 0))
}

function primitiveOf(type: string, name: string, random: SeededRandom, batches: readonly Buffer[]): unknown {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)] ?? unreachable()
  switch (type) {
    case 'bool': return random.below(2) === 0
    case 'int8': return name === 'resourceType' ? pick([2, 4, 32, 0, 99]) : random.below(8) === 0 ? random.below(256) - 128 : random.below(5) - 1
    case 'int16': return random.below(4) === 0 ? random.below(0x1_0000) - 0x8000 : random.below(4) - 1
    case 'uint16': return random.below(0x1_0000)
    // What it makes many of, or waits for, is not what is looked for here: limits of those have tests of their own.
    case 'int32': return /ms$/i.test(name) ? pick([0, 1, 10, -1, 6000, -0x8000_0000]) : /^(numPartitions|count)$/.test(name) ? pick([-1, 0, 1, 2, 3, 0x7fff_ffff]) : name.startsWith('partition') || name === 'index' || name === 'partitions' ? pick([0, 0, 0, 1, 2, -1, 0x7fff_ffff]) : pick(NUMBERS)
    case 'int64': return random.below(3) === 0 ? random.below(20) : pick(LONGS)
    case 'float64': return pick([0, 1, -1, 0.5, NaN, Infinity, -Infinity, 1e308])
    case 'uuid': return random.below(4) === 0 ? 'AAAAAAAAAAAAAAAAAAAAAA' : random.bytes(16).toString('base64url')
    case 'nullableString': return random.below(5) === 0 ? null : pick(NAMES)
    case 'string': return pick(NAMES)
    case 'nullableBytes': return random.below(8) === 0 ? null : name === 'records' ? pick(batches) : random.bytes(random.below(40))
    default: return random.bytes(random.below(40))
  }
}

/** A batch as producers make them, whole or with bytes changed, with the CRC that it should have or not. */
export function hostileBatch(random: SeededRandom): Buffer {
  const builder = new BatchBuilder({ codec: (['none', 'none', 'gzip', 'snappy', 'lz4'] as const)[random.below(5)] ?? 'none' })
  for (let count = random.below(5); count >= 0; count--) builder.append(random.below(2) === 0 ? 0 : 1_700_000_000_000 + random.below(1000), random.below(3) === 0 ? null : random.bytes(random.below(8)), random.below(5) === 0 ? null : random.bytes(random.below(60)))
  const batch = builder.build(random.below(2) === 0 ? {} : { producerId: random.below(4), producerEpoch: random.below(2), baseSequence: random.below(6), transactional: random.below(2) === 0 })
  if (random.below(3) === 0) return batch
  const bad = Buffer.from(batch)
  for (let changes = 1 + random.below(3); changes > 0; changes--) bad[random.below(bad.length)] = random.below(256)
  if (random.below(3) !== 0 && bad.length > 21) bad.writeUInt32BE(crc32c(bad.subarray(21)), 17)
  return random.below(6) === 0 ? bad.subarray(0, random.below(bad.length)) : bad
}

/** Bytes changed, cut out, put in or doubled behind the size; mostly with the size that is then right. */
export function bent(frame: Buffer, random: SeededRandom): Buffer {
  let body = Buffer.from(frame.subarray(4))
  for (let changes = 1 + random.below(4); changes > 0 && body.length > 0; changes--) {
    const at = random.below(body.length)
    switch (random.below(5)) {
      case 0: body[at] = random.below(256); break
      case 1: body[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)] ?? 0; break
      case 2: body = Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + random.below(4))]); break
      case 3: body = Buffer.concat([body.subarray(0, at), random.bytes(1 + random.below(4)), body.subarray(at)]); break
      case 4: if (at + 4 <= body.length) body.writeInt32BE([-1, 0x7fff_ffff, -0x8000_0000, 0x00ff_ffff][random.below(4)] ?? 0, at); break
    }
  }
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}
