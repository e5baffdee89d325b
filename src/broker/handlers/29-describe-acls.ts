/** DescribeAcls (29), versions 1–3: there is no authorizer, and clients that probe for one are told so: SECURITY_DISABLED. */
import { describeAcls } from '../../wire/apis/29-describe-acls.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const describeAclsHandler = handler(describeAcls, [1, 3], () => ({
  errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured on the broker.', resources: [],
}))
