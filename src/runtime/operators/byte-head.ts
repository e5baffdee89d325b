/**
 * Declared steps at the front of a sub-topology, over the bytes of the record: `where`, `select`, `keyBy('field')`, and what they end in.
 *
 *   source ──▶ where … select … keyBy ──▶ sink, repartition topic      the row is put together from the record's own tokens; no object is made
 *                                    ├──▶ counts (combine)             the key alone is made
 *                                    └──▶ any other step               an object of the selected fields is made, for records that pass (only behind a where)
 *
 * Y1. It means what the same steps mean one by one on a decoded value. The plain operators are there too, and get every record that `read` gives up on, and those
 *     whose key has an escape or bytes beyond ASCII.
 * Y2. `read` when the record becomes the head of its queue, `process` when its turn has come; between them no other `read` of the same head.
 */
import type { JsonField, JsonShape } from '../../serde/json-shape.ts'
import { compileSpanMaker, compileSpanPrinter, compileSpanScanner, compileSpanTest, scalarKind, SPAN } from '../../serde/json-spans.ts'
import type { Condition, SpanMaker, SpanPrinter, SpanScanner, SpanTest } from '../../serde/json-spans.ts'
import { readNumber, readString } from '../../serde/json-bytes.ts'
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import type { Node, NodeId } from '../../topology/node.ts'
import type { ChildEdge, HeadNode, SubTopology } from '../../topology/plan.ts'
import { EMPTY } from '../state/layout.ts'
import { Operator, type Origin, type Output } from './operator.ts'

/** How the front of a sub-topology is run over bytes. Holds no record: one for all shards. */
export interface ByteProgram {
  readonly scan: SpanScanner
  readonly test: SpanTest
  readonly fieldCount: number
  /** Field of the event time; −1: the record's timestamp. */
  readonly timeField: number
  /** Field of the key; −1: the record's own. */
  readonly keyField: number
  readonly end: ByteEnd
}

type ByteEnd =
  /** Into a topic: `print` undefined writes the value as it came. */
  | { readonly kind: 'write'; readonly topic: string; readonly print: SpanPrinter | undefined }
  /** To the operators behind node `after`; `make` undefined: the value does not matter. */
  | { readonly kind: 'pass'; readonly after: NodeId; readonly make: SpanMaker | undefined }

export class ByteHead extends Operator {
  readonly #program: ByteProgram
  readonly #plain: Operator
  readonly #next: Operator
  readonly #output: Output
  readonly #readPlain: (buffer: Buffer, start: number, end: number) => unknown
  readonly #readKey: (buffer: Buffer) => unknown
  readonly #spans: Int32Array
  readonly #writer = new ByteWriter(1_024)
  #buffer: Buffer = EMPTY
  #start = 0
  #end = 0

  /** `plain`: the first of the operators for decoded values; `next`: those behind the declared steps. */
  constructor(program: ByteProgram, head: HeadNode, parts: { readonly plain: Operator; readonly next: Operator; readonly output: Output }) {
    super()
    this.#program = program
    this.#plain = parts.plain
    this.#next = parts.next
    this.#output = parts.output
    this.#readPlain = (buffer, start, end) => head.value.deserialize(buffer, start, end)
    this.#spans = new Int32Array(program.fieldCount * SPAN)
    const at = program.keyField * SPAN
    this.#readKey = buffer => (this.#spans[at] ?? -1) < 0 ? undefined : readString(buffer, (this.#spans[at] ?? 0) + 1, this.#spans[at + 1] ?? 0)
  }

  /** Takes the value in `buffer[start, end)`; `false`: it must be decoded (Y1). The buffer is kept until the next one comes. */
  read(buffer: Buffer, start: number, end: number): boolean {
    this.#buffer = buffer
    this.#start = start
    this.#end = end
    return this.#program.scan(buffer, start, end, this.#spans)
  }

