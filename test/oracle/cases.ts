/**
 * Scripted cases for the comparison with Kafka Streams' TopologyTestDriver: each names the rules (of stream-semantics) that it is about. What Java answers is kept in
 * `recorded.json`; where Millrace departs on purpose, the case says why and what comes out instead.
 */
import type { SeededRandom } from '../support/seeded-random.ts'
import { topologyNames } from './topologies.ts'

export interface RecordStep {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly time: number
  readonly headers?: readonly (readonly [string, string])[] | undefined
}

export type Step = RecordStep | { readonly wallClock: number }

export interface Row {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly time: number
  readonly headers: readonly (readonly [string, string])[]
}

export interface OracleCase {
  readonly name: string
  readonly topology: string
  readonly rules: readonly string[]
  readonly steps: readonly Step[]
  /** Headers of the rows are compared too; not where rows come from closing windows or timers, which carry none here. */
  readonly headers: boolean
  /** Why the rows differ from Java's, and what they are here. */
  readonly departure?: { readonly why: string; readonly rows: readonly Row[] } | undefined
}

/** `in a 1 @10` as a step: key and value `-` are null. */
function steps(text: string): Step[] {
  return text.trim().split('\n').map(line => {
    const match = /^\s*(?:wall (\d+)|(\w+) (\S+) (.*?) @(\d+)(?: (h.*))?)\s*$/.exec(line)
    if (match === null) throw new Error(`no step: ${line}`)
    const [, wall, topic = '', key = '', value = '', time, headers] = match
    if (wall !== undefined) return { wallClock: Number(wall) }
    return {
      topic, key: key === '-' ? null : key, value: value === '-' ? null : value, time: Number(time),
      headers: headers?.split(' ').map(header => { const [name = '', content = ''] = header.split('='); return [name, content] as const }),
    }
  })
}

function rows(text: string): Row[] {
  return text.trim().split('\n').map(line => {
    const [, key = '', value = '', time] = /^\s*(\S+) (.*) @(\d+)\s*$/.exec(line) ?? []
    return { topic: 'out', key: key === '-' ? null : key, value: value === '-' ? null : value, time: Number(time), headers: [] }
  })
}

/** Final rows and timers carry none here, and session rows none in Kafka Streams: a departure with a case of its own. */
function comparesHeaders(topology: string): boolean {
  return !topology.endsWith('Final') && !topology.endsWith('imers') && !topology.startsWith('session')
}

function one(name: string, topology: string, rules: string, text: string, more: Partial<OracleCase> = {}): OracleCase {
  return { name, topology, rules: rules.split(' '), steps: steps(text), headers: comparesHeaders(topology), ...more }
}

