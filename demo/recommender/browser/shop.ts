/**
 * The shop's page: shows what the server pushes, sends what the visitor does, and moves between products without loading.
 *
 * B1. Nothing is asked for on a timer. A lost connection is made again after a pause that grows to five seconds; the server then sends the current rows.
 * B2. Rows of a version lower than the one shown are dropped.
 */
import type { Card, Numbers, PageData, Row, ToPage } from '../shop/messages.ts'
import { cartItems, setCart, showCount } from './cart.ts'
import { addRail, drawCard, element, newSection, updateCards, updateRow, updateRows } from './draw.ts'

// The server wrote both attributes from values of these types.
const page = JSON.parse(document.body.dataset['page'] ?? '{}') as PageData
const strings = JSON.parse(document.body.dataset['strings'] ?? '{}') as Readonly<Record<string, string>>
const text = (name: string): string => strings[name] ?? ''
const find = (selector: string): HTMLElement | null => document.querySelector<HTMLElement>(selector)

let shownVersion = page.version
let shownItem = page.item
let retryMs = 250

// ---------------------------------------------------------------- what the server says

function connect(): void {
  const socket = new WebSocket(`ws://${location.host}/live?token=${encodeURIComponent(page.token)}&lang=${page.language}`)
  let wasOpen = false
  socket.onopen = () => {
    wasOpen = true
    retryMs = 250
    setLive(true)
  }
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') show(JSON.parse(data) as ToPage)
  }
  socket.onclose = () => {
    setLive(false)
    if (!wasOpen) void reloadIfRestarted()
    setTimeout(connect, retryMs)
    retryMs = Math.min(5000, retryMs * 2)
  }
}

/** A server that answers but refuses this page is another start of it, with another token: the page belongs to the old one. */
async function reloadIfRestarted(): Promise<void> {
  const answers = await fetch('/healthz').then(answer => answer.ok, () => false)
  if (answers) location.reload()
}

function setLive(isLive: boolean): void {
  const live = find('#live')
  if (live === null) return
  live.textContent = isLive ? text('live') : text('connecting')
  live.classList.toggle('on', isLive)
}

function show(message: ToPage): void {
  switch (message.kind) {
    case 'rows': {
      if (message.version < shownVersion) return
      shownVersion = message.version
      const rows = find('#rows')
      if (rows !== null) updateRows(rows, message.rows)
      const rail = find('#rail-entries')
      if (rail !== null && message.rail !== null) addRail(rail, message.rail)
      // For whoever measures: when these rows were there to be seen.
      document.body.dataset['shown'] = String(message.version)
      return
    }
    case 'trending': {
      showTrending(message.row)
      return
    }
    case 'numbers': return showNumbers(message.numbers)
    case 'hint': {
      const hint = find('#hint')
      if (hint === null) return
      hint.hidden = message.hint === null || message.hint.item !== shownItem
      if (message.hint !== null) hint.replaceChildren(element('b', { text: message.hint.title }), element('p', { text: message.hint.text }))
      return
    }
    case 'note': {
      const note = find('#note')
      if (note !== null) note.textContent = message.text
    }
  }
}

/** A page that was painted before anything was hot has no such row yet: it comes before what was viewed. */
function showTrending(row: Row): void {
  const section = find('[data-row="trending"]')
  if (section !== null) return updateRow(section, row)
  const made = newSection(row)
  updateRow(made, row)
  find('#rows')?.insertBefore(made, find('[data-row="recent"]'))
}

function showNumbers(numbers: Numbers): void {
  const put = (id: string, value: string): void => {
    const place = find(`#${id}`)
    if (place !== null && place.textContent !== value) place.textContent = value
  }
  put('rate', numbers.eventsPerSecond)
  put('over', numbers.over)
  put('shoppers-count', String(numbers.shoppers))
  for (const key of ['hr', 'mrr', 'novel'] as const) {
    put(`ours-${key}`, numbers.ours[key])
    put(`popularity-${key}`, numbers.popularity[key])
  }
  const lines = find('#groups')?.querySelectorAll('tr') ?? []
  for (const [index, group] of numbers.groups.entries()) {
    const cells = lines[index + 1]?.querySelectorAll('td')
    if (cells?.[0] !== undefined) cells[0].textContent = group.clickThrough
    if (cells?.[1] !== undefined) cells[1].textContent = group.conversion
  }
}

// ---------------------------------------------------------------- what the visitor does

async function post(path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json', 'x-millrace-token': page.token }, body: JSON.stringify(body) })
  if (answer.status === 403) location.reload()
  return answer.json()
}

function act(type: 'view' | 'cart' | 'remove' | 'purchase', item: string, source: string): Promise<unknown> {
  return post('/events', { type, item, source })
}

interface Shown { readonly card: Card; readonly category: string; readonly price: number }

async function showItem(id: string, source: string, isBack: boolean): Promise<void> {
  shownItem = id
  if (!isBack) {
    history.pushState({}, '', `/item/${encodeURIComponent(id)}`)
    void act('view', id, source)
  }
  const answer = await fetch(`/api/catalogue?item=${encodeURIComponent(id)}`)
  if (!answer.ok || shownItem !== id) return
  // What routes.ts answers for an item.
  const { card } = await answer.json() as Shown
  const product = find('#product')
  if (product === null) return
  const side = element('div')
  const buttons = element('p', { className: 'buttons' })
  buttons.append(element('button', { text: text('addToCart'), attributes: { 'data-act': 'cart' } }), element('button', { className: 'plain', text: text('buy'), attributes: { 'data-act': 'purchase' } }))
  const hint = element('div', { className: 'hint', attributes: { id: 'hint', hidden: '' } })
  side.append(element('h1', { text: card.name }), element('p', { className: 'price', text: card.price }), buttons, hint)
  product.replaceChildren(element('img', { attributes: { src: `/pictures/${encodeURIComponent(id)}.svg`, alt: '', width: '320', height: '240' } }), side)
  only('product')
  scrollTo({ top: 0, behavior: 'smooth' })
}

