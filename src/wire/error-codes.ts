/**
 * Kafka's error codes: code, name, whether the same request may succeed later, and what it means.
 *
 * Retriable is Kafka's own verdict. Codes that a caller treats in a way of its own get a code of ours in `kafkaError`:
 * fenced producers and members `FENCED`, `TRANSACTION_ABORTABLE` `TXN_ABORTABLE`, an unknown version `VERSION_UNSUPPORTED`.
 */
import { MillraceError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'

const TABLE = [
  [-1, 'UNKNOWN_SERVER_ERROR', false, 'the broker failed in a way it did not expect'],
  [0, 'NONE', false, 'no error'],
  [1, 'OFFSET_OUT_OF_RANGE', false, 'the offset is outside of what the partition holds'],
  [2, 'CORRUPT_MESSAGE', true, 'the batch does not match its checksum, or is otherwise broken'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', true, 'the broker does not host this topic or partition'],
  [4, 'INVALID_FETCH_SIZE', false, 'the fetch size is not valid'],
  [5, 'LEADER_NOT_AVAILABLE', true, 'the partition has no leader at the moment'],
  [6, 'NOT_LEADER_OR_FOLLOWER', true, "the broker is not the partition's leader"],
  [7, 'REQUEST_TIMED_OUT', true, 'the request timed out'],
  [8, 'BROKER_NOT_AVAILABLE', false, 'the broker is not available'],
  [9, 'REPLICA_NOT_AVAILABLE', true, 'the replica is not available'],
  [10, 'MESSAGE_TOO_LARGE', false, 'the batch is larger than the topic allows (max.message.bytes)'],
  [11, 'STALE_CONTROLLER_EPOCH', false, 'the controller has moved on'],
  [12, 'OFFSET_METADATA_TOO_LARGE', false, 'the metadata of an offset commit is too long'],
  [13, 'NETWORK_EXCEPTION', true, 'the connection was lost before an answer came'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', true, 'the coordinator is still loading'],
  [15, 'COORDINATOR_NOT_AVAILABLE', true, 'the coordinator is not available'],
  [16, 'NOT_COORDINATOR', true, 'the broker is not the coordinator'],
  [17, 'INVALID_TOPIC_EXCEPTION', false, 'the topic name is not valid, or the topic may not be used so'],
  [18, 'RECORD_LIST_TOO_LARGE', false, 'the batch is larger than a segment'],
  [19, 'NOT_ENOUGH_REPLICAS', true, 'fewer replicas are in sync than min.insync.replicas'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', true, 'written, but to fewer replicas than min.insync.replicas'],
  [21, 'INVALID_REQUIRED_ACKS', false, 'acks must be 0, 1 or -1'],
  [22, 'ILLEGAL_GENERATION', false, "the generation is not the group's current one"],
  [23, 'INCONSISTENT_GROUP_PROTOCOL', false, 'no protocol is common to all members'],
  [24, 'INVALID_GROUP_ID', false, 'the group id is not valid'],
  [25, 'UNKNOWN_MEMBER_ID', false, 'the member is not in the group'],
  [26, 'INVALID_SESSION_TIMEOUT', false, 'the session timeout is outside of what the broker allows'],
  [27, 'REBALANCE_IN_PROGRESS', false, 'the group is rebalancing: join again'],
  [28, 'INVALID_COMMIT_OFFSET_SIZE', false, 'the offset commit is too large'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', false, 'not authorized for the topic'],
  [30, 'GROUP_AUTHORIZATION_FAILED', false, 'not authorized for the group'],
  [31, 'CLUSTER_AUTHORIZATION_FAILED', false, 'not authorized for the cluster'],
  [32, 'INVALID_TIMESTAMP', false, 'the timestamp is outside of what the topic allows'],
  [33, 'UNSUPPORTED_SASL_MECHANISM', false, 'the SASL mechanism is not offered'],
  [34, 'ILLEGAL_SASL_STATE', false, 'the request is not allowed in this state of authentication'],
  [35, 'UNSUPPORTED_VERSION', false, 'the version of the API is not served'],
  [36, 'TOPIC_ALREADY_EXISTS', false, 'the topic exists already'],
  [37, 'INVALID_PARTITIONS', false, 'the number of partitions is not valid'],
  [38, 'INVALID_REPLICATION_FACTOR', false, 'the replication factor is not valid, or larger than the number of brokers'],
  [39, 'INVALID_REPLICA_ASSIGNMENT', false, 'the replica assignment is not valid'],
  [40, 'INVALID_CONFIG', false, 'the configuration is not valid'],
  [41, 'NOT_CONTROLLER', true, 'the broker is not the controller'],
  [42, 'INVALID_REQUEST', false, 'the request contradicts itself or the protocol'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', false, 'the message format does not support this'],
  [44, 'POLICY_VIOLATION', false, 'a policy of the cluster forbids it'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', false, 'a sequence number is missing before this batch'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', false, 'the sequence number was used before'],
  [47, 'INVALID_PRODUCER_EPOCH', false, "the producer's epoch is older than the one known"],
  [48, 'INVALID_TXN_STATE', false, 'the transaction is not in a state that allows this'],
  [49, 'INVALID_PRODUCER_ID_MAPPING', false, 'the producer id does not belong to the transactional id'],
  [50, 'INVALID_TRANSACTION_TIMEOUT', false, 'the transaction timeout is larger than transaction.max.timeout.ms'],
  [51, 'CONCURRENT_TRANSACTIONS', true, 'another operation on the transaction is in progress'],
  [52, 'TRANSACTION_COORDINATOR_FENCED', false, 'the transaction coordinator was replaced'],
  [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', false, 'not authorized for the transactional id'],
  [54, 'SECURITY_DISABLED', false, 'security features are switched off'],
  [55, 'OPERATION_NOT_ATTEMPTED', false, 'not tried, because something before it failed'],
  [56, 'KAFKA_STORAGE_ERROR', true, "the broker's disk failed"],
  [57, 'LOG_DIR_NOT_FOUND', false, 'the log directory does not exist'],
  [58, 'SASL_AUTHENTICATION_FAILED', false, 'SASL authentication failed'],
  [59, 'UNKNOWN_PRODUCER_ID', false, "the producer's state is gone (expired or deleted)"],
  [60, 'REASSIGNMENT_IN_PROGRESS', false, 'a reassignment of the partition is in progress'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED', false, 'delegation tokens are switched off'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND', false, 'no such delegation token'],
  [63, 'DELEGATION_TOKEN_OWNER_MISMATCH', false, 'the delegation token belongs to somebody else'],
  [64, 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED', false, 'delegation tokens cannot be asked for over this connection'],
  [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED', false, 'not authorized for the delegation token'],
  [66, 'DELEGATION_TOKEN_EXPIRED', false, 'the delegation token has expired'],
  [67, 'INVALID_PRINCIPAL_TYPE', false, 'the type of principal is not known'],
  [68, 'NON_EMPTY_GROUP', false, 'the group still has members'],
  [69, 'GROUP_ID_NOT_FOUND', false, 'no such group'],
  [70, 'FETCH_SESSION_ID_NOT_FOUND', true, 'no such fetch session'],
  [71, 'INVALID_FETCH_SESSION_EPOCH', true, 'the epoch of the fetch session is not the expected one'],
  [72, 'LISTENER_NOT_FOUND', true, 'the leader has no listener of this name'],
  [73, 'TOPIC_DELETION_DISABLED', false, 'deleting topics is switched off'],
  [74, 'FENCED_LEADER_EPOCH', true, "the leader epoch is older than the broker's"],
  [75, 'UNKNOWN_LEADER_EPOCH', true, "the leader epoch is newer than the broker's"],
  [76, 'UNSUPPORTED_COMPRESSION_TYPE', false, 'the compression type is not supported in this version'],
  [77, 'STALE_BROKER_EPOCH', false, "the broker's epoch is stale"],
  [78, 'OFFSET_NOT_AVAILABLE', true, 'the offset is not known yet after a leader change'],
  [79, 'MEMBER_ID_REQUIRED', false, 'join again with the member id given'],
  [80, 'PREFERRED_LEADER_NOT_AVAILABLE', true, 'the preferred leader is not available'],
  [81, 'GROUP_MAX_SIZE_REACHED', false, 'the group is full'],
  [82, 'FENCED_INSTANCE_ID', false, 'another member took over this static id'],
  [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE', true, 'no replica may become leader'],
  [84, 'ELECTION_NOT_NEEDED', true, 'the partition needs no election'],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS', false, 'no reassignment is in progress'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC', false, 'members are still subscribed to the topic'],
  [87, 'INVALID_RECORD', false, 'the record is not valid for this topic'],
  [88, 'UNSTABLE_OFFSET_COMMIT', true, 'offsets of an open transaction are pending'],
  [89, 'THROTTLING_QUOTA_EXCEEDED', true, 'the quota is exceeded'],
  [90, 'PRODUCER_FENCED', false, 'a newer producer with the same transactional id exists'],
  [91, 'RESOURCE_NOT_FOUND', false, 'the resource does not exist'],
  [92, 'DUPLICATE_RESOURCE', false, 'the resource exists twice in the request'],
  [93, 'UNACCEPTABLE_CREDENTIAL', false, 'the credential is not acceptable'],
  [94, 'INCONSISTENT_VOTER_SET', false, 'the voter sets differ'],
  [95, 'INVALID_UPDATE_VERSION', false, 'the feature version is not valid'],
  [96, 'FEATURE_UPDATE_FAILED', false, 'the feature update failed'],
  [97, 'PRINCIPAL_DESERIALIZATION_FAILURE', false, 'the principal could not be read'],
  [98, 'SNAPSHOT_NOT_FOUND', false, 'no such snapshot'],
  [99, 'POSITION_OUT_OF_RANGE', false, 'the position is outside of the file'],
  [100, 'UNKNOWN_TOPIC_ID', true, 'no topic has this id'],
  [101, 'DUPLICATE_BROKER_REGISTRATION', false, 'a broker with this id is registered already'],
  [102, 'BROKER_ID_NOT_REGISTERED', false, 'the broker id is not registered'],
  [103, 'INCONSISTENT_TOPIC_ID', true, 'the topic id does not match the one in the log'],
  [104, 'INCONSISTENT_CLUSTER_ID', false, 'the cluster id does not match'],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND', false, 'no such transactional id'],
  [106, 'FETCH_SESSION_TOPIC_ID_ERROR', true, 'the fetch session mixes topic names and ids'],
  [107, 'INELIGIBLE_REPLICA', false, 'the replica may not be used'],
  [108, 'NEW_LEADER_ELECTED', false, 'a new leader was elected'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE', false, 'the offset is in tiered storage'],
  [110, 'FENCED_MEMBER_EPOCH', false, "the member's epoch is fenced: join again"],
  [111, 'UNRELEASED_INSTANCE_ID', false, 'the static id is still held by another member'],
  [112, 'UNSUPPORTED_ASSIGNOR', false, 'the assignor is not offered'],
  [113, 'STALE_MEMBER_EPOCH', false, "the member's epoch is stale: heartbeat first"],
  [114, 'MISMATCHED_ENDPOINT_TYPE', false, 'the request was sent to the wrong kind of listener'],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE', false, 'the kind of listener is not supported'],
  [116, 'UNKNOWN_CONTROLLER_ID', false, 'the controller id is not known'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID', false, 'the telemetry subscription is not known'],
  [118, 'TELEMETRY_TOO_LARGE', false, 'the telemetry is too large'],
  [119, 'INVALID_REGISTRATION', false, 'the registration is not valid'],
  [120, 'TRANSACTION_ABORTABLE', false, 'the transaction must be aborted; the producer may go on'],
  [121, 'INVALID_RECORD_STATE', false, 'the state of the records does not allow this'],
  [122, 'SHARE_SESSION_NOT_FOUND', true, 'no such share session'],
  [123, 'INVALID_SHARE_SESSION_EPOCH', true, 'the epoch of the share session is not the expected one'],
  [124, 'FENCED_STATE_EPOCH', false, 'the state epoch is fenced'],
  [125, 'INVALID_VOTER_KEY', false, 'the voter key does not match'],
  [126, 'DUPLICATE_VOTER', false, 'the voter exists already'],
  [127, 'VOTER_NOT_FOUND', false, 'no such voter'],
  [128, 'INVALID_REGULAR_EXPRESSION', false, 'the regular expression is not valid'],
  [129, 'REBOOTSTRAP_REQUIRED', false, 'bootstrap again: the metadata is too old'],
  [130, 'STREAMS_INVALID_TOPOLOGY', false, 'the topology of the streams group is not valid'],
  [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH', false, 'the epoch of the streams topology is not valid'],
  [132, 'STREAMS_TOPOLOGY_FENCED', false, 'the topology is fenced by a newer one'],
  [133, 'SHARE_SESSION_LIMIT_REACHED', true, 'too many share sessions'],
] as const

export type KafkaErrorName = (typeof TABLE)[number][1]

export interface KafkaErrorRow {
  readonly code: number
  readonly name: KafkaErrorName
  readonly retriable: boolean
  readonly message: string
}

export const KAFKA_ERRORS: readonly KafkaErrorRow[] = TABLE.map(([code, name, retriable, message]) => ({ code, name, retriable, message }))

const byCode = new Map<number, KafkaErrorRow>(KAFKA_ERRORS.map(row => [row.code, row]))
const byName = new Map<string, KafkaErrorRow>(KAFKA_ERRORS.map(row => [row.name, row]))

/** The code of a name: `errorCode('NOT_LEADER_OR_FOLLOWER')` is 6. */
export function errorCode(name: KafkaErrorName): number {
  const row = byName.get(name)
  if (row === undefined) throw new TypeError(`no Kafka error is called ${name}`)
  return row.code
}

/** The name of a code: `errorName(6)` is `NOT_LEADER_OR_FOLLOWER`; an unknown one is `UNKNOWN_CODE_n`. */
export function errorName(code: number): string {
  return byCode.get(code)?.name ?? `UNKNOWN_CODE_${code}`
}

/** Whether Kafka calls the code retriable; an unknown code is not. */
export function isRetriable(code: number): boolean {
  return byCode.get(code)?.retriable ?? false
}

export function errorRow(code: number): KafkaErrorRow | undefined {
  return byCode.get(code)
}

/**
 * The error for a code that a broker answered (or that we answer). `context` says what was asked, of whom.
 * `detail.kafkaCode` and `detail.kafkaError` hold the code and its name.
 */
export function kafkaError(code: number, context: string, detail: Readonly<Record<string, unknown>> = {}): MillraceError {
  const row = byCode.get(code)
  const name = errorName(code)
  const message = `${context}: ${name} (${row?.message ?? 'a code this version does not know'})`
  return new MillraceError(millraceCodeOf(row?.name), message, { retriable: row?.retriable ?? false, detail: { ...detail, kafkaCode: code, kafkaError: name } })
}

/** Kafka's code in an error made by `kafkaError`, else `undefined`. */
export function kafkaCodeOf(error: unknown): number | undefined {
  const code = error instanceof MillraceError ? error.detail['kafkaCode'] : undefined
  return typeof code === 'number' ? code : undefined
}

function millraceCodeOf(name: KafkaErrorName | undefined): ErrorCode {
  switch (name) {
    case 'PRODUCER_FENCED':
    case 'INVALID_PRODUCER_EPOCH':
    case 'FENCED_INSTANCE_ID':
    case 'FENCED_MEMBER_EPOCH':
      return 'FENCED'
    case 'TRANSACTION_ABORTABLE':
      return 'TXN_ABORTABLE'
    case 'UNSUPPORTED_VERSION':
      return 'VERSION_UNSUPPORTED'
    default:
      return 'BROKER_ERROR'
  }
}
