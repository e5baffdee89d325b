/**
 * What a web process knows: the last list of every visitor, what is hot, intent and quality, read whole from the topics without a group.
 *
 * F1. Any instance serves any visitor: each reads all of `recs`.
 * F2, F3 are those of known-lists.ts: an older list is dropped, and there are so many visitors at most.
 */
import type { Cluster } from 'millrace/client'
import { TopicFollower } from '../links.ts'
import type { HotTop, Intent, Metrics, RecommenderTopics } from '../topics.ts'
import { isMark } from '../tasks/context.ts'
import { ALL } from '../tasks/hot.ts'
import { KnownLists, type KnownList } from './known-lists.ts'

const VISITORS_MAX = 50_000

export interface FeedEvents {
  onList(visitor: string, list: KnownList): void
  onHot(): void
  onIntent(visitor: string, intent: Intent): void
}

export class Feed {
  readonly #follower: TopicFollower
  readonly #topics: RecommenderTopics
  readonly #events: FeedEvents
  readonly #lists = new KnownLists({ visitorsMax: VISITORS_MAX })
  readonly #hot = new Map<string, HotTop>()
  readonly #metrics = new Map<string, Metrics>()

  constructor(cluster: Cluster, topics: RecommenderTopics, events: FeedEvents, onError: (error: Error) => void) {
    this.#follower = new TopicFollower(cluster, { onError })
    this.#topics = topics
    this.#events = events
  }

  /** Resolves when everything that is in the topics now is known, so that the first page already has its lists. */
  async start(): Promise<void> {
    const { recs, hotTop, intent, metrics } = this.#topics
    await this.#follower.follow(recs, (visitor, value, { offset }) => {
      if (value === undefined || isMark(visitor)) return
      const list = { recs: value, version: offset }
      if (this.#lists.take(visitor, list)) this.#events.onList(visitor, list)
    })
    await this.#follower.follow(hotTop, (name, value) => {
      if (value === undefined || isMark(name)) return
      this.#hot.set(name, value)
      if (name === ALL) this.#events.onHot()
    })
    await this.#follower.follow(intent, (visitor, value) => {
      if (value !== undefined) this.#events.onIntent(visitor, value)
    })
    await this.#follower.follow(metrics, (group, value) => {
      if (value !== undefined) this.#metrics.set(group, value)
    })
    await Promise.all([recs, hotTop, metrics].map(topic => this.#follower.caughtUp(topic)))
  }

  listOf(visitor: string): KnownList | undefined {
    return this.#lists.of(visitor)
  }

  hot(name: string = ALL): readonly string[] {
    return this.#hot.get(name)?.items ?? []
  }

  metricsOf(group: string): Metrics | undefined {
    return this.#metrics.get(group)
  }

  close(): Promise<void> {
    return this.#follower.close()
  }
}
