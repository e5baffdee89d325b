/** CreateAcls (30), versions 1–3: SECURITY_DISABLED for each, as there is no authorizer. */
import { createAcls } from '../../wire/apis/30-create-acls.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const createAclsHandler = handler(createAcls, [1, 3], (_core, request) => ({
  results: request.creations.map(() => ({ errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured.' })),
}))
