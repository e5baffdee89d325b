/** Storm and Samza without the task that takes out what they repeat. */
import { test } from 'node:test'
import { onEmbedded, repeatingChainOf, turnsRed } from '../../support/linked-chains.ts'
import { need } from '../../support/need.ts'

need('engines')

test('Storm without that distinct: a kill of it is seen, and the books can turn red', () => onEmbedded(bootstrap => turnsRed(repeatingChainOf('storm'), bootstrap, ['count', 'count'])))
test('Samza without that distinct: a kill of it is seen, and the books can turn red', () => onEmbedded(bootstrap => turnsRed(repeatingChainOf('samza'), bootstrap, ['count', 'count'])))
