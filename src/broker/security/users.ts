/**
 * Who may log in: SCRAM credentials by user and mechanism, in one file.
 *
 *   {"version":1,"users":{"alice":{"SCRAM-SHA-512":{"salt":…,"iterations":8192,"storedKey":…,"serverKey":…}}}}     base64
 *
 * U1. No password is kept, neither in the file nor in memory: what is kept cannot be used to log in.
 * U2. The file is its owner's alone (0600), or the start is refused.
 * U3. A change is durable when `alter` resolves, and seen by the next log-in; a file is replaced as a whole.
 */
import { MillraceError } from '../../base/errors.ts'
import { parseJson } from '../../base/json-parse.ts'
import type { Env } from '../../env/env.ts'
import { readFile } from '../../env/whole-file.ts'
import { credentialOf, isPassword, isScram, ITERATIONS_DEFAULT, saltPassword, SCRAM_MECHANISMS } from '../../wire/scram.ts'
import type { ScramCredential, ScramMechanism } from '../../wire/scram.ts'

const VERSION = 1
/** In the data directory, where no other file is named. */
export const USERS_FILE = 'users.json'
const SALT_BYTES = 20
const USERS_MAX = 100_000
export const MECHANISMS: readonly ScramMechanism[] = ['SCRAM-SHA-256', 'SCRAM-SHA-512']

type Credentials = Map<ScramMechanism, ScramCredential>

export interface CredentialChange {
  readonly user: string
  readonly mechanism: ScramMechanism
  /** `undefined` takes it away. */
  readonly credential: ScramCredential | undefined
}

export class Users {
  readonly #env: Env
  readonly #path: string
  /** Never handed out: a decoy salt tells nothing of it. */
  readonly #secret: Buffer
  #users = new Map<string, Credentials>()
  #writing: Promise<void> = Promise.resolve()

  private constructor(env: Env, path: string) {
    this.#env = env
    this.#path = path
    this.#secret = env.random.bytes(32)
  }

  /** Reads the file where there is one. Throws `CONFIG_INVALID` for a file that others may read or that is damaged. */
  static open(env: Env, path: string): Users {
    const users = new Users(env, path)
    if (env.disk.exists(path)) users.#read()
    return users
  }

  get path(): string {
    return this.#path
  }

  get count(): number {
    return this.#users.size
  }