export const CASES: readonly OracleCase[] = [
  one('stateless steps keep key, time and headers', 'stateless', 'T4 M5', `
    in a one @10 h1=x h2=y
    in a xdropped @11
    in - nokey @5
    in b - @7 h=z
    in a two @3`),
  one('what is passed through is written as it came', 'pass', 'T4 M5', `
    in a one @10 h=1
    in - - @9
    in a - @8`),
  one('flatMap gives any number of values at the same time', 'flatMap', 'T4 M5', `
    in a 1,2,3 @10 h=x
    in a - @11
    in b 4 @2`),
  one('branch: the first arm that takes it, else the rest', 'branch', 'T4 M5', `
    in k a1 @1 h=1
    in k ab @2
    in k b @3 h=2
    in k - @4`),
  one('merge keeps the order of arrival', 'merge', 'T4 M5', `
    in a x @10 h=1
    in2 a y @5 h=2
    in b z @7`),
  one('event time comes from the value; a negative one drops the record, and no clock moves', 'extractedTime', 'T1 T4 M5', `
    in a 10 @1 h=1
    in a -1 @2
    in a later @3
    in a 5 @4
    in a - @5
    in a 0 @6`),
  one('windows go by the time from the value, not by that of the record', 'extractedTimeWindows', 'T1 T2 W1', `
    in a 1 @100
    in a 12 @0
    in a 4 @50
    in a -7 @1000
    in a 15 @1
    in a 9 @2
    in a 14 @3`),
  one('re-keyed records are counted under the new key; a null key is dropped', 'rekeyCount', 'P1 W2 T4 M5', `
    in a cat @10 h=1
    in b cow @5 h=2
    in c dog @7
    in d - @8
    in - cup @20`),
  one('count: null keys and null values are dropped, time is the highest', 'count', 'W2 T4 M5', `
    in a x @10 h=1
    in a y @5 h=2
    in - z @100
    in a - @200
    in a z @11
    in b z @3`),
  one('reduce: the first value stands for itself', 'reduce', 'W2 T4 M5', `
    in a x @10 h=1
    in a y @5 h=2
    in a - @50
    in a z @12
    in b q @1`),
  one('aggregate: null deletes, and the next record starts anew, with its own time', 'aggregate', 'W2 T4 M5', `
    in a x @10 h=1
    in a y @20 h=2
    in a delete @5
    in a z @3
    in a delete @4
    in a delete @5
    in - x @9`),
  one('tumbling: [start, end), late by grace, other keys keep time going', 'tumbling', 'W1 T4 M5', `
    in a 0 @0
    in a 9 @9 h=1
    in a 10 @10
    in a back @9
    in b on @14
    in a back @9 h=2
    in b on @15
    in a late @9
    in a late @0
    in a 10 @19
    in b far @100
    in a late @84
    in a ok @85
    in a ok @90`),
  one('windowed aggregation drops null keys and aggregates null values', 'tumbling', 'W2', `
    in a - @1
    in a x @2
    in - y @50
    in a z @3`),
  one('without grace a window closes at its end', 'tumblingNoGrace', 'W1', `
    in a x @9
    in b x @10
    in a y @9
    in a z @10
    in a z @19`),
  one('hopping: windows near zero, and those of one record that are still open', 'hopping', 'W1 T4', `
    in a x @0
    in a y @3
    in a z @9
    in b t @13
    in a w @9
    in b t @20
    in a late @9
    in a some @11`),
  one('windowed count counts null values too', 'windowCount', 'W2 T4', `
    in a x @1
    in a - @2
    in a y @11
    in b y @3`),
  one('windowed reduce', 'windowReduce', 'W1 T4', `
    in a x @1
    in a y @0
    in a z @12
    in b t @15
    in a late @9`),
  one('a final result leaves once, when its window closes, in order of window and key', 'tumblingFinal', 'W1 W8 T4', `
    in b 1 @1
    in a 2 @2
    in b 3 @5
    in a 4 @12
    in c on @14
    in c close @15
    in a late @3
    in b 5 @24
    in c far @60
    in c end @100`),
  one('final results: input without key moves the watermark here, and nothing in Kafka Streams', 'tumblingFinal', 'W1 W7 W8', `
    in a 1 @1
    in - 2 @15
    in a 3 @2
    in b 4 @30`, { departure: {
    why: 'the watermark is that of the shard\'s input, and a window whose result is out never opens again; Kafka Streams\' suppress has a clock of its own that only forwarded records move (W8)',
    rows: rows(`
      a@0-10 0,1 @1`),
  } }),
  one('a final result is of no single record, and carries no headers', 'tumblingFinal', 'W8 M5', `
    in a 1 @1 h=1
    in a 2 @2 h=2
    in b close @15 h=3`, { headers: true, departure: {
    why: 'a window is closed by the watermark, not by a record; Kafka Streams\' suppress keeps the headers of the last record that went into it (M5)',
    rows: rows('a@0-10 0,1,2 @2'),
  } }),
  one('sessions merge at exactly the gap, absorbed ones are taken back first', 'session', 'W4 T4 M5', `
    in a x @10
    in a y @20 h=1
    in a z @31
    in a w @26 h=2
    in b q @30`),
  one('session rows carry the headers of the record that made them', 'session', 'M5', `
    in a x @10 h=1
    in a y @20 h=2`, { headers: true, departure: {
    why: 'every other result carries the headers of the record that caused it (M5); Kafka Streams\' session aggregation alone makes rows without',
    rows: [
      { topic: 'out', key: 'a@10-10', value: '0,x', time: 10, headers: [['h', '1']] },
      { topic: 'out', key: 'a@10-10', value: null, time: 10, headers: [['h', '2']] },
      { topic: 'out', key: 'a@10-20', value: '(0|0,x),y', time: 20, headers: [['h', '2']] },
    ],
  } }),
  one('a session of end = T − grace − gap is open: a record at the gap joins it', 'sessionDefaultRetention', 'W4 W9', `
    in a x @10
    in b t @25
    in a y @20`, { departure: {
    why: 'one comparison (W9): Kafka Streams\' store with its default retention has forgotten the session that its aggregation would still accept',
    rows: rows(`
      a@10-10 0,x @10
      b@25-25 0,t @25
      a@10-10 - @10
      a@10-20 (0|0,x),y @20`),
  } }),
  one('sessions: a record inside, at an edge, and the very same moment', 'session', 'W4', `
    in a x @10
    in a same @10
    in a y @18
    in a inside @14
    in a edge @18
    in a edge @10`),
  one('sessions: late alone is dropped, late but touching a live one is kept', 'session', 'W4 W9', `
    in a old @10
    in a x @40
    in b t @60
    in a touch @35
    in a late @44
    in b t @80
    in a late @64
    in a alone @65
    in a null @90
    in - x @200`),
  one('sessions: a record that joins three', 'session', 'W4', `
    in a 1 @0
    in a 2 @11
    in b k @1
    in a 3 @22
    in a between @10
    in a bridge @12`),
  one('sessions: null values are aggregated', 'session', 'W2 W4', `
    in a - @1
    in a x @5
    in a - @30`),
  one('counted sessions', 'sessionCount', 'W4', `
    in a x @1
    in a y @30
    in a z @11
    in a m @20
    in b m @20`),
  one('final sessions leave once they cannot grow', 'sessionFinal', 'W4 W8 T4', `
    in b 1 @1
    in a 2 @2
    in a 3 @12
    in c 4 @16
    in c 5 @17
    in c 6 @28
    in c 7 @50
    in c 8 @100`),
  one('final sessions: at end = T − grace − gap the session is still open', 'sessionFinal', 'W9', `
    in a 1 @10
    in b 2 @25
    in a 3 @15
    in b 4 @60`, { departure: {
    why: 'one comparison for accepting and emitting: Kafka Streams\' suppress has let the session go at equality already, and a second final row follows (W9)',
    rows: rows(`
      a@10-15 (0|0,1),3 @15
      b@25-25 0,2 @25`),
  } }),
  one('a table: null keys are dropped, null deletes, older records overwrite', 'tableChanges', 'K1 T4 M5', `
    table a x @10 h=1
    table a y @5
    table - z @50
    table a - @6
    table a - @7
    table b q @1`),
  one('a filtered table: a row that stops matching is deleted, one that never matched is passed over', 'tableFilter', 'K2 K1 T4', `
    table a a1 @10
    table b b1 @11
    table a a2 @12
    table a ax @13
    table a b2 @14
    table a a3 @15
    table a - @16
    table a - @17
    table z a1 @18
    table b a4 @19
    table - a5 @20
    table b b5 @21
    table b b6 @22`, { headers: false }),
  one('a filtered aggregate: a state that stops matching is deleted', 'countFilter', 'K2 T4', `
    in a x @1
    in a x @2
    in a x @3
    in a x @4
    in a x @5
    in b x @6
    in b - @7
    in b x @8`, { headers: false }),
  one('a join sees of a filtered table the rows that match', 'filteredJoin', 'K2 J4 T4 M5', `
    table a a @1
    in a one @2 h=1
    table a b @3
    in a two @4
    table a a @5
    in a three @6`),
  one('a left join has no row where the filter takes it out', 'filteredLeftJoin', 'K2 J4 J3 T4 M5', `
    in a zero @0
    table a a @1
    in a one @2
    table a b @3
    in a two @4 h=1
    in - three @6`),
  one('stream–table join: the stream triggers, the row is the one at that moment', 'join', 'J4 T4 M5 K1', `
    in a before @10
    table a r1 @20
    in a x @5 h=1
    table a r0 @1
    in a y @6
    table a - @30
    in a gone @31
    in b none @32`),
  one('inner join: null keys and null values are dropped', 'join', 'J3', `
    table a r @1
    in - x @2
    in a - @3
    in a y @4`),
  one('left join: without a row, and with a null key', 'leftJoin', 'J3 J4 T4 M5', `
    in a none @10
    table a r @20
    in a x @5
    in - nokey @6 h=1
    in - - @7
    in a - @8
    table a - @9
    in a gone @11`),
  one('join with an aggregate as a table', 'joinAggregate', 'J4', `
    in a none @1
    in2 a x @5
    in2 a y @6
    in a two @2
    in2 b z @7
    in b one @9`),
  one('global join: the key comes from the value, no key and no row drop', 'globalJoin', 'J5 T4 M5', `
    table k r @100
    in a k:x @5 h=1
    in - k:y @6
    in a other:z @7
    in a nokey @8
    in a - @9
    table k - @1
    in a k:w @10`),
  one('global left join: no key and no row join with nothing', 'globalLeftJoin', 'J3 J5 T4 M5', `
    table k r @100
    in a k:x @5 h=1
    in a other:z @7
    in a nokey @8
    in - nokey @8
    in a - @9`),
  one('event-time timers fire between records, in order of time', 'timers', 'M1 M2 T4', `
    in a hello @1
    in a set one 10 @2
    in b set two 5 @3
    in a set three 10 @4
    in c x @7
    in c x @9
    in c x @30
    in c set past 20 @31
    in c x @32`),
  one('timers: setting again moves, cancelling forgets, one gap fires each once', 'timers', 'M1 M2', `
    in a hello @1
    in a set t 10 @2
    in a set t 20 @3
    in b set t 12 @3
    in b cancel t @4
    in x go @15
    in x go @40
    in a set t 50 @41
    in a cancel t @60
    in x go @61`),
  one('rows of timers carry no headers, neither those of the record that set one nor those of the record that let it fire', 'timers', 'M1 M5', `
    in a hello @1 h=0
    in a set t 10 @2 h=1
    in b x @20 h=2`, { headers: true }),
  one('wall-clock timers fire when the clock is moved', 'wallTimers', 'M1 M2', `
    in a hello @1
    in a set t 100 @2
    in b set t 50 @3
    wall 49
    wall 1
    in a set t 200 @5
    wall 60
    wall 1000`),
  one('distinct: nearer than the span is dropped, also before what passed', 'distinct', 'T4 M5', `
    in a x @100 h=1
    in a x @109
    in a x @110
    in a y @105
    in b x @105
    in a x @101
    in a x @91
    in a x @90
    in - x @200
    in a x @119
    in a x @120`),
]

