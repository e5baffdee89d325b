/**
 * Task `sessionize`: shop events, keyed by visitor, become clicks within sessions, pairs for the lists and mass for what is hot.
 * A session's rules are in model/session.ts; here they meet records.
 */
import { fixedWeight, epochOf } from '../model/decay.ts'
import { addedUnits, isEventType, pairsOf, stepSession, type Session } from '../model/session.ts'
import type { Click, Mass, PairsRecord, ShopEvent } from '../topics.ts'
import { isMark, type TaskContext } from './context.ts'

export interface Sessionized {
  readonly click: Click | undefined
  readonly pairs: readonly PairsRecord[]
  readonly mass: Mass | undefined
}

/** `trace`: write wall clocks into the click, for the page's rail. */
export function sessionize(options: { readonly trace: boolean }): (event: ShopEvent, context: TaskContext<Session, Sessionized>) => void {
  return (event, context) => {
    if (isMark(context.key)) return context.emit(markOf(event))
    if (!isEventType(event.type) || event.item === '') return
    const previous = context.state.get()
    const sessionEvent = { type: event.type, session: event.session ?? '', item: event.item, at: event.at, frozen: event.frozen ?? false }
    const step = stepSession(previous, sessionEvent)
    const units = addedUnits(previous, step, sessionEvent)
    context.state.set(step.session)
    const category = event.category ?? ''
    const epoch = epochOf(event.at)
    context.emit({
      click: {
        type: event.type,
        item: event.item,
        category,
        price: event.price ?? 0,
        source: event.source ?? '',
        at: event.at,
        origin: `${context.partition}@${context.offset}`,
        session: step.session.number,
        position: step.session.position,
        before: step.before,
        frozen: sessionEvent.frozen,
        received: options.trace ? event.received ?? 0 : 0,
        sessionized: options.trace ? context.timers.now() : 0,
      },
      pairs: pairsOf(sessionEvent, step.before, units).map(pairs => ({ ...pairs, at: event.at })),
      mass: units === 0 ? undefined : { item: event.item, category, at: event.at, units, epoch, weight: fixedWeight(units, event.at, epoch) },
    })
  }
}

/** A mark goes on to the keys of `pairs` and `item.mass` that the event's item names, without weight. */
function markOf(event: ShopEvent): Sessionized {
  return {
    click: undefined,
    pairs: [{ item: event.item, at: event.at, epoch: 0, mass: 0, items: [], weights: [] }],
    mass: { item: event.item, category: '', at: event.at, units: 0, epoch: 0, weight: 0 },
  }
}
