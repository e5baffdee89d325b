/** `examples/foreign`: a task of another process between two of ours, in Python and in Go, everything killed in turn. More in `test/long`. */
import { test } from 'node:test'
import { survivesKills } from '../../support/foreign-kills.ts'
import { onEmbedded, onKafka } from '../../support/linked-chains.ts'
import { GO_WORKER, need } from '../../support/need.ts'

need('kafka', 'python', 'go')

test('a Python process between two tasks: kills lose and double nothing, on Apache Kafka', () => onKafka(bootstrap => survivesKills(bootstrap)))
test('a Go process between two tasks: kills lose and double nothing, on the embedded broker', () => onEmbedded(bootstrap => survivesKills(bootstrap, { SCORE_WORKER: GO_WORKER })))
