import { test } from 'node:test'
import { startKafka } from '../../support/kafka.ts'
import { checkAbortedOverlap, checkCodecs, checkHeldRecords, checkVerifiers } from '../../support/ledger-cases.ts'
import { need } from '../../support/need.ts'

need('kafka', 'python')

test('both verifiers see what was lost, doubled, foreign or out of order, and agree, on Apache Kafka', async () => {
  const kafka = await startKafka()
  try {
    await checkVerifiers(kafka.bootstrap, ['node', 'python'])
    await checkCodecs(kafka.bootstrap, ['node', 'python'])
  } finally {
    await kafka.stop()
  }
})

test('records held back by the open transaction of a killed process are no loss, for both verifiers, on Apache Kafka', async () => {
  const kafka = await startKafka()
  try {
    await checkHeldRecords(kafka.bootstrap, ['node', 'python'])
  } finally {
    await kafka.stop()
  }
})

test('records of overlapping transactions that were aborted are no doubles, for both verifiers, on Apache Kafka', async () => {
  const kafka = await startKafka()
  try {
    await checkAbortedOverlap(kafka.bootstrap, ['node', 'python'])
  } finally {
    await kafka.stop()
  }
})
