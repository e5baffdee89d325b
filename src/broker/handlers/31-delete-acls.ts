/** DeleteAcls (31), versions 1–3: SECURITY_DISABLED for each, as there is no authorizer. */
import { deleteAcls } from '../../wire/apis/31-delete-acls.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const deleteAclsHandler = handler(deleteAcls, [1, 3], (_core, request) => ({
  filterResults: request.filters.map(() => ({ errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured.', matchingAcls: [] })),
}))
