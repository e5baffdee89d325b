/** Makes elements and sets texts; what came over the network goes in as text, never as markup. A text that is the same is not set again. */
const SVG = 'http://www.w3.org/2000/svg'

export type Cell = string | { readonly text: string, readonly state: string }

export function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className = '', text = ''): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  if (text !== '') made.textContent = text
  return made
}

export function make<Name extends keyof SVGElementTagNameMap>(name: Name, attributes: Readonly<Record<string, string | number>>): SVGElementTagNameMap[Name] {
  const made = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value))
  return made
}

export function section(title: string, note: string | undefined, ...children: readonly Node[]): HTMLElement {
  const part = element('section')
  part.append(element('h2', '', title), ...note === undefined ? [] : [element('p', 'muted', note)], ...children)
  return part
}

export function table(head: readonly string[], body: HTMLElement): HTMLElement {
  const box = element('div', 'scroll')
  const drawn = element('table')
  const row = element('tr')
  row.append(...head.map(title => element('th', '', title)))
  const thead = element('thead')
  thead.append(row)
  drawn.append(thead, body)
  box.append(drawn)
  return box
}

export function setRows(body: HTMLElement, rows: readonly (readonly Cell[])[]): void {
  while (body.childElementCount > rows.length) body.lastElementChild?.remove()
  rows.forEach((cells, index) => {
    const row = body.children[index] ?? body.appendChild(element('tr'))
    cells.forEach((cell, column) => {
      const drawn = row.children[column] ?? row.appendChild(element('td'))
      const text = typeof cell === 'string' ? cell : cell.text
      if (drawn.textContent !== text) drawn.textContent = text
      if (typeof cell !== 'string') drawn.setAttribute('data-state', cell.state)
    })
  })
}

export function setList(list: HTMLElement, texts: readonly string[], item: 'li' | 'pre' = 'li'): void {
  while (list.childElementCount > texts.length) list.lastElementChild?.remove()
  texts.forEach((text, index) => {
    const drawn = list.children[index] ?? list.appendChild(element(item))
    if (drawn.textContent !== text) drawn.textContent = text
  })
}

export function setText(parent: Element, selector: string, text: string): void {
  const found = parent.querySelector(selector)
  if (found !== null && found.textContent !== text) found.textContent = text
}

/** 1204 → `1204`, 12040 → `12.0k`: for the narrow places of the graph. */
export function shortNumber(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toString() : value.toFixed(1)
}

/** 1204 → `1,204`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}
