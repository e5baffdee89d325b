/** A small stream of shop events for replays: seeded, with Chinese names and with lines that cannot be read. */
import { writeFileSync } from 'node:fs'
import { seeded } from '../../demo/recommender/shop/shoppers.ts'

const MINUTE_MS = 60_000

/** Shoppers over three days who wander among 40 items, some of them with Chinese names; three lines are broken. */
export function writeStream(path: string, seed: number): void {
  const random = seeded(seed)
  const lines: string[] = ['{"visitor":"broken"', 'not JSON at all', '{"visitor":"v","item":"x","type":"gaze","at":1}']
  for (let session = 0; session < 60; session += 1) {
    let at = Date.UTC(2026, 4, 1) + Math.floor(random() * 2 * 24 * 60) * MINUTE_MS + (session >= 52 ? 2 * 24 * 60 * MINUTE_MS : 0)
    let item = Math.floor(random() * 40)
    for (let step = 0; step <= random() * 6; step += 1) {
      const type = random() < 0.1 ? 'cart' : random() < 0.06 ? 'purchase' : 'view'
      lines.push(JSON.stringify({ visitor: `v${session % 25}`, item: item % 7 === 0 ? `灯-${item}` : `item-${item}`, type, at, category: `c${item % 4}` }))
      item = (item + 1 + Math.floor(random() * 3)) % 40
      at += Math.floor(random() * 3 * MINUTE_MS)
    }
  }
  writeFileSync(path, lines.join('\n'))
}
