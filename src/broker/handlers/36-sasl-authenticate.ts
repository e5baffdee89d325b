/**
 * SaslAuthenticate (36), versions 0–2: one token of the exchange that SaslHandshake v1 began.
 *
 * Behaviour: a failed log-in is answered with SASL_AUTHENTICATION_FAILED after a moment, then the connection is closed.
 * Version notes: v1 tells how long the log-in holds (KIP-368) · v2 flexible.
 */
import { saslAuthenticate } from '../../wire/apis/36-sasl-authenticate.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const saslAuthenticateHandler = handler(saslAuthenticate, [0, 2], async (_core, request, call) => {
  const { error, message, bytes, lifetimeMs } = await call.session.authenticate(request.authBytes)
  return { errorCode: errorCode(error), errorMessage: message, authBytes: bytes, sessionLifetimeMs: lifetimeMs }
})
