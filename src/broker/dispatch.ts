/**
 * From a frame to its answer: header, the handler from the one list, fault hooks, body, response.
 *
 * S1. An API or version that is not served closes the connection, as Kafka does, and is remembered (`describe().refusals`), so
 *     that somebody can see why; ApiVersions alone answers a version that is too high, in version 0 (KIP-511), which is no refusal.
 * S2. A malformed frame costs the connection and nothing else.
 * S3. A failure inside a handler is logged and closes the connection: no client ever sees a half-made answer.
 * S4. Before a connection has logged in, or when its log-in has expired, it gets ApiVersions and SASL alone; asking for more closes it.
 * S5. With an authorizer each request passes its rule (`authorization/table.ts`) before its handler sees it, and each answer behind it.
 * S6. A frame is its request's for good: state and answers may refer to its bytes. Where the handler says that it lets go of them, and no fault hook sees the
 *     request, the frame's memory is used again once it is answered.
 */
import { messageOf, MillraceError } from '../base/errors.ts'
import type { Socket } from '../env/env.ts'
import { apiNameOf } from '../wire/apis/names.ts'
import { errorCode } from '../wire/error-codes.ts'
import { decodeRequest, decodeRequestHeader, encodeResponse } from '../wire/frames.ts'
import type { RequestHeader } from '../wire/frames.ts'
import { Rights } from './authorization/rule.ts'
import { RULES } from './authorization/table.ts'
import type { Connection, FrameOutcome } from './connection.ts'
import type { Control, ControlAction } from './control.ts'
import type { Call, Core, Handler } from './handler.ts'
import type { HostPort } from './security/listener-settings.ts'
import type { Session } from './security/session.ts'

const API_VERSIONS_KEY = 18

export class Dispatch {
  readonly #core: Core
  readonly #control: Control | undefined
  readonly #handlers: ReadonlyMap<number, Handler>

  constructor(core: Core, control: Control | undefined) {
    this.#core = core
    this.#control = control
    this.#handlers = new Map(core.served.map(handler => [handler.api.key, handler]))
  }

  onFrame(frame: Buffer, connection: Connection): Promise<FrameOutcome> | FrameOutcome {
    try {
      return this.#start(frame, connection)
    } catch (error) {
      return this.#failed(error, connection)
    }
  }

  #start(frame: Buffer, connection: Connection): Promise<FrameOutcome> | FrameOutcome {
    const { session } = connection
    if (session.takesRawToken) return this.#rawToken(frame, connection)
    const header = decodeRequestHeader(frame)
    const client = this.#core.clients.get(connection.id)
    if (client !== undefined) {
      client.clientId = header.clientId ?? ''
      client.requests += 1
      if (client.requests === 1) this.#core.clients.identified()
    }
    const handler = this.#handlers.get(header.apiKey)
    if (handler === undefined || header.apiVersion < handler.versionMin || header.apiVersion > handler.versionMax) return this.#refuse(header, handler, connection)
    const refusal = session.refusal(header.apiKey)
    if (refusal !== undefined) {
      this.#core.logger.warn('closing a connection that may not ask this', { from: connection.socket.remoteAddress, api: handler.api.name, reason: refusal })
      return 'close'
    }
    const request = decodeRequest(handler.api, header.apiVersion, header.reader)
    if (handler.letsGo !== true || this.#control?.watches(header.apiKey) === true) this.#core.logs.blocks.keep(frame)
    const arrived = this.#core.env.clock.monotonic()
    const outcome = this.#answer(handler, header, request, connection)
    if (!(outcome instanceof Promise)) return this.#done(outcome, header, frame, arrived)
    return outcome.then(settled => this.#done(settled, header, frame, arrived))
  }

  #done(outcome: FrameOutcome, header: RequestHeader, frame: Buffer, arrived: number): FrameOutcome {
    let bytesOut = 0
    if (typeof outcome !== 'string') for (const chunk of 'last' in outcome ? outcome.last : outcome) bytesOut += chunk.length
    this.#core.metrics.count(header.apiKey, frame.length, bytesOut, this.#core.env.clock.monotonic() - arrived)
    if (outcome !== 'close') this.#core.logs.blocks.give(frame)
    return outcome
  }