  /** Event time of what was read. Not whole: it must be decoded. */
  time(recordTime: number): number {
    const { timeField } = this.#program
    if (timeField < 0) return recordTime
    const start = this.#spans[timeField * SPAN] ?? -1
    return start < 0 ? Number.NaN : readNumber(this.#buffer, start, this.#end)
  }

  process(key: unknown, _value: unknown, time: number, origin: Origin): void {
    const { test, keyField, end } = this.#program
    const buffer = this.#buffer
    const spans = this.#spans
    if (!test(buffer, spans)) return
    if (end.kind === 'pass') {
      return this.#next.process(keyField < 0 ? key : this.#readKey(buffer), end.make === undefined ? null : end.make(buffer, spans), time, origin)
    }
    const keyAt = keyField * SPAN
    if (keyField >= 0 && spans[keyAt + 2] !== 0 && (spans[keyAt] ?? -1) >= 0) return this.#plain.process(key, this.#readPlain(buffer, this.#start, this.#end), time, origin)
    this.#write(end.topic, end.print, time, origin)
  }

  #write(topic: string, print: SpanPrinter | undefined, time: number, origin: Origin): void {
    const { keyField } = this.#program
    const spans = this.#spans
    const buffer = this.#buffer
    let keyBuffer = buffer
    let keyStart = -1
    let keyEnd = -1
    if (keyField < 0) {
      keyBuffer = origin.keyBytes ?? EMPTY
      keyStart = origin.keyBytes === undefined ? -1 : 0
      keyEnd = keyBuffer.length
    } else if ((spans[keyField * SPAN] ?? -1) >= 0) {
      keyStart = (spans[keyField * SPAN] ?? 0) + 1
      keyEnd = (spans[keyField * SPAN + 1] ?? 0) - 1
    }
    if (print === undefined) return this.#output.append(topic, time, keyBuffer, keyStart, keyEnd, buffer, this.#start, this.#end, origin.headers())
    const writer = this.#writer
    print(buffer, spans, writer)
    this.#output.append(topic, time, keyBuffer, keyStart, keyEnd, writer.buffer, 0, writer.length, origin.headers())
  }
}

const programs = new WeakMap<HeadNode, { readonly program: ByteProgram | undefined }>()

/** The program of a head, `undefined` where nothing behind it is declared or something cannot be run so. */
export function byteProgramOf(sub: SubTopology, head: HeadNode): ByteProgram | undefined {
  let known = programs.get(head)
  if (known === undefined) programs.set(head, known = { program: compileProgram(sub, head) })
  return known.program
}

function compileProgram(sub: SubTopology, head: HeadNode): ByteProgram | undefined {
  const all = head.kind === 'source' ? recordFields(head.value) : undefined
  if (head.kind !== 'source' || all === undefined) return undefined
  const { shown, fields } = all
  const indexOf = (name: string | undefined): number => fields.findIndex(field => field.name === name)
  const timeField = head.time === undefined ? -1 : indexOf(head.topic.timeField)
  if (head.time !== undefined && timeField < 0) return undefined
  const steps = declaredSteps(sub, head, name => scalarKind(fields[indexOf(name)]?.shape ?? { kind: 'any' }))
  const scan = compileSpanScanner(fields)
  const test = compileSpanTest(fields, steps.conditions)
  const visible = steps.selected ?? shown.map(field => field.name)
  const { terminal } = steps
  if (scan === undefined || test === undefined) return undefined
  if (terminal?.kind === 'sink' || terminal?.kind === 'repartitionSink') {
    const write = writeEnd(terminal, steps, fields.filter(field => visible.includes(field.name)), name => scalarKind(fields[indexOf(name)]?.shape ?? { kind: 'any' }))
    if (write !== undefined) {
      const print = write.fields === undefined ? undefined : compileSpanPrinter(fields, write.fields)
      return { scan, test, fieldCount: fields.length, timeField, keyField: indexOf(write.keyField), end: { kind: 'write', topic: write.topic, print } }
    }
  }
  // Where every record has to be decoded in the end, that is all there is to do: measured, finding spans first made it slower.
  if (steps.conditions.length === 0) return undefined
  const make = terminal?.kind === 'combine' && terminal.countsOnly ? undefined : compileSpanMaker(fields, visible)
  return { scan, test, fieldCount: fields.length, timeField, keyField: indexOf(steps.keyField), end: { kind: 'pass', after: steps.last.id, make } }
}

