/**
 * The recommender as a replay runs it: no comparison group, no wall clocks, every list kept.
 *
 * Workers load an app by its URL; the URL's query says which replay it belongs to: `replay-app.js?id=r1&partitions=1&basket=0&slice=600000`.
 */
import { recommender, type RecommenderOptions } from './topology.ts'

export interface ReplayAppOptions {
  /** Names the app, and stands before its topics, so that replays do not meet. */
  readonly id: string
  readonly partitions: number
  readonly isBasket: boolean
  /** Length of the replay's slices: what changes within one is published after it. */
  readonly sliceMs: number
}

export function replayAppUrl(options: ReplayAppOptions): URL {
  const url = new URL(import.meta.url)
  url.search = new URLSearchParams({ id: options.id, partitions: String(options.partitions), basket: options.isBasket ? '1' : '0', slice: String(options.sliceMs) }).toString()
  return url
}

export function replayOptions(options: ReplayAppOptions): RecommenderOptions {
  return {
    name: options.id, prefix: `${options.id}.`, partitions: options.partitions, keepRecs: true, isBasket: options.isBasket, compare: false, trace: false,
    publishMs: options.sliceMs,
  }
}

const query = new URL(import.meta.url).searchParams
const replay = recommender(replayOptions({
  id: query.get('id') ?? 'replay', partitions: Number(query.get('partitions') ?? 1), isBasket: query.get('basket') === '1', sliceMs: Number(query.get('slice') ?? 600_000),
}))

export default replay.app