const RANDOM_STEPS = 60
const RANDOM_TOPOLOGIES: Readonly<Record<string, { readonly topics: readonly string[]; readonly values: readonly string[]; readonly nullKeys?: boolean }>> = {
  stateless: { topics: ['in'], values: ['x1', 'y1', 'z', '-'] },
  flatMap: { topics: ['in'], values: ['1,2', '3', '-'] },
  branch: { topics: ['in'], values: ['a', 'ab', 'c', '-'] },
  merge: { topics: ['in', 'in2'], values: ['a', 'b', '-'] },
  rekeyCount: { topics: ['in'], values: ['cat', 'dog', 'cow', '-'] },
  count: { topics: ['in'], values: ['a', '-'] },
  reduce: { topics: ['in'], values: ['a', 'b', '-'] },
  aggregate: { topics: ['in'], values: ['a', 'b', 'delete', '-'] },
  tumbling: { topics: ['in'], values: ['a', 'b', '-'] },
  tumblingNoGrace: { topics: ['in'], values: ['a', 'b', '-'] },
  hopping: { topics: ['in'], values: ['a', 'b', '-'] },
  // A null key moves Millrace's watermark and not Kafka Streams' clocks: a departure with a case of its own.
  tumblingFinal: { topics: ['in'], values: ['a', 'b', '-'], nullKeys: false },
  windowCount: { topics: ['in'], values: ['a', '-'] },
  windowReduce: { topics: ['in'], values: ['a', 'b', 'c'] },
  session: { topics: ['in'], values: ['a', 'b', '-'] },
  sessionCount: { topics: ['in'], values: ['a', '-'] },
  tableChanges: { topics: ['table'], values: ['a', 'b', '-'] },
  join: { topics: ['in', 'table'], values: ['a', 'b', '-'] },
  leftJoin: { topics: ['in', 'table'], values: ['a', 'b', '-'] },
  filteredJoin: { topics: ['in', 'table'], values: ['a', 'b', '-'] },
  filteredLeftJoin: { topics: ['in', 'table'], values: ['a', 'b', '-'] },
  joinAggregate: { topics: ['in', 'in2'], values: ['a', 'b', '-'] },
  globalJoin: { topics: ['in', 'table'], values: ['a:1', 'b:2', 'c', '-'], nullKeys: false },
  globalLeftJoin: { topics: ['in', 'table'], values: ['a:1', 'b:2', 'c', '-'], nullKeys: false },
}

