/** Storm and Samza with other numbers of threads while clicks flow, and without the task that takes out what they repeat. */
import { test } from 'node:test'
import type { JobRequest } from '../../../src/http/job-request.ts'
import { onEmbedded, repeatingChainOf, turnsRed } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('engines', 'python')

const scale = (instances: number): JobRequest => ({ name: 'count', action: { kind: 'scale', instances } })
const rescaled = (engine: 'storm' | 'samza'): Promise<void> => onEmbedded(async bootstrap => {
  await linkedKills({ ...repeatingChainOf(engine), bootstrap, kills: [scale(3), 'count', scale(2), scale(1)] })
})

test('Storm rescaled from one to three to two to one, and killed, while clicks flow through it: exact behind the distinct', () => rescaled('storm'))
test('Samza rescaled from one to three to two to one, and killed, while clicks flow through it: exact behind the distinct', () => rescaled('samza'))
test('Storm without that distinct: a kill of it is seen, and the books can turn red', () => onEmbedded(bootstrap => turnsRed(repeatingChainOf('storm'), bootstrap, ['count', 'count'])))
test('Samza without that distinct: a kill of it is seen, and the books can turn red', () => onEmbedded(bootstrap => turnsRed(repeatingChainOf('samza'), bootstrap, ['count', 'count'])))
