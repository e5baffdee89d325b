/**
 * What was measured, in Chinese: each of the sentences that `millrace advise` says it in, with the same numbers and names.
 *
 * AE1. A sentence that is none of these is shown as it came: an engine's own error is nobody's to translate. A test sees that every rule's sentences are here.
 */
const NAME = '(.+?)'
const NUMBER = '([\\d.?,]+)'
const SHARE = '(\\d+ %)'

const SENTENCES: readonly (readonly [sentence: string, chinese: string])[] = [
  [`${NUMBER} records a batch, a batch each ${NUMBER} ms: ${NUMBER} a second at the most, and ${NUMBER} arrive`, '每批 $1 条记录，每 $2 毫秒一批：每秒最多 $3 条，而每秒到达 $4 条'],
  [`the last one took ${NUMBER} ms, and one is due each ${NUMBER} ms`, '上一次用了 $1 毫秒，而每 $2 毫秒就该有一次'],
  [`${NUMBER} failed`, '$1 次失败'],
  [`a checkpoint each ${NUMBER} ms, and it takes ${NUMBER} ms`, '每 $1 毫秒一次检查点，每次用 $2 毫秒'],
  [`a batch each ${NUMBER} ms, and it takes ${NUMBER} ms`, '每 $1 毫秒一批，每批用 $2 毫秒'],
  [`${NUMBER} of it for ${NUMBER} partitions`, '并行数 $1，分区数 $2'],
  [`its slowest operator waits ${SHARE} of its time for the ones behind it`, '最慢的算子有 $1 的时间在等待它后面的算子'],
  [`${SHARE} of the time of ${NAME} waits for a commit`, '$2 有 $1 的时间在等待提交'],
  [`a commit takes ${NUMBER} ms \\(median\\)`, '一次提交用 $1 毫秒（中位数）'],
  [`a commit takes ${NUMBER} ms \\(median\\), ${NUMBER} a second`, '一次提交用 $1 毫秒（中位数），每秒 $2 次'],
  [`${SHARE} of the time of ${NAME} waits for its output to be acknowledged`, '$2 有 $1 的时间在等待输出被确认'],
  [`each record is acknowledged by all in-sync replicas: ${NAME}`, '每条记录须由全部同步副本确认：$1'],
  [`${SHARE} of the time of ${NAME} waits for a fetch, ${SHARE} is work`, '$2 有 $1 的时间在等待拉取，$3 在工作'],
  [`${NAME} is busy ${SHARE} of its time`, '$1 有 $2 的时间在忙'],
  [`${SHARE} of its work is shard ${NAME}, with ${NUMBER} records a second`, '它的工作有 $1 是分片 $2，每秒 $3 条记录'],
  [`others: ${NAME}`, '其他：$1'],
  [`${NUMBER} of ${NUMBER} workers have no shard of it: there are ${NUMBER}`, '$2 个 worker 中有 $1 个没有它的分片：分片共 $3 个'],
  [`all ${NUMBER} workers are full, and each of its ${NUMBER} shards has one for itself`, '全部 $1 个 worker 已满负荷，它的 $2 个分片各占一个'],
  [`${NUMBER} workers for ${NUMBER} shards; the least busy is busy ${SHARE}`, '$2 个分片有 $1 个 worker；最闲的也有 $3 的时间在忙'],
  [`a commit at the earliest each ${NUMBER} ms, and it takes ${NUMBER} ms \\(median\\)`, '最快每 $1 毫秒提交一次，每次用 $2 毫秒（中位数）'],
  [`its workers are busy ${SHARE} of their time`, '它的 worker 有 $1 的时间在忙'],
  [`'${NAME}' has the most shards: ${NUMBER}`, '$1 的分片最多：$2 个'],
  [`${NUMBER} of the topics that tasks write have one replica`, '任务写入的主题中有 $1 个只有一个副本'],
  ['restoring its state', '正在恢复状态'],
  [`restoring its state: ${NAME}`, '正在恢复状态：$1'],
  ['nobody has', '无人负责'],
  [`nobody has ${NAME}`, '无人负责 $1'],
  ['an open transaction holds the last stable offset', '一个未结束的事务挡住了最后稳定偏移量'],
  [`an open transaction holds the last stable offset: ${NAME}`, '一个未结束的事务挡住了最后稳定偏移量：$1'],
]
const LAG: readonly (readonly [part: string, chinese: string])[] = [
  [`lag ${NUMBER} records`, '积压 $1 条记录'],
  [`lag ${NUMBER} records, ${NUMBER} s`, '积压 $1 条记录，$2 秒'],
  [`${NUMBER} a second arrive, ${NUMBER} drain`, '每秒到达 $1 条，处理 $2 条'],
  [`${NUMBER} a second arrive, an unknown number drain`, '每秒到达 $1 条，处理多少未知'],
  ['never caught up at this rate', '按此速率永远追不上'],
  ['caught up in ([\\d.]+) s', '$1 秒后追上'],
  ['caught up in (\\d+) min', '$1 分钟后追上'],
  ['caught up in (\\d+) h', '$1 小时后追上'],
]

/** `undefined`: a sentence that is not here (AE1). */
export function evidenceInChinese(sentence: string): string | undefined {
  if (!sentence.startsWith('lag ')) return translated(sentence, SENTENCES)
  const parts = sentence.split('; ').map(part => translated(part, LAG))
  return parts.includes(undefined) ? undefined : parts.join('；')
}

function translated(text: string, sentences: typeof SENTENCES): string | undefined {
  // The longest that fits: a short one may take the rest of a long one for a name.
  const fitting = sentences.filter(([sentence]) => new RegExp(`^${sentence}$`).test(text)).sort((a, b) => b[0].length - a[0].length)[0]
  return fitting === undefined ? undefined : text.replace(new RegExp(`^${fitting[0]}$`), fitting[1])
}