export function randomTopologies(): string[] {
  return Object.keys(RANDOM_TOPOLOGIES)
}

/** A random case: few keys, times that go forward with jumps back and far ahead, null keys and tombstones among them. */
export function randomCase(topology: string, seed: number, random: SeededRandom): OracleCase {
  const shape = RANDOM_TOPOLOGIES[topology]
  if (shape === undefined) throw new Error(`no random input for ${topology}`)
  const pick = <T>(from: readonly T[]): T => {
    const item = from[random.below(from.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
  const keys = shape.nullKeys === false ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'a', 'b', 'c', null]
  let now = 20
  const made: Step[] = Array.from({ length: RANDOM_STEPS }, () => {
    const how = random.below(20)
    now += how === 0 ? random.below(60) : random.below(5)
    const value = pick(shape.values)
    return { topic: pick(shape.topics), key: pick(keys), value: value === '-' ? null : value, time: Math.max(0, now - (how < 6 ? random.below(30) : 0)) }
  })
  return { name: `random ${topology} seed ${seed}`, topology, rules: [], steps: made, headers: comparesHeaders(topology) }
}

/** The operators that are compared, the topologies that have each, and the rules that concern it and that TopologyTestDriver, which takes one record at a time, can show. */
const CONCERNED: Readonly<Record<string, { readonly topologies: readonly string[]; readonly rules: string }>> = {
  'read, write': { topologies: ['pass', 'extractedTime'], rules: 'T1 T4 M5' },
  'map, filter, peek': { topologies: ['stateless'], rules: 'T4 M5' },
  flatMap: { topologies: ['flatMap'], rules: 'T4 M5' },
  branch: { topologies: ['branch'], rules: 'T4 M5' },
  merge: { topologies: ['merge'], rules: 'T4 M5' },
  keyBy: { topologies: ['rekeyCount'], rules: 'P1 T4 M5' },
  aggregate: { topologies: ['aggregate'], rules: 'W2 T4 M5' },
  reduce: { topologies: ['reduce'], rules: 'W2 T4 M5' },
  count: { topologies: ['count'], rules: 'W2 T4 M5' },
  distinct: { topologies: ['distinct'], rules: 'T4 M5' },
  'tumbling windows': { topologies: ['tumbling', 'tumblingNoGrace', 'extractedTimeWindows', 'windowCount', 'windowReduce'], rules: 'T2 W1 W2 T4 M5' },
  'final windows': { topologies: ['tumblingFinal'], rules: 'W1 W7 W8 T4 M5' },
  'session windows': { topologies: ['session', 'sessionCount', 'sessionDefaultRetention'], rules: 'W2 W4 W9 T4 M5' },
  'final sessions': { topologies: ['sessionFinal'], rules: 'W4 W8 W9 T4' },
  'stream–table join': { topologies: ['join', 'leftJoin', 'joinAggregate'], rules: 'J3 J4 K1 T4 M5' },
  table: { topologies: ['tableChanges', 'tableFilter', 'countFilter', 'filteredJoin', 'filteredLeftJoin'], rules: 'K1 K2 J3 J4 T4 M5' },
  'global table': { topologies: ['globalJoin', 'globalLeftJoin'], rules: 'J3 J5 T4 M5' },
  process: { topologies: ['timers', 'wallTimers'], rules: 'M1 M2 T4 M5' },
}

/** `operator: rule` without a scripted case: there must be none. */
export function uncoveredRules(): string[] {
  return Object.entries(CONCERNED).flatMap(([operator, { topologies, rules }]) => rules.split(' ')
    .filter(rule => !CASES.some(each => topologies.includes(each.topology) && each.rules.includes(rule)))
    .map(rule => `${operator}: ${rule}`))
}

/** Topologies without a scripted case: there must be none. */
export function uncovered(): string[] {
  return topologyNames().filter(name => !CASES.some(one => one.topology === name))
}
