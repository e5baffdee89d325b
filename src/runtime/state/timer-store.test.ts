import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/seeded-random.ts'
import { realClock } from '../../env/real/clock.ts'
import { text } from '../../serde/text.ts'
import { MemoryStores } from './memory-store.ts'
import { ShardState } from './shard-state.ts'
import { position } from './store-contract.ts'
import { TimerStore } from './timer-store.ts'

async function opened(stores: MemoryStores, liveBytesMax?: number): Promise<ShardState> {
  return new ShardState(await stores.open('s'), { clock: realClock, stores: ['timers'], storeLagMaxMs: 60_000, liveBytesMax })
}

async function committed(state: ShardState): Promise<void> {
  state.committed(state.freeze(), position(1))
  await state.written()
}

test('timers come out by time, key and name, and are gone then', async () => {
  const state = await opened(new MemoryStores())
  const timers = TimerStore.of(state, 'timers', text)
  timers.set('b', 'event', 'x', 20)
  timers.set('a', 'event', 'z', 20)
  timers.set('a', 'event', 'y', 20)
  timers.set('a', 'event', 'w', 10)
  timers.set('a', 'wall', 'w', 5)
  equal(timers.nextTime('event'), 10)
  deepEqual(timers.take('event', 9), undefined)
  deepEqual(timers.take('event', 20), { key: 'a', time: 10, names: ['w'] })
  deepEqual(timers.take('event', 20), { key: 'a', time: 20, names: ['y', 'z'] })
  deepEqual(timers.take('event', 20), { key: 'b', time: 20, names: ['x'] })
  deepEqual(timers.take('event', 1_000), undefined)
  equal(timers.nextTime('event'), Infinity)
  equal(timers.nextTime('wall'), 5)
  await committed(state)
  equal(state.store.entryCount(), 2)
  await state.close()
})

test('a hundred thousand timers keep few in memory, and come out in order, over a restart', async () => {
  const stores = new MemoryStores()
  const state = await opened(stores, 100_000)
  const timers = TimerStore.of(state, 'timers', text)
  const count = 100_000
  for (let index = 0; index < count; index++) {
    timers.set(`key${index}`, 'event', '', 1_000 + (index * 7_919) % count)
    if (index % 20_000 === 19_999) {
      await committed(state)
      state.trim()
    }
  }
  state.trim()
  state.trim()
  ok(state.liveBytes < 30_000_000, `${state.liveBytes} bytes are live`)
  await state.close()
  const again = await opened(stores)
  const restored = TimerStore.of(again, 'timers', text)
  restored.set('early', 'event', '', 5)
  restored.set('late', 'event', '', 1_000 + count)
  for (const time of [5, ...Array.from({ length: count + 1 }, (_, index) => 1_000 + index)]) {
    const due = restored.take('event', Infinity)
    if (due?.time !== time) equal(due?.time, time)
  }
  equal(restored.take('event', Infinity), undefined)
  await again.close()
})

test('a burst of timers at one time that no batch holds comes out whole', async () => {
  const stores = new MemoryStores()
  const state = await opened(stores)
  for (let index = 0; index < 10_000; index++) TimerStore.of(state, 'timers', text).set(`k${index}`, 'event', '', 500)
  TimerStore.of(state, 'timers', text).set('later', 'event', '', 501)
  await committed(state)
  await state.close()
  const again = await opened(stores)
  const timers = TimerStore.of(again, 'timers', text)
  const keys = new Set<unknown>()
  for (let due = timers.take('event', 500); due !== undefined; due = timers.take('event', 500)) keys.add(due.key)
  equal(keys.size, 10_000)
  equal(timers.nextTime('event'), 501)
  await again.close()
})

test('more timers at one time than the heap should hold are set at a steady cost', async () => {
  const state = await opened(new MemoryStores())
  const timers = TimerStore.of(state, 'timers', text)
  for (let index = 0; index < 80_000; index++) timers.set(`k${index}`, 'wall', '', 7)
  let fired = 0
  while (timers.take('wall', 7) !== undefined) fired++
  equal(fired, 80_000)
  await state.close()
})

test('random setting, moving, cancelling and firing agrees with a list, over commits, rollbacks and restarts', async () => {
  const random = seededRandom()
  const stores = new MemoryStores()
  let state = await opened(stores, 2_000)
  let model = new Map<string, number>()
  let saved = new Map(model)
  for (let step = 0; step < 3_000; step++) {
    const timers = TimerStore.of(state, 'timers', text)
    const [key, name] = [`k${random.below(20)}`, `n${random.below(2)}`]
    const what = random.below(20)
    if (what < 10) {
      const time = random.below(1_000)
      timers.set(key, 'event', name, time)
      model.set(`${key}/${name}`, time)
    } else if (what < 13) {
      timers.cancel(key, 'event', name)
      model.delete(`${key}/${name}`)
    } else if (what < 17) {
      const upTo = random.below(500)
      const due = timers.take('event', upTo)
      const first = [...model].filter(([, time]) => time <= upTo).sort(([left, leftTime], [right, rightTime]) => leftTime - rightTime || (left < right ? -1 : 1))[0]
      equal(due?.time, first?.[1], random.seedText)
      equal(due?.key, first?.[0].split('/')[0], random.seedText)
      for (const one of due?.names ?? []) model.delete(`${String(due?.key)}/${one}`)
    } else if (what === 17) {
      await committed(state)
      saved = new Map(model)
      state.trim()
    } else if (what === 18) {
      await state.rollback()
      model = new Map(saved)
    } else {
      await committed(state)
      saved = new Map(model)
      await state.close()
      state = await opened(stores, 2_000)
    }
  }
  await state.close()
})
