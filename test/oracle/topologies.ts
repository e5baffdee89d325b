/** The same topologies as test/real/oracle/java/Topologies.java, by name. All keys and values are text; states are text that shows how it was made. */
import { app, optional, text, topic, type App, type TaskTools } from 'millrace'

const value = optional(text)
const input = topic('in', { key: optional(text), value })
const input2 = topic('in2', { key: optional(text), value })
const tableTopic = topic('table', { key: text, value: text })
const nullableTable = topic('table', { key: text, value })
const out = topic('out', { key: optional(text), value })
const arms = { a: topic('outA', { key: optional(text), value }), b: topic('outB', { key: optional(text), value }), c: topic('outC', { key: optional(text), value }) }

const windowKey = (_: unknown, { key, window }: { readonly key: string; readonly window: { readonly start: number; readonly end: number } }): string => `${key}@${window.start}-${window.end}`
const fold = { zero: () => '0', add: (state: string, next: string | undefined) => `${state},${next ?? 'null'}` }
const tumbling = { tumbling: '10 ms', grace: '5 ms' } as const
const session = { session: '10 ms', grace: '5 ms' } as const
const mergeStates = (left: string, right: string): string => `(${left}|${right})`
const reduce = (left: string | undefined, right: string | undefined): string => `${left ?? 'null'}+${right ?? 'null'}`
const joined = (left: string | undefined, row: string | undefined): string => `${left ?? 'null'}&${row ?? 'null'}`
const prefixOf = (text: string | undefined): string | undefined => text === undefined || !text.includes(':') ? undefined : text.slice(0, text.indexOf(':'))

/** Values are their times; text that is no number has none. */
const timed = topic('in', { key: optional(text), value, time: text => /^-?\d+$/.test(text ?? '') ? Number(text) : -1 })

const TOPOLOGIES: Readonly<Record<string, (tools: TaskTools) => void>> = {
  stateless: ({ read }) => read(input).peek(() => undefined).filter(text => text === undefined || !text.startsWith('x')).map((text, { key }) => `${key ?? 'null'}=${text ?? 'null'}`).write(out),
  flatMap: ({ read }) => read(input).flatMap(text => text?.split(',') ?? []).write(out),
  branch: ({ read }) => {
    const { a, b, otherwise } = read(input).branch({ a: text => text?.startsWith('a') === true, b: text => text?.startsWith('ab') === true })
    a.write(arms.a)
    b.write(arms.b)
    otherwise.write(arms.c)
  },
  merge: ({ read }) => read(input).map(text => `1${text ?? 'null'}`).merge(read(input2).map(text => `2${text ?? 'null'}`)).write(out),
  pass: ({ read }) => read(input).write(out),
  extractedTime: ({ read }) => read(timed).write(out),
  extractedTimeWindows: ({ read }) => read(timed).window(tumbling).aggregate(fold).write(out, { key: windowKey }),
  rekeyCount: ({ read }) => read(input).filter(text => text !== undefined).keyBy(text => text === '' ? undefined : text?.slice(0, 1), { key: optional(text) }).count().map(String).write(out),
  count: ({ read }) => read(input).count().map(String).write(out),
  reduce: ({ read }) => read(input).reduce(reduce).write(out),
  aggregate: ({ read }) => read(input).aggregate({ zero: () => undefined, add: (state: string | undefined, next: string | undefined) => next === 'delete' ? undefined : `${state ?? '0'},${next ?? 'null'}`, state: value }).write(out),
  tumbling: ({ read }) => read(input).window(tumbling).aggregate(fold).write(out, { key: windowKey }),
  tumblingNoGrace: ({ read }) => read(input).window({ tumbling: '10 ms' }).aggregate(fold).write(out, { key: windowKey }),
  hopping: ({ read }) => read(input).window({ hopping: '10 ms', every: '4 ms', grace: '3 ms' }).aggregate(fold).write(out, { key: windowKey }),
  tumblingFinal: ({ read }) => read(input).window({ ...tumbling, emit: 'final' }).aggregate(fold).write(out, { key: windowKey }),
  windowCount: ({ read }) => read(input).window(tumbling).count().map(String).write(out, { key: windowKey }),
  windowReduce: ({ read }) => read(input).window(tumbling).reduce(reduce).write(out, { key: windowKey }),
  session: ({ read }) => read(input).window(session).aggregate({ ...fold, merge: mergeStates }).write(out, { key: windowKey }),
  sessionDefaultRetention: tools => TOPOLOGIES['session']?.(tools),
  sessionFinal: ({ read }) => read(input).window({ ...session, emit: 'final' }).aggregate({ ...fold, merge: mergeStates }).write(out, { key: windowKey }),
  sessionCount: ({ read }) => read(input).window(session).count().map(count => count === undefined ? undefined : String(count)).write(out, { key: windowKey }),
  tableChanges: ({ table }) => table(nullableTable).changes().write(out),
  tableFilter: ({ table }) => table(tableTopic).filter(row => row.startsWith('a')).filter((row, { key }) => row !== 'ax' && key !== 'z').changes().write(out),
  countFilter: ({ read }) => read(input).count().asTable().filter(count => count % 3 === 2).changes().map(count => count === undefined ? undefined : String(count)).write(out),
  filteredJoin: ({ read, table }) => read(input).join(table(tableTopic).filter(row => row !== 'b'), joined).write(out),
  filteredLeftJoin: ({ read, table }) => read(input).leftJoin(table(tableTopic).filter(row => row !== 'b'), joined).write(out),
  join: ({ read, table }) => read(input).join(table(tableTopic), joined).write(out),
  leftJoin: ({ read, table }) => read(input).leftJoin(table(tableTopic), joined).write(out),
  joinAggregate: ({ read }) => read(input).join(read(input2).count(), (text, count) => `${text ?? 'null'}&${count}`).write(out),
  globalJoin: ({ read, globalTable }) => read(input).joinGlobal(globalTable(tableTopic), prefixOf, joined).write(out),
  globalLeftJoin: ({ read, globalTable }) => read(input).leftJoinGlobal(globalTable(tableTopic), prefixOf, joined).write(out),
  timers: tools => timers(tools, 'event'),
  wallTimers: tools => timers(tools, 'wall'),
  distinct: ({ read }) => read(input).distinct({ by: text => text ?? 'null', within: '10 ms' }).write(out),
}

/** Values: "set NAME TIME", "cancel NAME", anything else is kept as the key's state. */
function timers({ read }: TaskTools, clock: 'event' | 'wall'): void {
  read(input).process('timers', {
    state: text, emits: text,
    onRecord(next, { state, timers }) {
      const [word = '', name = '', time = ''] = (next ?? '').split(' ')
      if (word === 'set' && clock === 'event') timers.set(Number(time), name)
      else if (word === 'set') timers.setWallClock(Number(time), name)
      else if (word === 'cancel' && clock === 'event') timers.cancel(name)
      else if (word === 'cancel') timers.cancelWallClock(name)
      else state.set(next ?? '')
    },
    onTimer: (timer, { state, emit }) => emit(`${timer.name} fired with ${state.get() ?? 'null'}`),
  }).write(out)
}

export function topologyNames(): string[] {
  return Object.keys(TOPOLOGIES)
}

export function oracleApp(name: string): App {
  const describe = TOPOLOGIES[name]
  if (describe === undefined) throw new Error(`no topology ${name}`)
  return app('oracle').task('case', describe)
}