/** Shows one of the page's three places above and below the rows. */
function only(place: 'product' | 'cart' | 'grid'): void {
  for (const id of ['product', 'cart', 'grid'] as const) {
    const section = find(`#${id}`)
    if (section !== null) section.hidden = id !== place
  }
  if (place !== 'product') shownItem = ''
}

async function showHome(): Promise<void> {
  await showCategory('all')
  scrollTo({ top: 0, behavior: 'smooth' })
}

async function showCategory(id: string): Promise<void> {
  const answer = await fetch(`/api/catalogue?category=${encodeURIComponent(id)}`)
  if (!answer.ok) return
  // What routes.ts answers for a category.
  const { cards } = await answer.json() as { readonly cards: readonly Card[] }
  const grid = find('#grid')
  if (grid === null) return
  const holder = element('div', { className: 'cards wide' })
  holder.append(...cards.map(card => drawCard(card, 'category')))
  grid.replaceChildren(holder)
  for (const link of document.querySelectorAll<HTMLElement>('[data-category]')) {
    if (link.dataset['category'] === id) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  only('grid')
  grid.scrollIntoView({ behavior: 'smooth', block: 'start' })
}

async function showCart(): Promise<void> {
  only('cart')
  const place = find('#cart-items')
  if (place === null) return
  const ids = cartItems()
  if (ids.length === 0) return place.replaceChildren(element('p', { className: 'quiet', text: text('cartEmpty') }))
  const answers = await Promise.all(ids.map(async id => (await fetch(`/api/catalogue?item=${encodeURIComponent(id)}`)).json() as Promise<Shown>))
  const holder = element('div', { className: 'cards' })
  updateCards(holder, answers.map(answer => answer.card), 'direct')
  const buttons = element('p', { className: 'buttons' })
  buttons.append(element('button', { text: text('checkout'), attributes: { 'data-act': 'checkout' } }))
  for (const id of ids) buttons.append(element('button', { className: 'plain', text: `${text('remove')} ${answers.find(answer => answer.card.id === id)?.card.name ?? id}`, attributes: { 'data-act': 'remove', 'data-id': id } }))
  place.replaceChildren(holder, buttons)
}

async function press(button: HTMLElement): Promise<void> {
  switch (button.dataset['act']) {
    case 'cart':
      if (!cartItems().includes(shownItem)) setCart([...cartItems(), shownItem])
      await act('cart', shownItem, 'direct')
      return
    case 'purchase':
      setCart(cartItems().filter(item => item !== shownItem))
      await act('purchase', shownItem, 'direct')
      button.textContent = text('bought')
      return
    case 'remove': {
      const id = button.dataset['id'] ?? ''
      setCart(cartItems().filter(item => item !== id))
      await act('remove', id, 'direct')
      return showCart()
    }
    case 'checkout': {
      const items = cartItems()
      setCart([])
      await post('/events', items.map(item => ({ type: 'purchase', item })))
      find('#cart-items')?.replaceChildren(element('p', { text: text('bought') }))
      return
    }
    default: return
  }
}

document.addEventListener('click', event => {
  if (!(event.target instanceof Element) || event.metaKey || event.ctrlKey || event.button !== 0) return
  const button = event.target.closest<HTMLElement>('[data-act]')
  if (button !== null) return void press(button)
  const card = event.target.closest<HTMLElement>('[data-item]')
  if (card !== null) {
    event.preventDefault()
    return void showItem(card.dataset['item'] ?? '', card.dataset['source'] ?? 'direct', false)
  }
  const category = event.target.closest<HTMLElement>('[data-category]')
  if (category !== null) {
    event.preventDefault()
    history.pushState({}, '', `/category/${category.dataset['category'] ?? ''}`)
    return void showCategory(category.dataset['category'] ?? '')
  }
  if (event.target.closest('[data-cart]') !== null) {
    event.preventDefault()
    history.pushState({}, '', '/cart')
    return void showCart()
  }
  if (event.target.closest('[data-home]') !== null) {
    event.preventDefault()
    history.pushState({}, '', '/')
    return void showHome()
  }
  const backstage = event.target.closest<HTMLElement>('[data-backstage]')
  if (backstage !== null) void pressBackstage(backstage.dataset['backstage'] ?? '')
})

async function pressBackstage(name: string): Promise<void> {
  const answer = await post(`/api/${name}`, {})
  if (typeof answer === 'object' && answer !== null && 'note' in answer && typeof answer.note === 'string') show({ kind: 'note', text: answer.note })
}

find('#shoppers')?.addEventListener('change', event => {
  if (event.target instanceof HTMLInputElement) void post('/api/shoppers', { count: Number(event.target.value) })
})
find('#shoppers')?.addEventListener('input', event => {
  const count = find('#shoppers-count')
  if (event.target instanceof HTMLInputElement && count !== null) count.textContent = event.target.value
})

addEventListener('popstate', () => {
  const [, kind, id] = location.pathname.split('/')
  if (kind === 'item' && id !== undefined) void showItem(decodeURIComponent(id), 'direct', true)
  else if (kind === 'category' && id !== undefined) void showCategory(id)
  else if (kind === 'cart') void showCart()
  else void showHome()
})

showCount()
connect()
if (page.item !== '') void act('view', page.item, 'direct')
if (location.pathname === '/cart') void showCart()
