/** What is known of the records that leave a node, from its kind and what enters it. Used when a node is made and again after repartitioning. */
import { unreachable } from '../base/assert.ts'
import { ANY_JSON } from '../serde/json.ts'
import type { Node, OutputShape } from './node.ts'

/** Every variant of `Node` without its `output`. */
export type Shapeless = Node extends infer N ? N extends Node ? Omit<N, 'output'> : never : never

/** The shape of what leaves `node`; `inputs` are the shapes of its inputs, in order. */
export function outputOf(node: Shapeless, inputs: readonly OutputShape[]): OutputShape {
  switch (node.kind) {
    case 'source': case 'table': case 'globalTable': case 'repartitionSource':
      return { key: node.key, windowed: 'no', value: node.value, keyUntouched: true, valueUntouched: true, rekeyed: false }
    case 'map': case 'flatMap':
      return { ...only(inputs), value: node.value ?? ANY_JSON, valueUntouched: false }
    case 'filter': case 'tableFilter': case 'branch': case 'peek': case 'sink': case 'repartitionSink': case 'to':
      return only(inputs)
    case 'merge':
      return inputs.reduce(merged)
    case 'combine':
      return { ...only(inputs), value: node.state, keyUntouched: false, valueUntouched: false }
    case 'keyBy':
      return { ...only(inputs), key: node.key, windowed: 'no', keyUntouched: false, rekeyed: true }
    case 'distinct':
      return { ...only(inputs), rekeyed: false }
    case 'streamTableJoin':
      return { ...only(inputs), value: ANY_JSON, valueUntouched: false, rekeyed: false }
    case 'streamGlobalJoin':
      return { ...only(inputs), value: ANY_JSON, valueUntouched: false }
    case 'process':
      return { ...only(inputs), value: node.emits, valueUntouched: false, rekeyed: false }
    case 'aggregate': {
      const windowed = node.window?.kind ?? 'no'
      const { key, keyUntouched } = only(inputs)
      return { key, windowed, value: node.state, keyUntouched: keyUntouched && windowed === 'no', valueUntouched: false, rekeyed: false }
    }
    default:
      return unreachable(node)
  }
}

/** Operators that need all records of a key in one shard. */
export function isKeyBased(node: { readonly kind: Node['kind'] }): boolean {
  return node.kind === 'aggregate' || node.kind === 'distinct' || node.kind === 'streamTableJoin' || node.kind === 'process'
}

function merged(left: OutputShape, right: OutputShape): OutputShape {
  const sameKey = left.key === right.key
  const sameValue = left.value === right.value
  return {
    key: left.key,
    windowed: left.windowed,
    value: sameValue ? left.value : ANY_JSON,
    keyUntouched: sameKey && left.keyUntouched && right.keyUntouched,
    valueUntouched: sameValue && left.valueUntouched && right.valueUntouched,
    rekeyed: left.rekeyed || right.rekeyed,
  }
}

function only(inputs: readonly OutputShape[]): OutputShape {
  const [first] = inputs
  if (first === undefined || inputs.length !== 1) throw new TypeError('a node of this kind has one input')
  return first
}
