/** A paced replay into a local run: the reference for the real topology, and the quick way to the gates. */
import type { App } from 'millrace'
import type { StreamEvent } from '../data/stream.ts'
import { markKey } from '../tasks/context.ts'
import type { RecommenderTopics, Recs } from '../topics.ts'
import { Lists } from './lists.ts'
import { LocalRun, type LocalRecord } from './local-run.ts'
import type { Replayed } from './pacing.ts'
import { shopEventOf } from './shop-event.ts'

export class LocalReplay implements Replayed {
  readonly recs = new Lists()
  readonly #run: LocalRun
  readonly #topics: RecommenderTopics

  constructor(recommender: { readonly app: App; readonly topics: RecommenderTopics }, options: { readonly without?: readonly string[]; readonly onRecord?: (topic: string, record: LocalRecord) => void } = {}) {
    this.#topics = recommender.topics
    this.#run = new LocalRun(recommender.app, (topic, record) => {
      options.onRecord?.(topic, record)
      // `recs` holds values of its own serde, written by the task that the compiler checked.
      if (topic === this.#topics.recs.name) this.recs.add(record.key, record.value as Recs)
    }, options)
  }

  answer(events: readonly StreamEvent[], options: { readonly frozen: boolean }): Promise<void> {
    for (const event of events) this.#run.send(this.#topics.events.name, { key: event.visitor, value: shopEventOf(event, options.frozen), time: event.at })
    return Promise.resolve()
  }

  mark(time: number): Promise<void> {
    const key = markKey(0)
    this.#run.send(this.#topics.events.name, { key, value: { type: 'mark', item: key, at: time }, time })
    return Promise.resolve()
  }
}
