/**
 * Logging in to a broker: SaslHandshake, then the mechanism's tokens in SaslAuthenticate.
 *
 * A1. A password or token goes into a token of the exchange and nowhere else: no error, log line or description has it.
 * A2. Whatever is refused is `AUTHENTICATION_FAILED`, not retriable, and says who was refused by whom and what to look at.
 */
import { MillraceError } from '../base/errors.ts'
import type { Random } from '../env/env.ts'
import { saslHandshake } from '../wire/apis/17-sasl-handshake.ts'
import { saslAuthenticate } from '../wire/apis/36-sasl-authenticate.ts'
import { errorCode, errorName } from '../wire/error-codes.ts'
import type { Api, RequestInput, ResponseOf } from '../wire/schema.ts'
import { ScramClient } from '../wire/scram.ts'
import type { SaslOptions, TokenSource } from './security.ts'

export interface SaslPeer {
  readonly address: string
  readonly random: Random
  ask<A extends Api>(api: A, body: RequestInput<A>): Promise<ResponseOf<A>>
}

const UNSUPPORTED_MECHANISM = errorCode('UNSUPPORTED_SASL_MECHANISM')
const ILLEGAL_STATE = errorCode('ILLEGAL_SASL_STATE')
const NONCE_BYTES = 24
/** Separates the parts of an OAUTHBEARER message (RFC 7628). */
const SEPARATOR = '\x01'

/** Resolves with the milliseconds that the log-in holds, 0 without an end (KIP-368). */
export async function logIn(peer: SaslPeer, options: SaslOptions): Promise<number> {
  await choose(peer, options.mechanism)
  switch (options.mechanism) {
    case 'PLAIN': {
      const last = await step(peer, options, Buffer.from(`\0${options.username}\0${options.password}`))
      return last.sessionLifetimeMs
    }
    case 'OAUTHBEARER': return bearer(peer, options, options.token)
    default: {
      const scram = new ScramClient({ ...options, nonce: peer.random.bytes(NONCE_BYTES).toString('base64') })
      const first = await step(peer, options, Buffer.from(scram.first()))
      try {
        const last = await step(peer, options, Buffer.from(await scram.final(first.authBytes.toString('utf8'))))
        scram.verify(last.authBytes.toString('utf8'))
        return last.sessionLifetimeMs
      } catch (error) {
        throw error instanceof MillraceError && error.code === 'AUTHENTICATION_FAILED' && error.detail['address'] === undefined ? refused(peer, options, error.message) : error
      }
    }
  }
}

async function choose(peer: SaslPeer, mechanism: string): Promise<void> {
  const answer = await peer.ask(saslHandshake, { mechanism })
  if (answer.errorCode === 0) return
  const reason = answer.errorCode === UNSUPPORTED_MECHANISM ? `does not take SASL ${mechanism}; it offers ${answer.mechanisms.join(', ') || 'none'}. Choose one of these (security.sasl.mechanism, sasl.mechanism)`
    : answer.errorCode === ILLEGAL_STATE ? 'asks for no log-in there. Leave SASL out (security.protocol PLAINTEXT or SSL), or name its SASL port'
      : `refused to begin a log-in with ${mechanism}: ${errorName(answer.errorCode)}`
  throw failed(peer, `${peer.address} ${reason}.`)
}

async function bearer(peer: SaslPeer, options: SaslOptions, source: TokenSource): Promise<number> {
  let token: string
  try {
    token = typeof source === 'string' ? source : await source()
  } catch (error) {
    throw new MillraceError('AUTHENTICATION_FAILED', `No token for the log-in at ${peer.address}: the token function failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error, detail: { address: peer.address } })
  }
  if (!/^[\x21-\x7e]+$/.test(token)) throw failed(peer, `The token for the log-in at ${peer.address} is empty or has characters that a token cannot have.`)
  const answer = await step(peer, options, Buffer.from(`n,,${SEPARATOR}auth=Bearer ${token}${SEPARATOR}${SEPARATOR}`))
  if (answer.authBytes.length === 0) return answer.sessionLifetimeMs
  // RFC 7628, 3.2.3: what is wrong comes as JSON, and waits for this before the end.
  const problem = answer.authBytes.toString('utf8')
  await step(peer, options, Buffer.from(SEPARATOR)).catch((error: unknown) => { throw error instanceof MillraceError && error.code === 'AUTHENTICATION_FAILED' ? refused(peer, options, problem) : error })
  throw refused(peer, options, problem)
}

async function step(peer: SaslPeer, options: SaslOptions, token: Buffer): Promise<ResponseOf<typeof saslAuthenticate>> {
  const answer = await peer.ask(saslAuthenticate, { authBytes: token })
  if (answer.errorCode !== 0) throw refused(peer, options, answer.errorMessage ?? errorName(answer.errorCode))
  return answer
}

function refused(peer: SaslPeer, options: SaslOptions, reason: string): MillraceError {
  const who = options.mechanism === 'OAUTHBEARER' ? 'the token' : `user '${options.username}'`
  const look = options.mechanism === 'OAUTHBEARER' ? 'Look at what the token says (issuer, audience, end) and at what the broker accepts'
    : `Check name and password, and that the user has a credential for ${options.mechanism} there`
  return failed(peer, `${peer.address} did not accept ${who} (${options.mechanism}): ${reason.replace(/\.$/, '')}. ${look}.`)
}

function failed(peer: SaslPeer, message: string): MillraceError {
  return new MillraceError('AUTHENTICATION_FAILED', message, { detail: { address: peer.address } })
}
