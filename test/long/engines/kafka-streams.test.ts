/** A Kafka Streams application with its guard off. */
import { test } from 'node:test'
import { chainOf, onEmbedded, turnsRed } from '../../support/linked-chains.ts'
import { need } from '../../support/need.ts'

need('engines')

test('without its transactions a kill of it is seen: the books can turn red', () => onEmbedded(bootstrap => turnsRed(chainOf('kafka-streams'), bootstrap, ['count-1', 'count-2', 'count-1'])))
