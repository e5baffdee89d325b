/** The shop's recommender: what `millrace demo recommender` runs, and `millrace start` runs a task of. */
import { PUBLISH_MS } from './tasks/context.ts'
import { recommender } from './topology.ts'

export const SHOP_PARTITIONS = 4

const shop = recommender({ name: 'shop', prefix: '', partitions: SHOP_PARTITIONS, keepRecs: false, isBasket: false, compare: true, trace: true, publishMs: PUBLISH_MS })

export const topics = shop.topics
export default shop.app
