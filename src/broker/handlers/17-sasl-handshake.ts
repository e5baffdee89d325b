/**
 * SaslHandshake (17), versions 0–1: chooses the mechanism.
 *
 * Behaviour: an unknown mechanism is answered with those there are, and ends the connection. On a listener without SASL: ILLEGAL_SASL_STATE.
 * Version notes: after v0 the tokens follow as bare frames, after v1 in SaslAuthenticate.
 */
import { saslHandshake } from '../../wire/apis/17-sasl-handshake.ts'
import { errorCode } from '../../wire/error-codes.ts'
import { handler } from '../handler.ts'

export const saslHandshakeHandler = handler(saslHandshake, [0, 1], (_core, request, call) => ({
  errorCode: errorCode(call.session.handshake(request.mechanism, call.version)), mechanisms: [...call.session.listener.mechanisms],
}))
