/**
 * The authorizer: who may do what, from entries kept in the data directory. Decides as Kafka's StandardAuthorizer does.
 *
 *   super user ─▶ allowed     any matching DENY ─▶ denied     any matching ALLOW ─▶ allowed
 *   no entry for the resource at all ─▶ `allowIfNone`         otherwise ─▶ denied
 *
 * Z1. A change is durable before it is answered, and holds for the next request of every connection.
 * Z2. Taking away one entry leaves all others (CVE-2024-27309): they are held one by one, not by resource.
 */
import type { Env } from '../../env/env.ts'
import { StateFile } from '../state-file.ts'
import { ACLS_FILE, concerns, covers, keyOf, OPERATIONS, PATTERNS, PERMISSIONS, RESOURCE_TYPES, WILDCARD } from './acl.ts'
import type { AclEntry, Operation, ResourceType } from './acl.ts'

export interface AuthorizerOptions {
  /** `User:admin` */
  readonly superUsers: readonly string[]
  readonly allowIfNone: boolean
}

export interface Caller {
  readonly principal: string
  readonly host: string
}

/** Decisions are kept until the entries change: a producer asks the same question with each batch. */
const DECISIONS_MAX = 10_000
export const ENTRIES_MAX = 100_000

export class Authorizer {
  readonly #file: StateFile
  readonly #superUsers: ReadonlySet<string>
  readonly #allowIfNone: boolean
  readonly #decisions = new Map<string, boolean>()
  #entries = new Map<string, AclEntry>()
  /** By resource type. */
  #byType = new Map<number, AclEntry[]>()
  #writing: Promise<void> = Promise.resolve()

  private constructor(file: StateFile, options: AuthorizerOptions) {
    this.#file = file
    this.#superUsers = new Set(options.superUsers)
    this.#allowIfNone = options.allowIfNone
  }

  /** Throws `LOG_CORRUPT`, `DATA_DIR_VERSION`. */
  static open(env: Env, directory: string, options: AuthorizerOptions): Authorizer {
    const authorizer = new Authorizer(new StateFile(env, { directory, kind: ACLS_FILE, version: 1 }), options)
    const stored = authorizer.#file.read()
    // Written by `#write`, and the file's checksum holds.
    authorizer.#replace(new Map((stored === undefined ? [] : stored as AclEntry[]).map(entry => [keyOf(entry), entry])))
    return authorizer
  }

  get count(): number {
    return this.#entries.size
  }

  get superUsers(): readonly string[] {
    return [...this.#superUsers]
  }

  list(): AclEntry[] {
    return [...this.#entries.values()]
  }

  allows(caller: Caller, operation: Operation, type: ResourceType, name: string): boolean {
    const question = `${operation} ${type} ${caller.principal}\n${caller.host}\n${name}`
    const known = this.#decisions.get(question)
    if (known !== undefined) return known
    const decision = this.#decide(caller, OPERATIONS[operation], RESOURCE_TYPES[type], name)
    if (this.#decisions.size >= DECISIONS_MAX) this.#decisions.clear()
    this.#decisions.set(question, decision)
    return decision
  }

  /** Whether there is any resource of the type for which it is allowed (KIP-679). */
  allowsAny(caller: Caller, operation: Operation, type: ResourceType): boolean {
    if (this.#superUsers.has(caller.principal)) return true
    const concerned = this.#of(RESOURCE_TYPES[type]).filter(entry => concerns(entry, caller, OPERATIONS[operation]))
    const denials = concerned.filter(entry => entry.permissionType === PERMISSIONS.DENY)
    if (denials.some(isForAll)) return false
    if (this.#allowIfNone) return true
    // A prefix is closed to the caller where a denial covers all of it: one with a shorter prefix, or the same.
    return concerned.some(entry => entry.permissionType === PERMISSIONS.ALLOW && !denials.some(denial => (denial.patternType === PATTERNS.PREFIXED || denial.patternType === entry.patternType) && covers(denial, entry.resourceName)))
  }

  /** Z1. Entries that are there already are left as they are. Throws where there would be too many. */
  create(entries: readonly AclEntry[]): Promise<void> {
    return this.#change(next => { for (const entry of entries) next.set(keyOf(entry), entry) })
  }

  /** Z1. */
  remove(entries: readonly AclEntry[]): Promise<void> {
    return this.#change(next => { for (const entry of entries) next.delete(keyOf(entry)) })
  }

  #decide(caller: Caller, operation: number, type: number, name: string): boolean {
    if (this.#superUsers.has(caller.principal)) return true
    let isAllowed = false
    let isMentioned = false
    for (const entry of this.#of(type)) {
      if (!covers(entry, name)) continue
      isMentioned = true
      if (!concerns(entry, caller, operation)) continue
      if (entry.permissionType === PERMISSIONS.DENY) return false
      isAllowed = true
    }
    return isAllowed || (!isMentioned && this.#allowIfNone)
  }

  #of(type: number): readonly AclEntry[] {
    return this.#byType.get(type) ?? []
  }

  #change(make: (next: Map<string, AclEntry>) => void): Promise<void> {
    const done = this.#writing.then(async () => {
      const next = new Map(this.#entries)
      make(next)
      await this.#file.write([...next.values()])
      this.#replace(next)
    })
    this.#writing = done.catch(() => { /* Told to that call. */ })
    return done
  }

  #replace(entries: Map<string, AclEntry>): void {
    this.#entries = entries
    this.#byType = new Map()
    for (const entry of entries.values()) {
      const list = this.#byType.get(entry.resourceType)
      if (list === undefined) this.#byType.set(entry.resourceType, [entry])
      else list.push(entry)
    }
    this.#decisions.clear()
  }
}

function isForAll(entry: AclEntry): boolean {
  return entry.patternType === PATTERNS.LITERAL && entry.resourceName === WILDCARD
}

/** `alice` is `User:alice`. */
export function principalOf(name: string): string {
  return name.includes(':') ? name : `User:${name}`
}
