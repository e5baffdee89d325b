/**
 * What `millrace advise` says of the app, the gravest first: a card for each piece, with what was measured, the option to change, and what that costs.
 *
 * AV1. A card is made once for its rule and task, and then only its texts change: what somebody selects to copy stays selected while it stays the same.
 * AV2. What was measured has the numbers and names of the command in either language (`advice-evidence.ts`).
 */
import { evidenceInChinese } from './advice-evidence.ts'
import { CHANGES_ZH, COSTS_ZH, PROBLEMS_ZH } from './advice-strings.ts'
import { element, grouped, setText } from './elements.ts'
import { fill, LANGUAGES, type Strings } from './strings.ts'

export interface ShownAdvice {
  readonly rule: string, readonly level: 'high' | 'medium' | 'low', readonly task: string, readonly problem: string, readonly evidence: readonly string[], readonly change: string, readonly costs: string
  readonly option: { readonly name: string, readonly value: number | null, readonly to: number, readonly unit: 'ms' | 'bytes' | 'count' } | null
}

export class AdviceView {
  readonly element = element('div', 'advice')
  readonly #strings: Strings
  readonly #verdict = element('p', 'advice-verdict muted')
  readonly #cards = new Map<string, HTMLElement>()

  constructor(strings: Strings) {
    this.#strings = strings
    this.element.append(this.#verdict)
  }

  update(advice: readonly ShownAdvice[]): void {
    const text = advice.length === 0 ? this.#strings.nothing_to_change : ''
    if (this.#verdict.textContent !== text) this.#verdict.textContent = text
    const keys = advice.map(({ rule, task }) => `${rule} ${task}`)
    for (const [key, card] of this.#cards) {
      if (keys.includes(key)) continue
      card.remove()
      this.#cards.delete(key)
    }
    advice.forEach((each, index) => {
      const card = this.#cards.get(keys[index] ?? '') ?? this.#addCard(keys[index] ?? '')
      this.#draw(card, each)
      if (this.element.children[index + 1] !== card) this.element.insertBefore(card, this.element.children[index + 1] ?? null)
    })
  }

  #addCard(key: string): HTMLElement {
    const strings = this.#strings
    const card = element('div', 'piece')
    const head = element('p', 'piece-head')
    head.append(element('b', 'rule'), element('span', 'problem'))
    const rows = element('dl')
    for (const [name, title] of [['evidence', strings.measured], ['option', strings.option], ['change', strings.change], ['costs', strings.costs]] as const) rows.append(element('dt', `${name}-title`, title), element('dd', name))
    card.append(head, rows)
    this.#cards.set(key, card)
    return card
  }

  #draw(card: HTMLElement, advice: ShownAdvice): void {
    const words = inLanguage(advice, this.#strings)
    const { option } = advice
    card.dataset['level'] = advice.level
    card.dataset['rule'] = advice.rule
    setText(card, '.rule', `${advice.rule} · ${advice.task}`)
    setText(card, '.problem', words.problem)
    setText(card, '.evidence', words.evidence.join('\n'))
    setText(card, '.option', option === null ? '—' : `${option.name}: ${option.value === null ? this.#strings.not_declared : valueText(option.unit, option.value)} → ${valueText(option.unit, option.to)}`)
    setText(card, '.change', words.change)
    setText(card, '.costs', words.costs)
  }
}

/** In English as the server says it; in Chinese by rule and option. */
export function inLanguage({ rule, task, problem, evidence, option, change, costs }: ShownAdvice, strings: Strings): { readonly problem: string, readonly evidence: readonly string[], readonly change: string, readonly costs: string } {
  if (strings === LANGUAGES.en) return { problem, evidence, change, costs }
  const told = (template: string | undefined, instead: string): string => template === undefined ? instead : fill(template, { task })
  const name = option?.name.slice(option.name.lastIndexOf('.') + 1) ?? ''
  return {
    problem: told(PROBLEMS_ZH[rule], problem),
    evidence: evidence.map(sentence => evidenceInChinese(sentence) ?? sentence),
    change: option === null ? told(CHANGES_ZH[rule], change) : `millrace start … --set ${option.name}=${option.to}`,
    costs: COSTS_ZH[name] ?? costs,
  }
}

function valueText(unit: 'ms' | 'bytes' | 'count', value: number): string {
  if (unit === 'ms') return `${grouped(value)} ms`
  if (unit === 'count') return grouped(value)
  return value < 1024 * 1024 ? `${Number((value / 1024).toFixed(1))} KiB` : `${Number((value / 1024 / 1024).toFixed(1))} MiB`
}
