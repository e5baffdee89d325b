import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { onKafka, SPARK_CHAIN } from '../../support/linked-chains.ts'
import { linkedKills } from '../../support/linked-kills.ts'
import { need } from '../../support/need.ts'

need('kafka', 'engines', 'python')

test('without the distinct behind Spark a kill of the driver is seen: the books can turn red', () => onKafka(async bootstrap => {
  const { accounts, countsWrong } = await linkedKills({ ...SPARK_CHAIN, bootstrap, kills: ['count'], exact: false, clients: ['node'], env: { ...SPARK_CHAIN.env, LINKED_GUARANTEE: 'atLeastOnce' } })
  const doubled = accounts.flatMap(account => account.balances).reduce((sum, balance) => sum + balance.doubled, 0)
  assert.ok(doubled > 0 && countsWrong > 0, JSON.stringify(accounts))
  console.log(`${doubled} doubled, ${countsWrong} counts wrong without the distinct`)
}))
