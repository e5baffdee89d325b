/** `examples/foreign` on the other broker than in `test/real`. */
import { test } from 'node:test'
import { survivesKills } from '../../support/foreign-kills.ts'
import { onEmbedded, onKafka } from '../../support/linked-chains.ts'
import { GO_WORKER, need } from '../../support/need.ts'

need('kafka', 'python', 'go')

test('a Python process between two tasks, on the embedded broker', () => onEmbedded(bootstrap => survivesKills(bootstrap)))
test('a Go process between two tasks, on Apache Kafka', () => onKafka(bootstrap => survivesKills(bootstrap, { SCORE_WORKER: GO_WORKER })))
