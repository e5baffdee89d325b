import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { after, test } from 'node:test'
import { MemoryStores } from './memory-store.ts'
import { changes, position, storeContract } from './store-contract.ts'

const provider = new MemoryStores()
let next = 0
storeContract('memory store', { provider, directory: () => `shard-${next++}` })
after(() => provider.crash())

test('a crash loses the commit under way, or has it whole (S2)', async () => {
  for (const happened of [false, true]) {
    const stores = new MemoryStores()
    const store = await stores.open('s')
    await store.commit(changes({ a: '1' }), position(1))
    const underWay = store.commit(changes({ a: '2', b: '2' }), position(2))
    stores.crash('', () => happened)
    if (happened) await underWay
    else await rejects(underWay, /killed/)
    throws(() => store.get(Buffer.from('a')), /killed/)
    const again = await stores.open('s')
    equal(again.get(Buffer.from('a'))?.toString(), happened ? '2' : '1')
    deepEqual(again.position(), position(happened ? 2 : 1))
  }
})

test('a power cut takes rows and leaves the position, unless the close was clean (R3)', async () => {
  const stores = new MemoryStores()
  for (const name of ['open', 'closed']) {
    const store = await stores.open(name)
    const keys = Array.from({ length: 100 }, (_, index) => Buffer.from(`k${index}`))
    await store.commit({ deleteRanges: [], keys, values: keys }, position(1))
    if (name === 'closed') await store.close()
  }
  let state = 1
  stores.powerCut(() => (state = state * 48271 % 2147483647) / 2147483647)
  const open = await stores.open('open')
  const closed = await stores.open('closed')
  equal(closed.entryCount(), 100)
  equal(open.entryCount() < 80 && open.entryCount() > 20, true)
  deepEqual(open.position(), position(1))
})
