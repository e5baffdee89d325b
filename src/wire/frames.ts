/**
 * Requests and responses as frames: a 4-byte size, a header, a body.
 *
 * ```text
 * request   size │ api key  api version  correlation id  client id  [tagged fields, when flexible] │ body
 * response  size │ correlation id  [tagged fields, when flexible, but never for ApiVersions] │ body
 * ```
 *
 * F1. Encoders give the frame with its size, as chunks for one gathering write; records are among them by reference.
 * F2. Decoders take the frame without its size. Whatever the bytes, they return or throw `FRAME_MALFORMED`
 *     (or `VERSION_UNSUPPORTED` for a version outside of the table).
 * F3. Bytes left over behind a request are ignored, as Kafka does; behind a response they are an error, because then our
 *     table and the broker's do not agree.
 */
import { assert } from '../base/assert.ts'
import { malformed, WireReader } from './reader.ts'
import type { Api, RequestInput, RequestOf, ResponseInput, ResponseOf } from './schema.ts'
import { WireWriter } from './writer.ts'

const API_VERSIONS_KEY = 18

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Behind the client id: what `decodeRequest` takes. */
  readonly reader: WireReader
}

export function encodeRequest<A extends Api>(
  api: A, version: number, header: { readonly correlationId: number, readonly clientId: string | null }, body: RequestInput<A>,
): Buffer[] {
  const writer = new WireWriter()
  writer.int32(0) // The size, known at the end.
  writer.int16(api.key)
  writer.int16(version)
  writer.int32(header.correlationId)
  writer.nullableString(header.clientId)
  if (api.isFlexible(version)) writer.uvarint(0)
  api.request.encode(writer, version, body)
  return framed(writer)
}

/** Reads the part that all versions have in common; the API need not be known. */
export function decodeRequestHeader(frame: Buffer): RequestHeader {
  const reader = new WireReader(frame)
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  // ControlledShutdown v0 alone has no client id; it is not served.
  const clientId = reader.nullableString()
  return { apiKey, apiVersion, correlationId, clientId, reader }
}

/** The body; `reader` is the one of `decodeRequestHeader`. */
export function decodeRequest<A extends Api>(api: A, version: number, reader: WireReader): RequestOf<A> {
  if (api.isFlexible(version)) reader.skipTaggedFields()
  return api.request.decode(reader, version) as RequestOf<A> // Decoded by A's own table.
}

export function encodeResponse<A extends Api>(api: A, version: number, correlationId: number, body: ResponseInput<A>): Buffer[] {
  const writer = new WireWriter()
  writer.int32(0) // The size, known at the end.
  writer.int32(correlationId)
  if (responseHeaderIsFlexible(api, version)) writer.uvarint(0)
  api.response.encode(writer, version, body)
  return framed(writer)
}

/** The correlation id, and a reader for `decodeResponse`. */
export function decodeResponseHeader(frame: Buffer): { readonly correlationId: number, readonly reader: WireReader } {
  const reader = new WireReader(frame)
  return { correlationId: reader.int32(), reader }
}

/** The body; `reader` is the one of `decodeResponseHeader`. */
export function decodeResponse<A extends Api>(api: A, version: number, reader: WireReader): ResponseOf<A> {
  if (responseHeaderIsFlexible(api, version)) reader.skipTaggedFields()
  const body = api.response.decode(reader, version)
  if (reader.remaining > 0) throw malformed(`${api.name} response v${version} has ${reader.remaining} bytes too many`)
  return body as ResponseOf<A> // Decoded by A's own table.
}

/** A client that does not know the broker must be able to read ApiVersions, so its response header never changes. */
function responseHeaderIsFlexible(api: Api, version: number): boolean {
  return api.key !== API_VERSIONS_KEY && api.isFlexible(version)
}

function framed(writer: WireWriter): Buffer[] {
  const size = writer.length - 4
  const chunks = writer.chunks()
  const first = chunks[0]
  assert(first !== undefined && first.length >= 4, 'the size is in the first chunk')
  first.writeInt32BE(size, 0)
  return chunks
}
