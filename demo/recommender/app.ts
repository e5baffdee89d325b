/** The shop's recommender: what `millrace demo recommender` runs, and `millrace start` runs a task of. */
import { recommender } from './topology.ts'

export const SHOP_PARTITIONS = 4

const shop = recommender({ name: 'shop', prefix: '', partitions: SHOP_PARTITIONS, keepRecs: false, isBasket: false, compare: true, trace: true })

export const topics = shop.topics
export default shop.app
