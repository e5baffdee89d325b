/** The way of one click, for the page's rail: from the log's coordinates to the pushed row, with milliseconds per hop. */
import { isEventType } from '../model/session.ts'
import type { Recs } from '../topics.ts'
import { itemOf } from './catalogue.ts'
import type { Hop, RailEntry } from './messages.ts'
import { EVENT_WORDS, fill, STRINGS, type Language } from './strings.ts'

export interface RailInput {
  readonly recs: Recs
  readonly type: string
  readonly topic: string
  readonly now: number
  readonly language: Language
}

/** `undefined` where the list tells nothing of its way (an app that does not trace). */
export function railOf({ recs, type, topic, now, language }: RailInput): RailEntry | undefined {
  if (recs.sessionized === 0) return undefined
  const strings = STRINGS[language]
  const ms = (from: number, to: number): string => from === 0 ? '' : fill(strings.milliseconds, { ms: Math.max(0, to - from) })
  const hops: Hop[] = [
    { label: fill(strings.railEvents, { topic, origin: recs.origin }), ms: recs.received === 0 ? strings.railElsewhere : '' },
    { label: strings.railSessionize, ms: ms(recs.received, recs.sessionized) },
    { label: strings.railRecommend, ms: ms(recs.sessionized, recs.recommended) },
    { label: strings.railPage, ms: ms(recs.recommended, now) },
  ]
  if (recs.received > 0) hops.push({ label: strings.railTotal, ms: ms(recs.received, now) })
  const item = itemOf(recs.item)?.names[language] ?? recs.item
  return { title: fill(strings.railClick, { type: isEventType(type) ? EVENT_WORDS[language][type] : type, item }), hops }
}
