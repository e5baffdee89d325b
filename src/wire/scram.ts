/**
 * SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677), both sides, in Kafka's use of it: no channel binding, and passwords are
 * their UTF-8 bytes as they are.
 *
 * ```text
 * client                                             server
 *   n,,n=alice,r=<nonce c>                     ──▶
 *                                              ◀──   r=<nonce c><nonce s>,s=<salt>,i=<iterations>
 *   c=biws,r=<nonce c><nonce s>,p=<proof>      ──▶
 *                                              ◀──   v=<server's signature>, or e=<error>
 * ```
 * S1. Neither side is believed before its proof: the client checks the server's signature too.
 * S2. What is kept of a password cannot be used to log in: salt, iterations, and two keys made of it.
 * S3. Proofs are compared in constant time; a user that does not exist is answered like one that does.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { MillraceError } from '../base/errors.ts'

export const SCRAM_MECHANISMS = { 'SCRAM-SHA-256': { hash: 'sha256', bytes: 32, type: 1 }, 'SCRAM-SHA-512': { hash: 'sha512', bytes: 64, type: 2 } } as const
export type ScramMechanism = keyof typeof SCRAM_MECHANISMS

export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export const ITERATIONS_MIN = 4096
export const ITERATIONS_MAX = 16_384
export const ITERATIONS_DEFAULT = 8192
/** A hostile server must not keep a client's processor busy. */
const ITERATIONS_ACCEPTED_MAX = 1_000_000
const GS2_HEADER = 'n,,'

export function isScram(mechanism: string): mechanism is ScramMechanism {
  return mechanism in SCRAM_MECHANISMS
}

export function saltPassword(mechanism: ScramMechanism, password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  const { hash, bytes } = SCRAM_MECHANISMS[mechanism]
  return new Promise((resolve, reject) => pbkdf2(password, salt, iterations, bytes, hash, (error, key) => error === null ? resolve(key) : reject(error)))
}

/** What is kept of a salted password (S2). */
export function credentialOf(mechanism: ScramMechanism, salted: Buffer, salt: Buffer, iterations: number): ScramCredential {
  const { hash } = SCRAM_MECHANISMS[mechanism]
  return { salt, iterations, storedKey: digest(hash, hmac(hash, salted, 'Client Key')), serverKey: hmac(hash, salted, 'Server Key') }
}

/** Whether the credential is of this password: for mechanisms that send it (PLAIN). */
export async function isPassword(mechanism: ScramMechanism, credential: ScramCredential, password: string): Promise<boolean> {
  const salted = await saltPassword(mechanism, password, credential.salt, credential.iterations)
  return timingSafeEqual(credentialOf(mechanism, salted, credential.salt, credential.iterations).storedKey, credential.storedKey)
}

export interface ScramClientOptions {
  readonly mechanism: ScramMechanism
  readonly username: string
  readonly password: string
  /** Random, printable, without a comma. */
  readonly nonce: string
}

/** The client's side; each message is used once, in order. Throws and rejects with `AUTHENTICATION_FAILED`. */
export class ScramClient {
  readonly #options: ScramClientOptions
  #serverSignature: Buffer | undefined

  constructor(options: ScramClientOptions) {
    this.#options = options
  }

  first(): string {
    return GS2_HEADER + this.#bare
  }

  get #bare(): string {
    return `n=${saslName(this.#options.username)},r=${this.#options.nonce}`
  }

  async final(serverFirst: string): Promise<string> {
    const { mechanism, nonce, password } = this.#options
    const parts = attributes(serverFirst)
    failOnError(parts)
    const [bothNonces, saltText, iterationText] = [parts.get('r') ?? '', parts.get('s') ?? '', parts.get('i') ?? '']
    if (!bothNonces.startsWith(nonce) || bothNonces.length === nonce.length) throw failed("the server's nonce does not continue ours")
    const iterations = Number(iterationText)
    if (!Number.isSafeInteger(iterations) || iterations < ITERATIONS_MIN || iterations > ITERATIONS_ACCEPTED_MAX) throw failed(`the server asks for ${iterationText} iterations; ${ITERATIONS_MIN} to ${ITERATIONS_ACCEPTED_MAX} are done`)
    const { hash } = SCRAM_MECHANISMS[mechanism]
    const salted = await saltPassword(mechanism, password, Buffer.from(saltText, 'base64'), iterations)
    const clientKey = hmac(hash, salted, 'Client Key')
    const withoutProof = `c=${base64(GS2_HEADER)},r=${bothNonces}`
    const message = `${this.#bare},${serverFirst},${withoutProof}`
    this.#serverSignature = hmac(hash, hmac(hash, salted, 'Server Key'), message)
    return `${withoutProof},p=${xor(clientKey, hmac(hash, digest(hash, clientKey), message)).toString('base64')}`
  }

  /** S1. */
  verify(serverFinal: string): void {
    const parts = attributes(serverFinal)
    failOnError(parts)
    const signature = Buffer.from(parts.get('v') ?? '', 'base64')
    const expected = this.#serverSignature
    if (expected === undefined || signature.length !== expected.length || !timingSafeEqual(signature, expected)) throw failed('the server could not prove that it knows this user: it may not be the one it seems to be')
  }
}

