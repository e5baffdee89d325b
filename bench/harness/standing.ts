/**
 * Whether results may stand: they name a commit of this history, and compare with every rival.
 *
 * V1. A checkout without its history (a shallow clone, an unpacked archive) cannot tell whether a commit belongs to it: that is `unknown`, not `yes`.
 */
import { spawnSync } from 'node:child_process'
import { required } from './contenders.ts'

import type { LatencyResults, Results } from './results.ts'

export type Ancestry = 'yes' | 'no' | 'unknown'

export function ancestryOf(commit: string, folder: string): Ancestry {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: folder, encoding: 'utf8' })
  const shallow = git('rev-parse', '--is-shallow-repository')
  if (shallow.status !== 0) return 'unknown'
  const { status } = git('merge-base', '--is-ancestor', commit, 'HEAD')
  if (status === 0) return 'yes'
  // In a shallow clone neither a commit that is not there nor one that has no path to HEAD says anything.
  return shallow.stdout.trim() === 'true' ? 'unknown' : 'no'
}

/** What speaks against a full run; nothing does where it is empty. */
export function complaintsOf(results: Results, ancestry: Ancestry): string[] {
  const complaints: string[] = []
  if (!/^[0-9a-f]{40}$/.test(results.commit)) complaints.push(`'${results.commit}' is no commit`)
  if (ancestry === 'no') complaints.push(`commit ${results.commit} is no ancestor of this checkout`)
  if (results.dirty) complaints.push('files differed from the commit')
  // A run of latency alone has no case.
  if (results.cases.length === 0 && results.latency.length > 0) return [...complaints, ...complaintsOfLatency(results.latency)]
  if (results.cases.length === 0) complaints.push('it has no case')
  for (const { case: one, contenders } of results.cases) {
    for (const { engine, league } of required(one.job, results.kind === 'headline')) {
      const runs = contenders.filter(each => each.engine === engine && each.league === league)
      if (!runs.some(({ rounds }) => rounds.some(({ kind }) => kind === 'measured'))) complaints.push(`${one.id} has no measured round of ${engine}, ${league}`)
    }
  }
  return complaints
}

function complaintsOfLatency(latency: readonly LatencyResults[]): string[] {
  const rates = new Set(latency.map(({ plan }) => `${plan.perSecond}/s, commit ${plan.commitMs} ms`))
  return [...rates].flatMap(rate => ['millrace', 'streams', 'flink'].flatMap(engine => {
    const runs = latency.filter(({ plan, contender }) => `${plan.perSecond}/s, commit ${plan.commitMs} ms` === rate && contender.startsWith(engine))
    return runs.some(({ rounds }) => rounds.some(({ kind }) => kind === 'measured')) ? [] : [`latency at ${rate} has no measured round of ${engine}`]
  }))
}
