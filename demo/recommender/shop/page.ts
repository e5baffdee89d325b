/**
 * The shop's pages as HTML, whole with their rows: the first paint has recommendations, before any script has run.
 * Every text goes through `escape`; there is no inline script and no inline style.
 */
import { CATEGORIES, ITEMS, type Item } from './catalogue.ts'
import type { Card, Numbers, PageData, Row } from './messages.ts'
import { cardOf, priceText } from './rows.ts'
import { fill, STRINGS, type Language, type Strings } from './strings.ts'

export interface PageInput {
  readonly data: PageData
  readonly language: Language
  readonly rows: readonly Row[]
  readonly item: Item | undefined
  /** Shown as a grid: one category, `undefined` for none. */
  readonly category: string | undefined
  readonly isCart: boolean
  readonly path: string
  readonly numbers: Numbers
  readonly shoppersMax: number
  readonly canSimulate: boolean
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

export function renderPage(input: PageInput): string {
  const { language, data } = input
  const strings = STRINGS[language]
  const title = input.item === undefined ? strings.title : `${input.item.names[language]} · ${strings.title}`
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title><link rel="icon" href="/pictures/vase-1.svg"><link rel="stylesheet" href="/assets/shop.css"><script type="module" src="/assets/shop.js"></script></head>
<body data-page="${escape(JSON.stringify(data))}" data-strings="${escape(JSON.stringify(clientStrings(strings)))}">
${header(input, strings)}
<div class="columns"><main>
<p class="tagline">${escape(strings.tagline)}</p>
${input.item === undefined ? '<section id="product" hidden></section>' : product(input.item, language, strings)}
<section id="cart"${input.isCart ? '' : ' hidden'}><h1>${escape(strings.cart)}</h1><div id="cart-items"></div></section>
<div id="rows">${input.rows.map(row => renderRow(row)).join('')}</div>
<section id="grid"${input.category === undefined ? ' hidden' : ''}>${input.category === undefined ? '' : grid(input.category, language)}</section>
</main>
<aside>${rail(strings)}${backstage(input, strings)}</aside></div>
<footer><span>${escape(fill(strings.you, { visitor: data.visitor }))}</span> <span>${escape(strings.simulated)}</span></footer>
</body></html>`
}

function header({ language, category, path }: PageInput, strings: Strings): string {
  const other = language === 'en' ? 'zh' : 'en'
  const links = [{ id: 'all', name: strings.all }, ...CATEGORIES.map(entry => ({ id: entry.id, name: entry.names[language] }))]
    .map(({ id, name }) => `<a href="/category/${id}" data-category="${id}"${id === category ? ' aria-current="page"' : ''}>${escape(name)}</a>`).join('')
  return `<header><a class="brand" href="/" data-home="1">${escape(strings.title)}</a><nav>${links}</nav>`
    + `<span id="live" class="live" data-live="${escape(strings.live)}">${escape(strings.connecting)}</span>`
    + `<a class="lang" href="${escape(path)}?lang=${other}" hreflang="${other}">${escape(strings.language)}</a>`
    + `<a class="cart" href="/cart" data-cart="1">${escape(strings.cart)} <b id="cart-count">0</b></a></header>`
}

function product(item: Item, language: Language, strings: Strings): string {
  return `<section id="product"><img src="/pictures/${item.id}.svg" alt="" width="320" height="240"><div><h1>${escape(item.names[language])}</h1>`
    + `<p class="price">${escape(priceText(item.price, language))}</p><p class="buttons"><button data-act="cart">${escape(strings.addToCart)}</button>`
    + `<button data-act="purchase" class="plain">${escape(strings.buy)}</button></p><div id="hint" class="hint" hidden></div></div></section>`
}

export function renderRow(row: Row): string {
  return `<section class="row" data-row="${row.name}"><h2>${escape(row.title)}</h2><div class="cards">${row.cards.map(card => renderCard(card, row.name)).join('')}</div></section>`
}

function renderCard(card: Card, source: string): string {
  return `<a class="card" href="/item/${card.id}" data-item="${card.id}" data-source="${source}"><img src="/pictures/${card.id}.svg" alt="" width="160" height="120" loading="lazy">`
    + `<span class="name">${escape(card.name)}</span><span class="price">${escape(card.price)}</span>`
    + `${card.why === '' ? '' : `<span class="why" title="${escape(card.whyLong)}">${escape(card.why)}</span>`}</a>`
}

/** Everything of a category, or with `all` a look at each. New items are there once shoppers meet them. */
export function gridCards(category: string, language: Language): Card[] {
  return ITEMS.filter(item => !item.isNew && (category === 'all' ? item.form === 0 : item.category === category))
    .map(item => cardOf(item.id, language, '', 0)).filter(card => card !== undefined)
}

function grid(category: string, language: Language): string {
  return `<div class="cards wide">${gridCards(category, language).map(card => renderCard(card, 'category')).join('')}</div>`
}

function rail(strings: Strings): string {
  return `<section class="panel" id="rail"><h2>${escape(strings.railTitle)}</h2><div id="rail-entries"><p class="quiet">${escape(strings.railEmpty)}</p></div></section>`
}

function backstage(input: PageInput, strings: Strings): string {
  const { numbers } = input
  const controls = input.canSimulate
    ? `<label>${escape(strings.shoppers)} <output id="shoppers-count">${numbers.shoppers}</output><input id="shoppers" type="range" min="0" max="${input.shoppersMax}" step="10" value="${numbers.shoppers}"></label>`
      + `<p class="buttons"><button class="plain" data-backstage="trend">${escape(strings.shiftTrend)}</button><button class="plain" data-backstage="new">${escape(strings.addNew)}</button></p><p id="note" class="quiet"></p>`
    : ''
  const figure = (id: string, text: string): string => `<td id="${id}">${escape(text)}</td>`
  const line = (label: string, key: 'hr' | 'mrr' | 'novel'): string =>
    `<tr><th>${escape(label)}</th>${figure(`ours-${key}`, numbers.ours[key])}${figure(`popularity-${key}`, numbers.popularity[key])}</tr>`
  return `<section class="panel"><h2>${escape(strings.backstage)}</h2>${controls}<p class="quiet" id="rate">${escape(numbers.eventsPerSecond)}</p>`
    + `<h3>${escape(strings.quality)}</h3><table><tr><th></th><th>${escape(strings.ours)}</th><th>${escape(strings.popularity)}</th></tr>`
    + `${line(strings.hr, 'hr')}${line(strings.mrr, 'mrr')}${line(strings.novel, 'novel')}</table>`
    + `<p class="quiet"><span id="over">${escape(numbers.over)}</span> ${escape(strings.qualityNote)}</p>`
    + `<h3>${escape(strings.experiment)}</h3><table id="groups"><tr><th></th><th>${escape(strings.clickThrough)}</th><th>${escape(strings.conversion)}</th></tr>`
    + `${numbers.groups.map(group => `<tr><th>${escape(group.name)}</th><td>${escape(group.clickThrough)}</td><td>${escape(group.conversion)}</td></tr>`).join('')}</table>`
    + `<p class="quiet">${escape(strings.experimentNote)} ${escape(strings.simulated)}</p></section>`
}

/** The sentences that the page's script needs. */
function clientStrings(strings: Strings): Record<string, string> {
  const { addToCart, buy, remove, cartEmpty, checkout, bought, live, connecting } = strings
  return { addToCart, buy, remove, cartEmpty, checkout, bought, live, connecting }
}
