/** DescribeClientQuotas (48), versions 0–1: what AlterClientQuotas stored. Quotas are not enforced here. */
import { describeClientQuotas } from '../../wire/apis/48-describe-client-quotas.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { KafkaErrorName } from '../../wire/error-codes.ts'
import type { RequestOf } from '../../wire/schema.ts'
import type { QuotaEntry } from '../client-quotas.ts'
import { handler } from '../handler.ts'

type Component = RequestOf<typeof describeClientQuotas>['components'][number]

const EXACT = 0
const DEFAULT = 1
const ANY = 2
const ENTITY_TYPES = ['user', 'client-id', 'ip']

export const describeClientQuotasHandler = handler(describeClientQuotas, [0, 1], (core, request) => {
  const refused = problem(request.components)
  if (refused !== undefined) return { errorCode: errorCode(refused.error), errorMessage: refused.message, entries: null }
  const entries = core.quotas.list().filter(entry => matches(entry, request.components, request.strict))
  return { errorCode: 0, errorMessage: '', entries: entries.map(({ entity, values }) => ({ entity, values: [...values].map(([key, value]) => ({ key, value })) })) }
})

function problem(components: readonly Component[]): { readonly error: KafkaErrorName; readonly message: string } | undefined {
  const types = components.map(component => component.entityType)
  const invalid = (message: string): { error: KafkaErrorName; message: string } => ({ error: 'INVALID_REQUEST', message })
  for (const [index, { entityType, matchType, match }] of components.entries()) {
    if (entityType === '') return invalid('Unexpected empty entity type.')
    if (types.indexOf(entityType) < index) return invalid(`Entity type ${entityType} cannot appear more than once in the filter.`)
    if (!ENTITY_TYPES.includes(entityType)) return { error: 'UNSUPPORTED_VERSION', message: `Custom entity type '${entityType}' not supported` }
    if (![EXACT, DEFAULT, ANY].includes(matchType)) return invalid(`Unknown match type ${matchType}`)
    if (matchType === EXACT && match === null) return invalid('Request specified MATCH_TYPE_EXACT, but set match string to null.')
    if (matchType !== EXACT && match !== null) return invalid('Request did not specify MATCH_TYPE_EXACT, but set a match string.')
  }
  if (types.includes('ip') && types.length > 1) return invalid('Invalid entity filter component combination, IP filter component should not be used with user or clientId filter component.')
  return undefined
}

function matches(entry: QuotaEntry, components: readonly Component[], strict: boolean): boolean {
  if (strict && entry.entity.length !== components.length) return false
  return components.every(({ entityType, matchType, match }) => {
    const component = entry.entity.find(each => each.entityType === entityType)
    if (component === undefined) return false
    return matchType === ANY || (matchType === DEFAULT ? component.entityName === null : component.entityName === match)
  })
}
