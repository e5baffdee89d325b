/** Requests whose partitions are answered by their leaders: split by leader, repeated where a leader has moved. */
import { isRetriable, kafkaError } from '../wire/error-codes.ts'
import { MillraceError } from '../base/errors.ts'
import type { Cluster } from './cluster.ts'
import { groupByTopic } from './topic-groups.ts'
import type { TopicPartition } from './types.ts'
import { nameOf } from './types.ts'

export interface LeaderAnswer extends TopicPartition {
  readonly errorCode: number
}

const DEADLINE_MS = 30_000

/**
 * Asks the leader of every entry, and again for those with a retriable error, until all are answered.
 * Rejects with `BROKER_ERROR` naming the partition, on the first error that is not retriable or when 30 s have passed.
 */
export async function askLeaders<T extends TopicPartition, R extends LeaderAnswer>(
  cluster: Cluster, entries: readonly T[], what: string, ask: (node: number, entries: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const until = cluster.env.clock.monotonic() + DEADLINE_MS
  const done: R[] = []
  let open: readonly T[] = entries
  for (let attempt = 0; open.length > 0; attempt++) {
    const failures = new Map<T, Error>()
    const byLeader = await groupByLeader(cluster, open, failures)
    await Promise.all([...byLeader].map(async ([node, group]) => {
      try {
        const answers = await ask(node, group)
        for (const entry of group) {
          const answer = answers.find(each => each.partition === entry.partition && each.topic === entry.topic)
          if (answer !== undefined && answer.errorCode === 0) done.push(answer)
          else if (answer !== undefined) failures.set(entry, refusal(answer, what))
        }
      } catch (error) {
        if (!(error instanceof MillraceError && error.retriable)) throw error
        for (const entry of group) failures.set(entry, error)
      }
    }))
    const [failure] = failures.values()
    if (failure === undefined) break
    if (cluster.env.clock.monotonic() >= until) throw failure
    open = [...failures.keys()]
    await cluster.pause(attempt)
    await cluster.refresh(groupByTopic(open, () => 0).map(({ topic }) => topic))
  }
  return done
}

function refusal(answer: LeaderAnswer, what: string): MillraceError {
  const error = kafkaError(answer.errorCode, `${what} for ${nameOf(answer)}`, { topic: answer.topic, partition: answer.partition })
  if (!isRetriable(answer.errorCode)) throw error
  return error
}

async function groupByLeader<T extends TopicPartition>(cluster: Cluster, entries: readonly T[], failures: Map<T, Error>): Promise<Map<number, T[]>> {
  const groups = new Map<number, T[]>()
  for (const entry of entries) {
    const partitions = await cluster.partitions(entry.topic)
    const meta = partitions[entry.partition]
    if (meta === undefined) throw new MillraceError('USAGE', `Topic ${entry.topic} has ${partitions.length} partitions; there is no partition ${entry.partition}.`)
    if (meta.leader < 0) {
      failures.set(entry, new MillraceError('BROKER_ERROR', `${nameOf(entry)} has no leader at the moment.`, { retriable: true }))
      continue
    }
    const group = groups.get(meta.leader)
    if (group === undefined) groups.set(meta.leader, [entry])
    else group.push(entry)
  }
  return groups
}
