/**
 * The nodes of one task while it is being described.
 *
 * D1. Adding a node changes this list and nothing else; once the task's function has returned, nothing can be added.
 * D2. Default names of durable operators are their kind; those of others are labels with a number, for people.
 */
import { assert } from '../base/assert.ts'
import type { Edge, Node, NodeId, OutputShape } from '../topology/node.ts'
import { topologyError } from '../topology/names.ts'
import { outputOf, type Shapeless } from '../topology/shape.ts'
import { callerSite } from './site.ts'

type NodePart = Shapeless extends infer N ? N extends Shapeless ? Omit<N, 'id' | 'name' | 'named' | 'inputs' | 'site'> : never : never

export interface NodeOptions {
  /** The user's name. */
  readonly name?: string | undefined
  /** Name where the user gave none. */
  readonly defaultName?: string | undefined
  readonly inputs?: readonly Edge[] | undefined
}

export class TaskGraph {
  readonly task: string
  readonly nodes: Node[] = []
  #closed = false

  constructor(task: string) {
    this.task = task
  }

  add(part: NodePart, options: NodeOptions = {}): NodeId {
    const site = callerSite()
    if (this.#closed) throw topologyError(`task '${this.task}' is described already: a step cannot be added later`, site)
    const id = this.nodes.length
    const inputs = options.inputs ?? []
    const name = options.name ?? options.defaultName ?? `${part.kind}-${id}`
    // `part` is one variant without the fields common to all, which are added here.
    const shapeless = { ...part, id, name, named: options.name !== undefined, inputs, site } as Shapeless
    // The same variant with its last field.
    this.nodes.push({ ...shapeless, output: outputOf(shapeless, inputs.map(edge => this.shapeOf(edge.node))) } as Node)
    return id
  }

  shapeOf(id: NodeId): OutputShape {
    const node = this.nodes[id]
    assert(node !== undefined, `no node ${id}`)
    return node.output
  }

  /** Refuses to join what two tasks describe: they are linked by topics only. */
  mustOwn(other: TaskGraph, what: string): void {
    if (other !== this) throw topologyError(`task '${this.task}' uses a ${what} of task '${other.task}': tasks are linked by topics only, write it to one and read that`, callerSite())
  }

  close(): readonly Node[] {
    this.#closed = true
    return this.nodes
  }
}
