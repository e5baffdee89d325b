/**
 * A single-process run of the recommender's app: its description interpreted on one partition, without broker, transactions or stores.
 *
 * What the real topology writes in a paced replay must equal what this writes. It understands just the steps that the app uses and refuses others.
 *
 * L1. Records are delivered in the order in which they were written, one at a time, to every task that reads their topic.
 * L2. Event-time timers fire after the record that moved the watermark past them, by time, then by key.
 */
import type { App } from 'millrace'
import { assert } from '../base.ts'
import { TimerQueue } from './timer-queue.ts'

type NativeTask = Extract<App['tasks'][number], { readonly kind: 'native' }>
type Node = NativeTask['nodes'][number]
type ProcessNode = Extract<Node, { readonly kind: 'process' }>

export interface LocalRecord {
  readonly key: string
  readonly value: unknown
  readonly time: number
}

interface Delivery extends LocalRecord {
  readonly topic: string
  readonly offset: number
}

interface Step {
  readonly node: Node
  readonly next: Step[]
  /** Highest time that came in; of `source` and `keyBy` steps it is an input of the watermark. */
  timeMax: number
  readonly state: Map<string, unknown>
  readonly timers: TimerQueue
  /** Steps whose `timeMax` bound the watermark of a `process` step. */
  readonly heads: Step[]
}

export class LocalRun {
  readonly #sources = new Map<string, Step[]>()
  readonly #tables = new Map<string, Map<string, unknown>>()
  readonly #queue: Delivery[] = []
  readonly #offsets = new Map<string, number>()
  /** Told of every record written by a task. */
  readonly #onRecord: (topic: string, record: LocalRecord) => void

  constructor(app: App, onRecord: (topic: string, record: LocalRecord) => void, options: { readonly without?: readonly string[] } = {}) {
    this.#onRecord = onRecord
    for (const task of app.tasks) if (task.kind === 'native' && options.without?.includes(task.name) !== true) this.#addTask(task)
  }

  /** Writes a record from outside and runs until nothing is left to do. */
  send(topic: string, record: LocalRecord): void {
    this.#enqueue(topic, record)
    for (let place = 0; place < this.#queue.length; place += 1) {
      const delivery = this.#queue[place]
      if (delivery !== undefined) this.#deliver(delivery)
    }
    this.#queue.length = 0
  }

  #addTask(task: NativeTask): void {
    const steps: Step[] = task.nodes.map(node => ({ node, next: [], timeMax: -1, state: new Map(), timers: new TimerQueue(), heads: [] }))
    for (const step of steps) {
      const inputs = step.node.inputs.map(edge => {
        const input = steps[edge.node]
        assert(input !== undefined, `node ${edge.node} stands before its consumers`)
        return input
      })
      for (const input of inputs) input.next.push(step)
      const isHead = step.node.kind === 'source' || step.node.kind === 'keyBy'
      step.heads.push(...isHead ? [step] : new Set(inputs.flatMap(input => input.heads)))
      if (step.node.kind === 'source') this.#sources.set(step.node.topic.name, [...this.#sources.get(step.node.topic.name) ?? [], step])
      if (step.node.kind === 'globalTable') this.#tables.set(step.node.topic.name, this.#tables.get(step.node.topic.name) ?? new Map())
    }
    for (const step of steps) if (step.node.kind === 'process') this.#bindTables(step.node, steps)
  }

  readonly #lookups = new Map<ProcessNode, Record<string, { get(key: string): unknown }>>()

  #bindTables(node: ProcessNode, steps: readonly Step[]): void {
    this.#lookups.set(node, Object.fromEntries(node.tables.map(({ name, node: id }) => {
      const table = steps[id]?.node
      assert(table?.kind === 'globalTable', `table ${name} is a global one`)
      const rows = this.#tables.get(table.topic.name)
      return [name, { get: (key: string) => rows?.get(key) }]
    })))
  }

  #enqueue(topic: string, record: LocalRecord): void {
    const offset = this.#offsets.get(topic) ?? 0
    this.#offsets.set(topic, offset + 1)
    this.#queue.push({ ...record, topic, offset })
  }

  #deliver(delivery: Delivery): void {
    this.#tables.get(delivery.topic)?.set(delivery.key, delivery.value)
    for (const step of this.#sources.get(delivery.topic) ?? []) {
      assert(step.node.kind === 'source', 'only sources are delivered to')
      const time = step.node.time?.(delivery.value, delivery.time) ?? delivery.time
      this.#run(step, { ...delivery, time })
      this.#fireTimers(step)
    }
  }

  #run(step: Step, at: Delivery): void {
    const { node } = step
    step.timeMax = Math.max(step.timeMax, at.time)
    const context = { key: at.key, window: undefined, time: at.time, topic: at.topic, partition: 0, offset: at.offset, headers: [] }
    switch (node.kind) {
      case 'source': case 'merge': return this.#forward(step, at)
      case 'map': return this.#forward(step, { ...at, value: node.map(at.value, context) })
      case 'filter': return node.test(at.value, context) ? this.#forward(step, at) : undefined
      case 'flatMap': {
        for (const value of node.map(at.value, context)) this.#forward(step, { ...at, value })
        return
      }
      case 'keyBy': return this.#forward(step, { ...at, key: String(node.keyOf(at.value, context)) })
      case 'process': return node.onRecord(at.value, this.#context(step, node, at))
      case 'sink': {
        const record = { key: node.keyOf === undefined ? at.key : String(node.keyOf(at.value, context)), value: at.value, time: at.time }
        this.#onRecord(node.topic.name, record)
        return this.#enqueue(node.topic.name, record)
      }
      default: throw new Error(`a local run does not know the step ${node.kind}`)
    }
  }

  #forward(step: Step, at: Delivery): void {
    for (const next of step.next) this.#run(next, at)
  }

  #context(step: Step, node: ProcessNode, at: Delivery): Parameters<ProcessNode['onRecord']>[1] {
    const { state, timers } = step
    const wallClock = (): never => {
      throw new Error('a local run has no wall clock')
    }
    return {
      key: at.key, window: undefined, time: at.time, topic: at.topic, partition: 0, offset: at.offset, headers: [],
      state: { get: () => state.get(at.key), set: value => void state.set(at.key, value), delete: () => void state.delete(at.key) },
      timers: {
        set: (time, name = '') => timers.set(at.key, name, time),
        cancel: (name = '') => timers.cancel(at.key, name),
        setWallClock: wallClock,
        cancelWallClock: wallClock,
        now: () => 0,
      },
      tables: this.#lookups.get(node) ?? {},
      emit: (value, time = at.time) => this.#forward(step, { ...at, value, time }),
    }
  }

  /** L2, for every step behind `head`. */
  #fireTimers(head: Step): void {
    for (const step of stepsBehind(head)) {
      const { node } = step
      if (node.kind !== 'process') continue
      const watermark = Math.min(...step.heads.map(entry => entry.timeMax))
      for (let due = step.timers.takeDue(watermark); due !== undefined; due = step.timers.takeDue(watermark)) {
        const at = { topic: '', key: due.key, value: undefined, time: due.time, offset: -1 }
        node.onTimer?.({ name: due.name, clock: 'event', time: due.time }, this.#context(step, node, at))
      }
    }
  }
}

function stepsBehind(head: Step): Set<Step> {
  const found = new Set<Step>([head])
  for (const step of found) for (const next of step.next) found.add(next)
  return found
}
