/** A real stream's event as the record that `shop.events` takes. */
import type { StreamEvent } from '../data/stream.ts'
import type { ShopEvent } from '../topics.ts'

export function shopEventOf(event: StreamEvent, frozen: boolean): ShopEvent {
  return {
    type: event.type,
    item: event.item,
    at: event.at,
    session: event.session === '' ? undefined : event.session,
    category: event.category === '' ? undefined : event.category,
    price: event.price === 0 ? undefined : event.price,
    frozen: frozen ? true : undefined,
  }
}
