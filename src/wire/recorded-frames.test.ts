/**
 * Frames of real clients and of Apache Kafka 4.1 (test/fixtures/frames, recorded by scripts/record-frames.ts): each is decoded to
 * its last byte, and encoding what was decoded gives the same bytes again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRecordedFrames } from '../../test/support/recorded-frames.ts'
import type { RecordedFrame } from '../../test/support/recorded-frames.ts'
import { APIS } from './apis/index.ts'
import { decodeAssignment, decodeSubscription } from './consumer-protocol.ts'
import { decodeRequest, decodeRequestHeader, decodeResponse, decodeResponseHeader, encodeRequest, encodeResponse } from './frames.ts'
import { CODECS, loadCompression } from './compression.ts'
import { validateBatches } from './record-batch.ts'
import type { Shape } from './schema-compiler.ts'

const frames = readRecordedFrames()

/** What clients asked of Apache Kafka that has no table here: client telemetry (KIP-714), which is not to be served. */
const NOT_DESCRIBED: readonly number[] = [71, 72]

/**
 * Arrays that no recorded frame fills: a healthy cluster of one broker without access control has nothing to put there, and
 * a refused change of features names none. Node endpoints
 * (KIP-951) come when a leader moves: test/real/client/failover.test.ts has Apache Kafka send them.
 */
const HOLLOW: readonly string[] = [
  'DeleteAcls response.filterResults.matchingAcls', 'DescribeAcls response.resources', 'DescribeAcls response.resources.acls',
  'DescribeQuorum response.topics.partitions.observers',
  'DescribeTopicPartitions response.topics.partitions.eligibleLeaderReplicas', 'DescribeTopicPartitions response.topics.partitions.lastKnownElr',
  'DescribeTopicPartitions response.topics.partitions.offlineReplicas', 'Metadata response.topics.partitions.offlineReplicas',
  'Fetch response.nodeEndpoints', 'Produce response.nodeEndpoints',
  'ListPartitionReassignments response.topics', 'ListPartitionReassignments response.topics.partitions', 'ListPartitionReassignments response.topics.partitions.addingReplicas',
  'ListPartitionReassignments response.topics.partitions.removingReplicas', 'ListPartitionReassignments response.topics.partitions.replicas',
  'SaslHandshake response.mechanisms', 'UpdateFeatures response.results',
]

for (const client of new Set(frames.map(frame => frame.client))) {
  test(`frames of ${client} are decoded to their last byte and come back the same`, () => {
    let count = 0
    for (const recorded of frames.filter(frame => frame.client === client)) {
      const api = APIS.get(recorded.key)
      if (api === undefined) {
        assert.ok(NOT_DESCRIBED.includes(recorded.key), `API ${recorded.key} is not described`)
        continue
      }
      const what = `${api.name} v${recorded.version} ${recorded.direction}: ${recorded.frame.toString('hex').slice(0, 2_000)}`
      assert.equal(reencoded(recorded, what).toString('hex'), recorded.frame.toString('hex'), what)
      count++
    }
    assert.ok(count >= 20, `only ${count} frames`)
  })
}

test('every API and version is covered by a recorded request and response', () => {
  const seen = new Set(frames.map(({ key, version, direction }) => `${key} ${version} ${direction}`))
  const missing: string[] = []
  for (const api of APIS.values()) {
    for (let version = api.versionMin; version <= api.versionMax; version++) {
      for (const direction of ['request', 'response']) if (!seen.has(`${api.key} ${version} ${direction}`)) missing.push(`${api.name} v${version} ${direction}`)
    }
  }
  assert.deepEqual(missing, [])
})

test('the frames are not hollow: every array of every table holds an element in one of them', () => {
  const filled = new Set<string>()
  for (const recorded of frames) {
    const api = APIS.get(recorded.key)
    if (api !== undefined) fill((recorded.direction === 'request' ? api.request : api.response).shape, decoded(recorded), `${api.name} ${recorded.direction}`, filled)
  }
  const hollow = [...APIS.values()].flatMap(api => [...arraysOf(api.request.shape, `${api.name} request`), ...arraysOf(api.response.shape, `${api.name} response`)]).filter(path => !filled.has(path))
  assert.deepEqual(hollow.sort(), [...HOLLOW].sort())
})

