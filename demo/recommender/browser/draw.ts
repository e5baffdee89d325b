/** Draws rows and cards from what the server sends. Text goes in as text, never as markup. */
import type { Card, RailEntry, Row } from '../shop/messages.ts'

export function element(tag: string, options: { readonly className?: string; readonly text?: string; readonly attributes?: Readonly<Record<string, string>> } = {}): HTMLElement {
  const made = document.createElement(tag)
  if (options.className !== undefined) made.className = options.className
  if (options.text !== undefined) made.textContent = options.text
  for (const [name, value] of Object.entries(options.attributes ?? {})) made.setAttribute(name, value)
  return made
}

export function drawCard(card: Card, source: string): HTMLElement {
  const link = element('a', { className: 'card', attributes: { href: `/item/${encodeURIComponent(card.id)}`, 'data-item': card.id, 'data-source': source } })
  link.append(
    element('img', { attributes: { src: `/pictures/${encodeURIComponent(card.id)}.svg`, alt: '', width: '160', height: '120' } }),
    element('span', { className: 'name', text: card.name }),
    element('span', { className: 'price', text: card.price }),
  )
  if (card.why !== '') link.append(drawWhy(card))
  return link
}

function drawWhy(card: Card): HTMLElement {
  return element('span', { className: 'why', text: card.why, attributes: { title: card.whyLong } })
}

/** Puts `cards` into `holder`: those that stay are moved, so that pictures do not flicker and are not asked for again; what is new fades in. */
export function updateCards(holder: Element, cards: readonly Card[], source: string): void {
  const old = new Map<string, HTMLElement>()
  for (const child of holder.children) if (child instanceof HTMLElement) old.set(child.dataset['item'] ?? '', child)
  const next = cards.map(card => {
    const known = old.get(card.id)
    if (known === undefined) {
      const fresh = drawCard(card, source)
      fresh.classList.add('fresh')
      return fresh
    }
    known.querySelector('.why')?.remove()
    if (card.why !== '') known.append(drawWhy(card))
    known.classList.remove('fresh')
    return known
  })
  holder.replaceChildren(...next)
}

export function updateRow(section: Element, row: Row): void {
  const title = section.querySelector('h2')
  if (title !== null) title.textContent = row.title
  const holder = section.querySelector('.cards')
  if (holder !== null) updateCards(holder, row.cards, row.name)
}

export function updateRows(holder: Element, rows: readonly Row[]): void {
  const sections = new Map<string, Element>()
  for (const child of holder.children) if (child instanceof HTMLElement) sections.set(child.dataset['row'] ?? '', child)
  holder.replaceChildren(...rows.map(row => {
    const section = sections.get(row.name) ?? newSection(row)
    updateRow(section, row)
    return section
  }))
}

export function newSection(row: Row): Element {
  const section = element('section', { className: 'row', attributes: { 'data-row': row.name } })
  section.append(element('h2'), element('div', { className: 'cards' }))
  return section
}

const RAIL_MAX = 6

export function addRail(holder: Element, entry: RailEntry): void {
  const article = element('article', { className: 'rail-entry' })
  article.append(element('h3', { text: entry.title }))
  const list = element('ol')
  for (const hop of entry.hops) {
    const item = element('li')
    item.append(element('span', { text: hop.label }), element('b', { text: hop.ms }))
    list.append(item)
  }
  article.append(list)
  holder.querySelector('.quiet')?.remove()
  holder.prepend(article)
  while (holder.children.length > RAIL_MAX) holder.lastElementChild?.remove()
}