export interface ScramServerOptions {
  readonly mechanism: ScramMechanism
  /** Random, printable, without a comma. */
  readonly nonce: string
  readonly find: (username: string) => ScramCredential | undefined
  /** Of a user that does not exist: always the same for the same name (S3). */
  readonly decoySalt: (username: string) => Buffer
}

/** The server's side: two messages in, two out. Throws `AUTHENTICATION_FAILED`; `username` is who came, once `final` has returned. */
export class ScramServer {
  readonly #options: ScramServerOptions
  #username = ''
  #credential: ScramCredential | undefined
  #clientFirstBare = ''
  #serverFirst = ''
  #nonces = ''

  constructor(options: ScramServerOptions) {
    this.#options = options
  }

  get username(): string {
    return this.#username
  }

  first(clientFirst: string): string {
    const match = /^(n|y|p=[^,]*),(?:a=([^,]*))?,(.*)$/s.exec(clientFirst)
    if (match === null || match[1]?.startsWith('p') === true) throw failed('the first message is not of SCRAM without channel binding')
    const [, , authorizationId = '', bare = ''] = match
    const parts = attributes(bare)
    const [name, clientNonce] = [parts.get('n'), parts.get('r')]
    if (name === undefined || name === '' || clientNonce === undefined || clientNonce === '' || parts.has('m')) throw failed('the first message lacks a user or a nonce')
    this.#username = plainName(name)
    // Nobody acts for another (CVE-2017-12610).
    if (authorizationId !== '' && plainName(authorizationId) !== this.#username) throw failed('the authorization id is not the user')
    this.#credential = this.#options.find(this.#username)
    this.#clientFirstBare = bare
    this.#nonces = clientNonce + this.#options.nonce
    const salt = this.#credential?.salt ?? this.#options.decoySalt(this.#username)
    this.#serverFirst = `r=${this.#nonces},s=${salt.toString('base64')},i=${this.#credential?.iterations ?? ITERATIONS_DEFAULT}`
    return this.#serverFirst
  }

  final(clientFinal: string): string {
    const at = clientFinal.lastIndexOf(',p=')
    const parts = attributes(clientFinal)
    const { hash, bytes } = SCRAM_MECHANISMS[this.#options.mechanism]
    const proof = Buffer.from(parts.get('p') ?? '', 'base64')
    // librdkafka before 2.6 puts its own nonce before both once more; the proof covers what it sent.
    const isOurs = parts.get('r')?.endsWith(this.#nonces) ?? false
    if (at < 0 || !isOurs || !/^[ny],/.test(Buffer.from(parts.get('c') ?? '', 'base64').toString()) || proof.length !== bytes) throw failed('the final message does not follow from the first')
    const message = `${this.#clientFirstBare},${this.#serverFirst},${clientFinal.slice(0, at)}`
    const credential = this.#credential
    const storedKey = credential?.storedKey ?? Buffer.alloc(bytes)
    const clientKey = xor(proof, hmac(hash, storedKey, message))
    const isRight = timingSafeEqual(digest(hash, clientKey), storedKey)
    if (!isRight || credential === undefined) throw failed('wrong user or password')
    return `v=${hmac(hash, credential.serverKey, message).toString('base64')}`
  }
}

function failed(reason: string): MillraceError {
  return new MillraceError('AUTHENTICATION_FAILED', reason)
}

function failOnError(parts: ReadonlyMap<string, string>): void {
  const error = parts.get('e')
  if (error !== undefined) throw failed(`the server says: ${error}`)
}

function attributes(message: string): Map<string, string> {
  return new Map(message.split(',').map(part => [part.slice(0, 1), part.slice(1, 2) === '=' ? part.slice(2) : '']))
}

function saslName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

function plainName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw failed('the user name is not written as SCRAM wants it')
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function digest(hash: string, bytes: Buffer): Buffer {
  return createHash(hash).update(bytes).digest()
}

function hmac(hash: string, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest()
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)))
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
