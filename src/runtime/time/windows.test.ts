import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { firstWindowStart, isClosed, isSessionClosed, windowStarts } from './windows.ts'

test('a record is in every window that contains it, none before time 0 (W1)', () => {
  deepEqual(windowStarts(0, 10, 10), [0])
  deepEqual(windowStarts(9, 10, 10), [0])
  deepEqual(windowStarts(10, 10, 10), [10])
  deepEqual(windowStarts(9, 10, 4), [0, 4, 8])
  deepEqual(windowStarts(3, 10, 4), [0])
  deepEqual(windowStarts(1_700_000_000_123, 60_000, 60_000), [1_700_000_000_123 - 1_700_000_000_123 % 60_000])
  for (let time = 0; time < 60; time++) {
    const brute = Array.from({ length: 20 }, (_, index) => index * 4).filter(start => start <= time && time < start + 10)
    deepEqual(windowStarts(time, 10, 4), brute)
    equal(firstWindowStart(time, 10, 4), brute[0])
  }
})

test('a window is closed at its end plus grace, a session one millisecond after it could last be joined (W1, W4, W9)', () => {
  deepEqual([14, 15].map(now => isClosed(10, now, 5)), [false, true])
  deepEqual([25, 26].map(now => isSessionClosed(10, now, 10, 5)), [false, true])
})