interface Steps {
  readonly conditions: readonly Condition[]
  readonly selected: readonly string[] | undefined
  readonly keyField: string | undefined
  /** The last declared step, or the head. */
  readonly last: Node
  /** The only node behind it, where there is one. */
  readonly terminal: Node | undefined
}

/** As many declared steps as follow one another, each the only one behind the one before. */
function declaredSteps(sub: SubTopology, head: HeadNode, kindOf: (name: string) => string | undefined): Steps {
  const nodes = new Map<NodeId, Node>(sub.nodes.map(node => [node.id, node]))
  const conditions: Condition[] = []
  let selected: readonly string[] | undefined
  let keyField: string | undefined
  let last: Node = head
  for (;;) {
    const edges: readonly ChildEdge[] = sub.children.get(last.id) ?? []
    const [edge] = edges
    const next: Node | undefined = edges.length === 1 && edge?.arm === undefined ? nodes.get(edge?.to ?? -1) : undefined
    if (next?.kind === 'filter' && next.where?.every(({ field }) => kindOf(field) !== undefined) === true) conditions.push(...next.where)
    else if (next?.kind === 'map' && next.select !== undefined) selected = next.select
    else if (next?.kind === 'keyBy' && next.field !== undefined && kindOf(next.field) === 'text' && next.key.kind === 'text') keyField = next.field
    else return { conditions, selected, keyField, last, terminal: next }
    last = next
  }
}

interface WriteEnd {
  readonly topic: string
  readonly keyField: string | undefined
  /** `undefined`: the value as it came. */
  readonly fields: readonly JsonField[] | undefined
}

function writeEnd(sink: Extract<Node, { readonly kind: 'sink' | 'repartitionSink' }>, steps: Steps, visible: readonly JsonField[], kindOf: (name: string) => string | undefined): WriteEnd | undefined {
  const { topic, key, value } = sink.kind === 'sink' ? { topic: sink.topic.name, key: sink.topic.key, value: sink.topic.value } : sink
  const input = steps.last.output
  const named = sink.kind === 'sink' ? sink.keyField : undefined
  if (sink.kind === 'sink' && sink.keyOf !== undefined && named === undefined) return undefined
  const keyField = named ?? steps.keyField
  if (keyField === undefined ? !(input.keyUntouched && input.key === key) : key.kind !== 'text' || kindOf(keyField) !== 'text' || key.optional) return undefined
  if (input.valueUntouched && input.value === value) return { topic, keyField, fields: undefined }
  const to = recordFields(value)
  if (to === undefined || value.optional || !to.shown.every(field => fits(visible.find(each => each.name === field.name), field))) return undefined
  return { topic, keyField, fields: to.shown }
}

/** A value of `from` is always one of `to`. */
function fits(from: JsonField | undefined, to: JsonField): boolean {
  if (from === undefined || (from.shape.kind === 'optional' && to.shape.kind !== 'optional')) return false
  const [a, b] = [scalarKind(from.shape), scalarKind(to.shape)]
  return a !== undefined && (a === b || (a === 'int32' && b === 'int64') || (b === 'f64' && (a === 'int32' || a === 'int64')))
}

/** Fields of a record's serde: those of its value, and those that are read (one more, where the time is read on the side). */
function recordFields(serde: Serde<unknown>): { readonly shown: readonly JsonField[]; readonly fields: readonly JsonField[] } | undefined {
  if (!('shape' in serde)) return undefined
  // Every serde with a shape is a FieldSerde.
  const shape = (serde as { readonly shape: JsonShape }).shape
  if (shape.kind !== 'record') return undefined
  const { fields, side } = shape
  return { shown: fields, fields: side === undefined || fields.some(field => field.name === side.name) ? fields : [...fields, side] }
}
