/**
 * What a web process knows: the last list of every visitor, what is hot, intent and quality, read whole from the topics without a group.
 *
 * F1. Any instance serves any visitor: each reads all of `recs`.
 * F2. A list older than the one known is dropped: lists of a visitor are ordered by their offset (one visitor, one partition).
 * F3. At most `VISITORS_MAX` visitors are kept; who was heard of longest ago goes first, and gets what is trending.
 */
import type { Cluster } from 'millrace/client'
import { TopicFollower } from '../links.ts'
import type { HotTop, Intent, Metrics, Recs, RecommenderTopics } from '../topics.ts'
import { isMark } from '../tasks/context.ts'
import { ALL } from '../tasks/hot.ts'

const VISITORS_MAX = 50_000

export interface KnownList {
  readonly recs: Recs
  /** Offset in `recs`: F2. */
  readonly version: number
}

export interface FeedEvents {
  onList(visitor: string, list: KnownList): void
  onHot(): void
  onIntent(visitor: string, intent: Intent): void
}

export class Feed {
  readonly #follower: TopicFollower
  readonly #topics: RecommenderTopics
  readonly #events: FeedEvents
  readonly #lists = new Map<string, KnownList>()
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
      if (value !== undefined && !isMark(visitor)) this.#takeList(visitor, { recs: value, version: offset })
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

  #takeList(visitor: string, list: KnownList): void {
    const known = this.#lists.get(visitor)
    if (known !== undefined && known.version >= list.version) return
    // Out and in again: a Map keeps the order of insertion, so the first is who was heard of longest ago (F3).
    this.#lists.delete(visitor)
    this.#lists.set(visitor, list)
    if (this.#lists.size > VISITORS_MAX) {
      const oldest = this.#lists.keys().next()
      if (oldest.done !== true) this.#lists.delete(oldest.value)
    }
    this.#events.onList(visitor, list)
  }

  listOf(visitor: string): KnownList | undefined {
    return this.#lists.get(visitor)
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
