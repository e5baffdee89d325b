/** DescribeAcls (29), versions 1–3: the entries that a filter chooses, by resource. Without an authorizer: SECURITY_DISABLED, as clients probe for one. */
import { describeAcls } from '../../wire/apis/29-describe-acls.ts'
import { errorCode } from '../../wire/error-codes.ts'
import type { AclEntry } from '../authorization/acl.ts'
import { filterProblem, isChosen } from '../authorization/acl.ts'
import { handler } from '../handler.ts'

export const describeAclsHandler = handler(describeAcls, [1, 3], (core, request) => {
  const { authorizer } = core
  if (authorizer === undefined) return { errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured on the broker.', resources: [] }
  const problem = filterProblem(request)
  if (problem !== undefined) return { errorCode: errorCode('INVALID_REQUEST'), errorMessage: problem, resources: [] }
  const byResource = new Map<string, AclEntry[]>()
  for (const entry of authorizer.list()) {
    if (!isChosen(entry, request)) continue
    const key = `${entry.resourceType} ${entry.patternType} ${entry.resourceName}`
    byResource.set(key, [...byResource.get(key) ?? [], entry])
  }
  return {
    errorCode: 0, errorMessage: null,
    resources: [...byResource.values()].flatMap(([first, ...others]) => first === undefined ? [] : [{
      resourceType: first.resourceType, resourceName: first.resourceName, patternType: first.patternType,
      acls: [first, ...others].map(({ principal, host, operation, permissionType }) => ({ principal, host, operation, permissionType })),
    }]),
  }
})
