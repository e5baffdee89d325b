/** Every text of the status page, in English and Chinese: a missing one does not compile. */
const en = {
  title: 'Kill anything, the books balance',
  connecting: 'connecting …',
  lost_connection: 'This page has lost its server. It reconnects by itself.',
  keeps_up: 'All {n} tasks keep up.',
  behind: '{n} of {m} tasks keep up; {task} is furthest behind, by {lag} records.',
  failing: '{task} has failed: {error}',
  restoring: '{task} restores its state: {done} of {total} changes.',
  graph: 'Graph',
  graph_note: 'Topics and tasks. Every box has a kill button: it sends SIGKILL to a real process.',
  kill: 'kill',
  kill_of: 'SIGKILL the process that runs {name}',
  processes: 'Processes',
  process: 'process', state: 'state', pid: 'pid', restarts: 'restarts', gap: 'last gap',
  ledger: 'Ledger',
  ledger_note: 'Recounted from offset 0, read committed, by a process that imports nothing of Millrace (ledger/verify.mjs).',
  balanced: 'The books balance.',
  unbalanced: 'The books do not balance.',
  counting: 'counting …',
  in: 'in', counted: 'counted', pending: 'under way', lost: 'lost', doubled: 'doubled', foreign: 'foreign', out_of_order: 'out of order',
  guard: 'Guard',
  guard_on: 'exactly once',
  guard_off: 'guard off: at least once',
  guard_take_off: 'take the guard off',
  guard_put_on: 'put the guard on',
  guard_note: 'Without transactions a kill doubles what was under way: the ledger turns red.',
  tasks: 'Tasks',
  task: 'task', rate_in: 'in/s', rate_out: 'out/s', lag: 'lag', seconds: 'lag s', commit: 'commit p50 · p99', errors: 'errors', restored: 'last restore', shards: 'shards',
  restored_value: '{n} changes in {s} s',
  events: 'What happened',
  nothing_yet: 'Nothing yet. Kill something.',
  running: 'running', starting: 'starting', waiting: 'waiting', stopped: 'stopped', rebalancing: 'rebalancing', failed: 'failed', absent: 'absent', restoring_state: 'restoring',
  language: '中文',
}

export type Strings = typeof en

const zh: Strings = {
  title: '随便杀，账总是平的',
  connecting: '正在连接……',
  lost_connection: '页面与服务器断开，正在自动重连。',
  keeps_up: '全部 {n} 个任务都跟得上。',
  behind: '{m} 个任务中 {n} 个跟得上；{task} 落后最多，{lag} 条记录。',
  failing: '{task} 失败：{error}',
  restoring: '{task} 正在恢复状态：{total} 个变更中的第 {done} 个。',
  graph: '任务图',
  graph_note: '主题与任务。每个框都有“杀”按钮：它向真实进程发送 SIGKILL。',
  kill: '杀',
  kill_of: '对运行 {name} 的进程发送 SIGKILL',
  processes: '进程',
  process: '进程', state: '状态', pid: '进程号', restarts: '重启', gap: '上次中断',
  ledger: '账本',
  ledger_note: '由一个不引用 Millrace 任何代码的进程（ledger/verify.mjs）从偏移量 0 起、以读已提交方式重新清点。',
  balanced: '账是平的。',
  unbalanced: '账不平！',
  counting: '清点中……',
  in: '输入', counted: '已计', pending: '途中', lost: '丢失', doubled: '重复', foreign: '来历不明', out_of_order: '乱序',
  guard: '保护',
  guard_on: '恰好一次',
  guard_off: '保护已关闭：至少一次',
  guard_take_off: '关闭保护',
  guard_put_on: '打开保护',
  guard_note: '没有事务时，杀进程会使途中的记录重复：账本变红。',
  tasks: '任务',
  task: '任务', rate_in: '输入/秒', rate_out: '输出/秒', lag: '积压', seconds: '积压秒', commit: '提交 p50 · p99', errors: '错误', restored: '上次恢复', shards: '分片',
  restored_value: '{n} 个变更，{s} 秒',
  events: '发生了什么',
  nothing_yet: '还没有。杀点什么试试。',
  running: '运行', starting: '启动中', waiting: '等待', stopped: '已停止', rebalancing: '再均衡', failed: '失败', absent: '缺席', restoring_state: '恢复中',
  language: 'English',
}

export const LANGUAGES = { en, zh } as const
export type Language = keyof typeof LANGUAGES

/** Fills `{name}` from `values`. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}
