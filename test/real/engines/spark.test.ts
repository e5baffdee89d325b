/** A real Spark Structured Streaming job between tasks of ours, killed and recounted: `examples/linked/spark.ts`. */
import { test } from 'node:test'
import { onKafka, SPARK_CHAIN } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines', 'python')

test('a Spark driver, killed between write and commit, and the tasks around it: behind the distinct on the ids of its rows the result is exact, on Apache Kafka', () => onKafka(async bootstrap => {
  await linkedKills({ ...SPARK_CHAIN, bootstrap, kills: ['count', 'tasks-1', 'count'] })
}))
