/**
 * The shop's catalogue: 240 things for a home, made by rule from twelve categories, each with five materials and four forms.
 *
 * K1. Made once, always the same: an item's id, names, price and picture never change, so lists that were stored stay readable.
 * K2. One item of each category is held back as new, to be brought in while the shop runs.
 */
export interface Names {
  readonly en: string
  readonly zh: string
}

export interface Category {
  readonly id: string
  readonly names: Names
}

export interface Item {
  readonly id: string
  readonly category: string
  readonly names: Names
  /** Euro, two decimals. */
  readonly price: number
  /** Index of its material: items of one material look alike across categories. */
  readonly style: number
  readonly form: number
  readonly isNew: boolean
}

interface Recipe {
  readonly id: string
  readonly names: Names
  readonly base: number
  readonly forms: readonly Names[]
  readonly materials: readonly Names[]
}

const name = (en: string, zh: string): Names => ({ en, zh })
const WOOD = [name('Oak', '橡木'), name('Walnut', '胡桃木'), name('Rattan', '藤编'), name('White', '纯白'), name('Black Steel', '黑钢')]
const CLAY = [name('Sand Stoneware', '沙色陶'), name('Walnut Glaze', '胡桃釉'), name('Celadon', '青瓷'), name('White Porcelain', '白瓷'), name('Black Clay', '黑陶')]
const CLOTH = [name('Natural Linen', '原色亚麻'), name('Caramel Wool', '焦糖羊毛'), name('Sage Cotton', '鼠尾草棉'), name('Ivory Bouclé', '象牙圈绒'), name('Charcoal Felt', '炭灰毛毡')]

const RECIPES: readonly Recipe[] = [
  { id: 'lamp', names: name('Lamps', '灯具'), base: 69, materials: WOOD, forms: [name('Desk Lamp', '台灯'), name('Floor Lamp', '落地灯'), name('Pendant', '吊灯'), name('Night Light', '夜灯')] },
  { id: 'chair', names: name('Chairs', '椅子'), base: 149, materials: WOOD, forms: [name('Dining Chair', '餐椅'), name('Armchair', '扶手椅'), name('Stool', '凳子'), name('Rocking Chair', '摇椅')] },
  { id: 'shelf', names: name('Shelves', '置物架'), base: 89, materials: WOOD, forms: [name('Wall Shelf', '壁挂架'), name('Bookcase', '书架'), name('Ladder Shelf', '梯形架'), name('Corner Shelf', '转角架')] },
  { id: 'clock', names: name('Clocks', '钟表'), base: 39, materials: WOOD, forms: [name('Wall Clock', '挂钟'), name('Table Clock', '座钟'), name('Alarm Clock', '闹钟'), name('Kitchen Clock', '厨房钟')] },
  { id: 'basket', names: name('Baskets', '收纳篮'), base: 24, materials: WOOD, forms: [name('Laundry Basket', '洗衣篮'), name('Bread Basket', '面包篮'), name('Log Basket', '柴篮'), name('Storage Box', '收纳盒')] },
  { id: 'mug', names: name('Mugs', '杯子'), base: 16, materials: CLAY, forms: [name('Mug', '马克杯'), name('Espresso Cup', '浓缩杯'), name('Tumbler', '随行杯'), name('Latte Bowl', '拿铁碗')] },
  { id: 'teapot', names: name('Teapots', '茶壶'), base: 42, materials: CLAY, forms: [name('Teapot', '茶壶'), name('Side-handle Pot', '侧把壶'), name('Coffee Dripper', '滤杯'), name('Pitcher', '水壶')] },
  { id: 'vase', names: name('Vases', '花瓶'), base: 34, materials: CLAY, forms: [name('Bud Vase', '单枝花瓶'), name('Floor Vase', '落地花瓶'), name('Bowl Vase', '圆花瓶'), name('Bottle Vase', '长颈花瓶')] },
  { id: 'plant', names: name('Plants', '绿植'), base: 29, materials: CLAY, forms: [name('Monstera', '龟背竹'), name('Snake Plant', '虎尾兰'), name('Olive Tree', '橄榄树'), name('Fern', '蕨')].map(form => name(`${form.en} in Pot of`, `${form.zh}`)) },
  { id: 'cushion', names: name('Cushions', '靠垫'), base: 27, materials: CLOTH, forms: [name('Cushion', '靠垫'), name('Bolster', '圆枕'), name('Floor Cushion', '坐垫'), name('Pouf', '软凳')] },
  { id: 'rug', names: name('Rugs', '地毯'), base: 119, materials: CLOTH, forms: [name('Rug', '地毯'), name('Runner', '走廊毯'), name('Round Rug', '圆毯'), name('Bath Mat', '浴室垫')] },
  { id: 'throw', names: name('Throws', '盖毯'), base: 54, materials: CLOTH, forms: [name('Throw', '盖毯'), name('Blanket', '毛毯'), name('Bedspread', '床罩'), name('Baby Blanket', '婴儿毯')] },
]

export const CATEGORIES: readonly Category[] = RECIPES.map(({ id, names }) => ({ id, names }))
export const STYLES = 5
export const ITEMS: readonly Item[] = RECIPES.flatMap(itemsOf)
const BY_ID = new Map(ITEMS.map(item => [item.id, item]))

export function itemOf(id: string): Item | undefined {
  return BY_ID.get(id)
}

export function categoryOf(id: string): Category | undefined {
  return CATEGORIES.find(category => category.id === id)
}

function itemsOf(recipe: Recipe): Item[] {
  return recipe.forms.flatMap((form, formIndex) => recipe.materials.map((material, style): Item => ({
    id: `${recipe.id}-${formIndex * recipe.materials.length + style + 1}`,
    category: recipe.id,
    names: recipe.id === 'plant'
      ? { en: `${form.en} ${material.en}`, zh: `${material.zh}盆${form.zh}` }
      : { en: `${material.en} ${form.en}`, zh: `${material.zh}${form.zh}` },
    price: Math.round(recipe.base * (0.8 + 0.25 * formIndex) * (1 + 0.12 * ((style * 3 + formIndex) % 5))) - 0.1,
    style,
    form: formIndex,
    isNew: formIndex === recipe.forms.length - 1 && style === recipe.materials.length - 1,
  })))
}
