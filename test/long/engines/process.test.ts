/** `examples/foreign` on the other broker than in `test/real`. */
import { test } from 'node:test'
import { survivesKills } from '../../support/foreign-kills.ts'
import { FOREIGN_CHAIN, onEmbedded, onKafka, turnsRed } from '../../support/linked-chains.ts'
import { GO_WORKER, need } from '../../support/need.ts'

need('kafka', 'python', 'go')

test('a Python process between two tasks, on the embedded broker', () => onEmbedded(bootstrap => survivesKills(bootstrap)))
test('a Go process between two tasks, on Apache Kafka', () => onKafka(bootstrap => survivesKills(bootstrap, { SCORE_WORKER: GO_WORKER })))
test('without reading committed records only, kills of the task before it are seen: the books can turn red', () => onEmbedded(bootstrap => turnsRed(FOREIGN_CHAIN, bootstrap, ['tasks-1', 'tasks-2', 'tasks-1', 'tasks-2'], { WORKER_ISOLATION: 'read_uncommitted' })))