  names(): string[] {
    return [...this.#users.keys()].sort()
  }

  of(user: string): ReadonlyMap<ScramMechanism, ScramCredential> | undefined {
    return this.#users.get(user)
  }

  find(user: string, mechanism: ScramMechanism): ScramCredential | undefined {
    return this.#users.get(user)?.get(mechanism)
  }

  /** Takes as long for a user that does not exist. */
  async isPassword(user: string, password: string): Promise<boolean> {
    const [mechanism, credential] = [...this.#users.get(user) ?? []][0] ?? []
    if (mechanism !== undefined && credential !== undefined) return await isPassword(mechanism, credential, password)
    await saltPassword('SCRAM-SHA-256', password, this.#secret, ITERATIONS_DEFAULT)
    return false
  }

  /** The same for the same name as long as this broker runs. */
  async decoySalt(user: string): Promise<Buffer> {
    return (await saltPassword('SCRAM-SHA-256', user, this.#secret, 1)).subarray(0, SALT_BYTES)
  }

  /** Credentials of both mechanisms for a password; kept until the end of this process only. */
  async setInMemory(user: string, password: string): Promise<void> {
    for (const { mechanism, credential } of await this.changesFor(user, password)) this.#put(this.#users, user, mechanism, credential)
  }

  async changesFor(user: string, password: string): Promise<{ user: string, mechanism: ScramMechanism, credential: ScramCredential }[]> {
    return await Promise.all(MECHANISMS.map(async mechanism => {
      const salt = this.#env.random.bytes(SALT_BYTES)
      return { user, mechanism, credential: credentialOf(mechanism, await saltPassword(mechanism, password, salt, ITERATIONS_DEFAULT), salt, ITERATIONS_DEFAULT) }
    }))
  }

  /** U3. Changes are made in the order of the calls. */
  alter(changes: readonly CredentialChange[]): Promise<void> {
    const done = this.#writing.then(async () => {
      const next = new Map([...this.#users].map(([user, credentials]) => [user, new Map(credentials)]))
      for (const { user, mechanism, credential } of changes) this.#put(next, user, mechanism, credential)
      if (next.size > USERS_MAX) throw new MillraceError('CONFIG_INVALID', `More than ${USERS_MAX} users.`)
      await this.#write(next)
      this.#users = next
    })
    this.#writing = done.catch(() => { /* Told to that call; the next one tries on its own. */ })
    return done
  }

  #put(users: Map<string, Credentials>, user: string, mechanism: ScramMechanism, credential: ScramCredential | undefined): void {
    const credentials = users.get(user) ?? new Map<ScramMechanism, ScramCredential>()
    if (credential === undefined) credentials.delete(mechanism)
    else credentials.set(mechanism, credential)
    if (credentials.size === 0) users.delete(user)
    else users.set(user, credentials)
  }

  #read(): void {
    const { disk } = this.#env
    const permissions = disk.permissions(this.#path)
    if ((permissions & 0o077) !== 0) throw this.#invalid(`others than its owner may use it (mode ${permissions.toString(8)}). Run: chmod 600 ${this.#path}`)
    let parsed: unknown
    try {
      parsed = parseJson(readFile(disk, this.#path).toString('utf8'))
    } catch (error) {
      throw this.#invalid(`it is no JSON (${error instanceof Error ? error.message : String(error)}). \`millrace broker user add NAME --users FILE\` writes one`)
    }
    if (!isObject(parsed) || parsed['version'] !== VERSION || !isObject(parsed['users'])) throw this.#invalid(`it is not what Millrace writes in version ${VERSION}. \`millrace broker user add NAME --users FILE\` writes one`)
    for (const [user, mechanisms] of Object.entries(parsed['users'])) {
      if (!isObject(mechanisms)) throw this.#invalid(`user '${user}' has no credentials`)
      for (const [mechanism, value] of Object.entries(mechanisms)) {
        const credential = isScram(mechanism) ? parsedCredential(mechanism, value) : undefined
        if (credential === undefined || !isScram(mechanism)) throw this.#invalid(`the credential ${mechanism} of user '${user}' is not understood`)
        this.#put(this.#users, user, mechanism, credential)
      }
    }
  }

  async #write(users: ReadonlyMap<string, Credentials>): Promise<void> {
    const { disk } = this.#env
    const plain = Object.fromEntries([...users].sort(([a], [b]) => a < b ? -1 : 1).map(([user, credentials]) => [user, Object.fromEntries([...credentials].map(([mechanism, { salt, iterations, storedKey, serverKey }]) =>
      [mechanism, { salt: salt.toString('base64'), iterations, storedKey: storedKey.toString('base64'), serverKey: serverKey.toString('base64') }]))]))
    const aside = `${this.#path}.new`
    // Made anew: one that was left behind may have any mode.
    if (disk.exists(aside)) disk.unlink(aside)
    const file = disk.open(aside, 'new')
    try {
      file.write(Buffer.from(`${JSON.stringify({ version: VERSION, users: plain }, null, 1)}\n`), 0)
      await file.datasync()
    } finally {
      file.close()
    }
    disk.rename(aside, this.#path)
    await disk.syncDirectory(this.#path.replace(/[/\\][^/\\]*$/, '') || '/')
  }

  #invalid(reason: string): MillraceError {
    return new MillraceError('CONFIG_INVALID', `The file of users ${this.#path} is not used: ${reason}.`)
  }
}

function parsedCredential(mechanism: ScramMechanism, value: unknown): ScramCredential | undefined {
  if (!isObject(value)) return undefined
  const { bytes } = SCRAM_MECHANISMS[mechanism]
  const { salt, iterations, storedKey, serverKey } = value
  if (typeof salt !== 'string' || typeof storedKey !== 'string' || typeof serverKey !== 'string' || typeof iterations !== 'number') return undefined
  const credential = { salt: Buffer.from(salt, 'base64'), iterations, storedKey: Buffer.from(storedKey, 'base64'), serverKey: Buffer.from(serverKey, 'base64') }
  const isWhole = credential.salt.length > 0 && Number.isSafeInteger(iterations) && iterations > 0 && credential.storedKey.length === bytes && credential.serverKey.length === bytes
  return isWhole ? credential : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
