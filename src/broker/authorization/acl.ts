/**
 * Access control entries in Kafka's words and numbers, and when one matches.
 */

export const OPERATIONS = {
  UNKNOWN: 0, ANY: 1, ALL: 2, READ: 3, WRITE: 4, CREATE: 5, DELETE: 6, ALTER: 7, DESCRIBE: 8, CLUSTER_ACTION: 9, DESCRIBE_CONFIGS: 10, ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12, CREATE_TOKENS: 13, DESCRIBE_TOKENS: 14, TWO_PHASE_COMMIT: 15,
} as const
export type Operation = keyof typeof OPERATIONS

export const RESOURCE_TYPES = { UNKNOWN: 0, ANY: 1, TOPIC: 2, GROUP: 3, CLUSTER: 4, TRANSACTIONAL_ID: 5, DELEGATION_TOKEN: 6, USER: 7 } as const
export type ResourceType = keyof typeof RESOURCE_TYPES

export const PATTERNS = { UNKNOWN: 0, ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const
export const PERMISSIONS = { UNKNOWN: 0, ANY: 1, DENY: 2, ALLOW: 3 } as const

/** The one resource of type CLUSTER. */
export const CLUSTER_NAME = 'kafka-cluster'
/** As a name: every resource of the type; as a host: every host; as a principal's name: everybody. */
export const WILDCARD = '*'

/** In the data directory: every entry. */
export const ACLS_FILE = 'acls'

/** All numbers are Kafka's. */
export interface AclEntry {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  /** `User:alice`, or `User:*`. */
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

export interface AclFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

/** What allows the key is allowed by each of these too. A denial implies nothing. */
const ALLOWED_BY: ReadonlyMap<number, readonly number[]> = new Map([
  [OPERATIONS.DESCRIBE, [OPERATIONS.READ, OPERATIONS.WRITE, OPERATIONS.DELETE, OPERATIONS.ALTER]],
  [OPERATIONS.DESCRIBE_CONFIGS, [OPERATIONS.ALTER_CONFIGS]],
])

/** Of what was read from a file: whether it is an entry as `CreateAcls` makes them. */
export function isAclEntry(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = value as Partial<Record<keyof AclEntry, unknown>> // Each is looked at below.
  const isOf = (numbers: readonly number[], number: unknown): boolean => typeof number === 'number' && numbers.includes(number)
  return [resourceName, principal, host].every(text => typeof text === 'string' && text !== '') && isOf([PATTERNS.LITERAL, PATTERNS.PREFIXED], patternType)
    && isOf([PERMISSIONS.DENY, PERMISSIONS.ALLOW], permissionType) && isOf(Object.values(RESOURCE_TYPES).filter(type => type > RESOURCE_TYPES.ANY), resourceType)
    && isOf(Object.values(OPERATIONS).filter(each => each > OPERATIONS.ANY), operation)
}

export function covers(entry: AclEntry, name: string): boolean {
  if (entry.patternType === PATTERNS.PREFIXED) return name.startsWith(entry.resourceName)
  return entry.resourceName === name || entry.resourceName === WILDCARD
}

/** Whether the entry speaks of this caller and operation at all. */
export function concerns(entry: AclEntry, caller: { readonly principal: string, readonly host: string }, operation: number): boolean {
  const isCaller = entry.principal === caller.principal || entry.principal === `${caller.principal.slice(0, caller.principal.indexOf(':'))}:${WILDCARD}`
  if (!isCaller || (entry.host !== WILDCARD && entry.host !== caller.host)) return false
  if (entry.operation === OPERATIONS.ALL || entry.operation === operation) return true
  return entry.permissionType === PERMISSIONS.ALLOW && (ALLOWED_BY.get(operation)?.includes(entry.operation) ?? false)
}

/** As DescribeAcls and DeleteAcls choose. */
export function isChosen(entry: AclEntry, filter: AclFilter): boolean {
  const { resourceTypeFilter, principalFilter, hostFilter, operation, permissionType } = filter
  return (resourceTypeFilter === RESOURCE_TYPES.ANY || resourceTypeFilter === entry.resourceType) && isNamed(entry, filter)
    && (principalFilter === null || principalFilter === entry.principal) && (hostFilter === null || hostFilter === entry.host)
    && (operation === OPERATIONS.ANY || operation === entry.operation) && (permissionType === PERMISSIONS.ANY || permissionType === entry.permissionType)
}

function isNamed(entry: AclEntry, { resourceNameFilter, patternTypeFilter }: AclFilter): boolean {
  switch (patternTypeFilter) {
    case PATTERNS.MATCH: return resourceNameFilter === null || covers(entry, resourceNameFilter)
    case PATTERNS.ANY: return resourceNameFilter === null || resourceNameFilter === entry.resourceName
    default: return patternTypeFilter === entry.patternType && (resourceNameFilter === null || resourceNameFilter === entry.resourceName)
  }
}

/** Why such an entry cannot be; `undefined`: it can. */
export function entryProblem(entry: AclEntry): string | undefined {
  const isOf = (codes: Readonly<Record<string, number>>, code: number, ...not: number[]): boolean => Object.values(codes).includes(code) && !not.includes(code)
  if (!isOf(RESOURCE_TYPES, entry.resourceType, 0, 1)) return `Invalid resourceType ${entry.resourceType}`
  if (entry.patternType !== PATTERNS.LITERAL && entry.patternType !== PATTERNS.PREFIXED) return `Invalid patternType ${entry.patternType}`
  if (!isOf(OPERATIONS, entry.operation, 0, 1)) return `Invalid operation ${entry.operation}`
  if (entry.permissionType !== PERMISSIONS.ALLOW && entry.permissionType !== PERMISSIONS.DENY) return `Invalid permissionType ${entry.permissionType}`
  if (entry.resourceName === '') return 'Resource name should not be empty'
  if (entry.resourceType === RESOURCE_TYPES.CLUSTER && entry.resourceName !== CLUSTER_NAME) return 'The only valid name for the CLUSTER resource is kafka-cluster'
  if (!/^[^:]+:.+$/.test(entry.principal)) return `Could not parse principal from \`${entry.principal}\` (no colon is present separating the principal type from the principal name)`
  return entry.host === '' ? 'Host should not be empty' : undefined
}

/** Why a filter cannot be; `undefined`: it can. */
export function filterProblem(filter: AclFilter): string | undefined {
  const known: readonly (readonly [string, number, Readonly<Record<string, number>>])[] = [
    ['resource type', filter.resourceTypeFilter, RESOURCE_TYPES], ['pattern type', filter.patternTypeFilter, PATTERNS],
    ['operation', filter.operation, OPERATIONS], ['permission type', filter.permissionType, PERMISSIONS],
  ]
  const wrong = known.find(([, code, codes]) => code === 0 || !Object.values(codes).includes(code))
  return wrong === undefined ? undefined : `Filter has an unknown ${wrong[0]}.`
}


export function keyOf(entry: AclEntry): string {
  return JSON.stringify([entry.resourceType, entry.patternType, entry.resourceName, entry.principal, entry.host, entry.operation, entry.permissionType])
}