test('record batches of real clients are sound, whatever their codec', async () => {
  await loadCompression()
  const codecs = new Set<number>()
  const snappyFramings = new Set<string>()
  let batches = 0
  for (const { records, what } of frames.flatMap(recordsOf)) {
    // A fetched range may end inside of a batch; whole ones must be sound.
    const result = validateBatches(records, { records: true })
    assert.ok(result.ok || (result.fault === 'truncated' && what.startsWith('Fetch')), `${what}: ${result.ok ? '' : result.message}`)
    for (let at = 0; at + 61 <= records.length; at += records.readInt32BE(at + 8) + 12) {
      const codec = records.readInt16BE(at + 21) & 7
      codecs.add(codec)
      if (codec === CODECS.snappy) snappyFramings.add(records.toString('latin1', at + 62, at + 68) === 'SNAPPY' ? 'xerial' : 'one raw block')
      batches++
    }
  }
  assert.ok(batches > 100)
  assert.deepEqual([...codecs].sort(), [0, 1, 2, 3, 4])
  // xerial's framing is what is written here (record-batch.test.ts) and what Java writes (test/real/broker/java-tools.test.ts).
  assert.deepEqual([...snappyFramings], ['one raw block'])
})

test('subscriptions and assignments of real consumers are read', () => {
  let subscriptions = 0
  for (const recorded of frames) {
    if (recorded.key !== 11 || recorded.direction !== 'request') continue
    const value = decoded(recorded)
    assert.ok(typeof value === 'object' && value !== null && 'protocols' in value && Array.isArray(value.protocols))
    for (const { metadata } of value.protocols) {
      assert.ok(decodeSubscription(metadata).topics.length > 0)
      subscriptions++
    }
  }
  let assignments = 0
  for (const recorded of frames) {
    if (recorded.key !== 14 || recorded.direction !== 'response') continue
    const value = decoded(recorded)
    assert.ok(typeof value === 'object' && value !== null && 'assignment' in value && Buffer.isBuffer(value.assignment))
    decodeAssignment(value.assignment)
    assignments++
  }
  assert.ok(subscriptions > 20 && assignments >= 10, `${subscriptions} subscriptions, ${assignments} assignments`)
})

function decoded(recorded: RecordedFrame): unknown {
  const api = APIS.get(recorded.key)
  assert.ok(api !== undefined)
  if (recorded.direction === 'request') return decodeRequest(api, recorded.version, decodeRequestHeader(recorded.frame).reader)
  return decodeResponse(api, recorded.version, decodeResponseHeader(recorded.frame).reader)
}

function reencoded(recorded: RecordedFrame, what: string): Buffer {
  const api = APIS.get(recorded.key)
  assert.ok(api !== undefined)
  const { version, frame } = recorded
  if (recorded.direction === 'response') {
    const { correlationId, reader } = decodeResponseHeader(frame)
    return Buffer.concat(encodeResponse(api, version, correlationId, decodeResponse(api, version, reader))).subarray(4)
  }
  const header = decodeRequestHeader(frame)
  const body = decodeRequest(api, version, header.reader)
  assert.equal(header.reader.remaining, 0, what)
  return Buffer.concat(encodeRequest(api, version, header, body)).subarray(4)
}

/** Notes the paths of the arrays that hold something. */
function fill(shape: Shape, value: unknown, path: string, filled: Set<string>): void {
  if (value === null || value === undefined) return
  if (shape.kind === 'array') {
    assert.ok(Array.isArray(value), path)
    if (value.length > 0) filled.add(path)
    for (const element of value) fill(shape.element, element, path, filled)
  } else if (shape.kind === 'struct') {
    for (const [name, inner] of Object.entries(value)) {
      const field = shape.fields.find(each => each.name === name)
      if (field !== undefined) fill(field.shape, inner, `${path}.${name}`, filled)
    }
  }
}

function arraysOf(shape: Shape, path: string): string[] {
  if (shape.kind === 'array') return [path, ...arraysOf(shape.element, path)]
  return shape.kind === 'struct' ? shape.fields.flatMap(field => arraysOf(field.shape, `${path}.${field.name}`)) : []
}

/** Every `records` field of a Produce request or Fetch response. */
function recordsOf(recorded: RecordedFrame): { readonly records: Buffer, readonly what: string }[] {
  if (!(recorded.key === 0 && recorded.direction === 'request') && !(recorded.key === 1 && recorded.direction === 'response')) return []
  const found: { readonly records: Buffer, readonly what: string }[] = []
  const search = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return
    for (const [name, inner] of Object.entries(value)) {
      if (name === 'records' && Buffer.isBuffer(inner)) found.push({ records: inner, what: `${recorded.key === 0 ? 'Produce' : 'Fetch'} of ${recorded.client}` })
      else search(inner)
    }
  }
  search(decoded(recorded))
  return found
}
