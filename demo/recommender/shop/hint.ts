/** The hint on a product page at high intent: friendly, and honest about why it is there. */
import type { FeatureName } from '../model/intent.ts'
import { PRIOR } from '../tasks/intent.ts'
import type { Intent } from '../topics.ts'
import type { Hint } from './messages.ts'
import { fill, STRINGS, type Language } from './strings.ts'

/** High is three times what is usual. */
const HIGH = 3 * PRIOR

const REASONS: Readonly<Record<Language, Readonly<Record<FeatureName, string>>>> = {
  en: {
    bias: '', views: 'many views', 'distinct items': 'many items seen', 'distinct categories': 'many categories', 'repeats of one item': 'came back to one item', 'share of top category': 'knows what it wants',
    'has cart': 'something in the cart', carts: 'carts', removals: 'removals', 'time since start': 'a long visit', 'time since last event': 'a pause', 'price against mean': 'price', revisits: 'looked again',
    'returning visitor': 'was here before', 'hour sin': 'time of day', 'hour cos': 'time of day', 'from a recommendation': 'came from a recommendation', 'from search': 'came from search',
  },
  zh: {
    bias: '', views: '浏览多', 'distinct items': '看过多件商品', 'distinct categories': '看过多个类别', 'repeats of one item': '反复看同一件', 'share of top category': '目标明确',
    'has cart': '购物车里有商品', carts: '加购', removals: '移除', 'time since start': '停留很久', 'time since last event': '停顿', 'price against mean': '价格', revisits: '再次浏览',
    'returning visitor': '回头客', 'hour sin': '时段', 'hour cos': '时段', 'from a recommendation': '来自推荐', 'from search': '来自搜索',
  },
}

/** `undefined` where intent is not high. */
export function hintOf(intent: Intent, language: Language): Hint | undefined {
  if (intent.probability < HIGH) return undefined
  const strings = STRINGS[language]
  const words = REASONS[language]
  const reasons = [...new Set(intent.because.map(name => Object.hasOwn(words, name) ? words[name as FeatureName] : '').filter(text => text !== ''))]
  const separator = language === 'zh' ? '、' : ', '
  return { item: intent.item, title: strings.hintTitle, text: fill(strings.hint, { percent: `${Math.round(100 * intent.probability)} %`, reasons: reasons.join(separator) }) }
}
