/**
 * Hostile input at length.
 *
 *   npm run fuzz -- [--decoders N] [--broker N] [--seed N]      1,000,000 executions against the decoders, 20,000 against a whole broker
 *
 * Prints what it did as JSON; ends with 1 where something was found. The seed repeats a run.
 */
import { parseArgs } from 'node:util'
import { fuzzBroker } from '../test/support/fuzz/broker-fuzz.ts'
import { fuzzDecoders } from '../test/support/fuzz/decoder-fuzz.ts'

const { values } = parseArgs({ options: { decoders: { type: 'string', default: '1000000' }, broker: { type: 'string', default: '20000' }, seed: { type: 'string', default: String(Math.floor(performance.now() * 1000)) } } })
const seed = Number(values.seed)
const decoders = await fuzzDecoders(Number(values.decoders), seed)
console.log(JSON.stringify({ decoders }, null, 2))
const broker = await fuzzBroker(Number(values.broker), seed)
console.log(JSON.stringify({ broker }, null, 2))
process.exitCode = decoders.findings.length + broker.findings.length === 0 ? 0 : 1