  #answer(handler: Handler, header: RequestHeader, request: unknown, connection: Connection): Promise<FrameOutcome> | FrameOutcome {
    const action = this.#control?.intercept({ apiKey: header.apiKey, apiName: handler.api.name, version: header.apiVersion, clientId: header.clientId ?? '', request })
    if (action !== undefined) return this.#controlled(action, handler, header, request, connection).catch(error => this.#failed(error, connection))
    return this.#handle(handler, header, request, connection)
  }

  #handle(handler: Handler, header: RequestHeader, request: unknown, connection: Connection): Promise<FrameOutcome> | FrameOutcome {
    const body = this.#authorized(handler, request, this.#callOf(header, connection))
    if (!(body instanceof Promise)) return this.#ending(this.#encode(handler, header, body), connection)
    return body.then(settled => this.#ending(this.#encode(handler, header, settled), connection)).catch(error => this.#failed(error, connection))
  }

  /** The handler's answer, as far as its caller may ask and see it (`authorization/rule.ts`). */
  #authorized(handler: Handler, request: unknown, call: Call): unknown {
    const { authorizer } = this.#core
    if (authorizer === undefined) return handler.handle(this.#core, request, call)
    const rule = RULES.get(handler.api.key)
    if (rule === undefined) throw new MillraceError('INTERNAL', `${handler.api.name} has no rule in authorization/table.ts: nobody may ask it while there is an authorizer.`)
    const verdict = rule.guard(new Rights(this.#core, authorizer, { principal: call.principal, host: call.clientHost.slice(1) }), request, call.version)
    if (verdict === 'pass') return handler.handle(this.#core, request, call)
    if ('answer' in verdict) return verdict.answer
    if ('close' in verdict) throw new MillraceError('BROKER_ERROR', `${call.principal} is not answered: ${verdict.close}`)
    // No answer (acks=0) has nothing to take out.
    const finish = (body: unknown): unknown => body === undefined ? undefined : verdict.finish(body as Parameters<typeof verdict.finish>[0])
    const body = handler.handle(this.#core, verdict.request ?? request, call)
    return body instanceof Promise ? body.then(finish) : finish(body)
  }

  /** A log-in that failed is answered, and then the connection ends. */
  #ending(outcome: FrameOutcome, { session, socket }: Connection): FrameOutcome {
    if (!session.hasFailed || typeof outcome === 'string' || 'last' in outcome) return outcome
    this.#core.logger.warn('a log-in failed; closing its connection', { from: socket.remoteAddress, listener: session.listener.protocol })
    return { last: outcome, why: 'its log-in failed' }
  }

  /** SaslHandshake v0: what follows is a token with its size, and so is the answer. */
  async #rawToken(token: Buffer, connection: Connection): Promise<FrameOutcome> {
    const { error, bytes } = await connection.session.authenticate(token)
    if (error !== 'NONE') {
      this.#core.logger.warn('a log-in failed; closing its connection', { from: connection.socket.remoteAddress, listener: connection.session.listener.protocol })
      return 'close'
    }
    const size = Buffer.alloc(4)
    size.writeInt32BE(bytes.length)
    return [size, bytes]
  }

  #encode(handler: Handler, header: RequestHeader, body: unknown): FrameOutcome {
    if (body === undefined) return 'none'
    // The handler's type made it a response of this API.
    return encodeResponse(handler.api, header.apiVersion, header.correlationId, body as Parameters<typeof encodeResponse>[3])
  }

  #callOf(header: RequestHeader, connection: Connection): Call {
    const { socket, session } = connection
    return {
      version: header.apiVersion,
      clientId: header.clientId ?? '',
      clientHost: `/${socket.remoteAddress.replace(/:\d+$/, '')}`,
      address: addressFor(session, socket),
      session,
      principal: session.principal,
      connectionId: connection.id,
      onClose: callback => connection.onClose(callback),
    }
  }

  #refuse(header: RequestHeader, handler: Handler | undefined, connection: Connection): FrameOutcome {
    const client = this.#core.clients.get(connection.id)
    const apiName = handler?.api.name ?? apiNameOf(header.apiKey)
    if (header.apiKey === API_VERSIONS_KEY && handler !== undefined && header.apiVersion > handler.versionMax) {
      const apiKeys = this.#core.served.map(served => ({ apiKey: served.api.key, minVersion: served.advertisedFrom ?? served.versionMin, maxVersion: served.versionMax }))
      const body = { errorCode: errorCode('UNSUPPORTED_VERSION'), apiKeys: apiKeys.filter(({ apiKey }) => apiKey === API_VERSIONS_KEY) }
      return encodeResponse(handler.api, 0, header.correlationId, body as Parameters<typeof encodeResponse>[3]) // As in `#encode`.
    }
    if (client !== undefined) this.#core.clients.refused(client, header.apiKey, apiName, header.apiVersion)
    this.#core.logger.warn('a request is not served; closing its connection', { api: apiName, version: header.apiVersion, client: client?.softwareName === '' ? client.clientId : `${client?.softwareName} ${client?.softwareVersion}` })
    return 'close'
  }

  async #controlled(action: ControlAction, handler: Handler, header: RequestHeader, request: unknown, connection: Connection): Promise<FrameOutcome> {
    switch (action.kind) {
      case 'delay':
        await this.#core.env.clock.sleep(action.ms)
        return this.#handle(handler, header, request, connection)
      case 'answer':
        return this.#encode(handler, header, action.body)
      case 'fail': {
        const body = await this.#authorized(handler, request, this.#callOf(header, connection))
        return this.#encode(handler, header, withErrorCode(body, errorCode(action.error)))
      }
      case 'drop':
        return new Promise(() => { /* Never answered: that is the fault. */ })
      case 'cut':
        if (action.when === 'after') await this.#handle(handler, header, request, connection)
        return 'close'
    }
  }

  #failed(error: unknown, connection: Connection): FrameOutcome {
    const malformed = error instanceof MillraceError && (error.code === 'FRAME_MALFORMED' || error.code === 'BATCH_CORRUPT')
    const fields = { client: connection.socket.remoteAddress, error: malformed ? messageOf(error) : error instanceof Error ? error.stack ?? error.message : String(error) }
    if (malformed) this.#core.logger.warn('closing a connection that sent a malformed request', fields)
    else if (!connection.closed) this.#core.logger.error('a request failed; closing its connection', fields)
    return 'close'
  }
}

/**
 * Over TLS the name by which the client came, as that is the one it found in the certificate. Java tells no name without a dot (`localhost`):
 * then it is the listener's own, if that is a name.
 */
function addressFor({ listener, tls }: Session, socket: Socket): HostPort {
  const name = tls?.serverName ?? (tls !== undefined && isName(listener.host) ? listener.host : undefined)
  return listener.advertise ?? { host: name ?? plainAddress(socket.localAddress), port: listener.port }
}

/** No address of IPv4 or IPv6. */
function isName(host: string): boolean {
  return !host.includes(':') && !/^[\d.]+$/.test(host)
}

/** `::ffff:127.0.0.1` is 127.0.0.1. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

function withErrorCode(body: unknown, code: number): unknown {
  if (Array.isArray(body)) return body.map(item => withErrorCode(item, code))
  if (body === null || typeof body !== 'object' || Buffer.isBuffer(body)) return body
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, name === 'errorCode' ? code : withErrorCode(value, code)]))
}
