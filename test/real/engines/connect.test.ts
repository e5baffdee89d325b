import { test } from 'node:test'
import { connectKills } from '../../support/connect-kills.ts'
import { onKafka } from '../../support/linked-chains.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines')

test('file → topic → task → topic → file: each worker of Kafka Connect is killed, and nothing is lost, on Apache Kafka', () => onKafka(connectKills))
