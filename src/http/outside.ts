/**
 * Clients that are no part of the app and use its topics: dashed boxes in the graph.
 *
 * OC1. From the embedded broker's own list of connections everybody is seen, readers, writers and who only looks; of another cluster the
 *      members of consumer groups alone, since Kafka tells of nobody else.
 * OC2. Ours are left out: clients with the app's own groups, transactional ids or client ids, this page, the shop, the ledger's verifier.
 * OC3. Names and topics come from the network: they are data here, and text on the page.
 * OC4. Whose request is not served is named, though it may be gone before anybody looks: its client alone often says no more than that the connection ended.
 */
import type { ClientActivity, ClientsSeen, RefusedRequest } from '../broker/clients.ts'
import type { AdminGroups } from '../client/admin-groups.ts'
import { SOFTWARE_NAME } from '../client/broker-connection.ts'

export interface OutsideClient {
  /** Stays the same as long as the client is there. */
  readonly id: string
  readonly name: string
  /** Software and version, and its groups, as far as they are known. */
  readonly about: string
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Shown a while longer, so that one that only asked is seen too. */
  readonly isGone: boolean
}

/** What a client asked for and is not served. */
export interface Refused {
  /** Software and version, or what it calls itself. */
  readonly client: string
  readonly api: string
  readonly apiKey: number
  readonly version: number
}

/** By what the app's own clients are known. */
export interface Own {
  readonly app: string
  /** Client ids of what runs beside the tasks. */
  readonly clientIds: ReadonlySet<string>
  /** Groups and prefixes of transactional ids that do not begin with `<app>.`: of tasks that name their own. */
  readonly names: ReadonlySet<string>
}

const OUTSIDE_MAX = 24
const REFUSED_MAX = 24
const TEXT_MAX = 60

/** What a child process said is `unknown`: `undefined` where it says nothing of clients. */
export function parseSeen(message: object): ClientsSeen | undefined {
  if (!('clients' in message) || !Array.isArray(message.clients) || !('refused' in message) || !Array.isArray(message.refused)) return undefined
  // Our own broker's message, from this same build.
  return message as ClientsSeen
}

/** What was told before stays: a broker that was killed begins anew. The newest last. */
export function refusedOf(before: readonly Refused[], requests: readonly RefusedRequest[]): Refused[] {
  const now = requests.map(({ software, apiName, apiKey, version }): Refused => ({ client: short(software === '' ? '?' : software), api: apiName, apiKey, version }))
  return [...new Map([...before, ...now].map(each => [JSON.stringify(each), each])).values()].slice(-REFUSED_MAX)
}

export function outsideOf(own: Own, activity: readonly ClientActivity[], shownSince: number): OutsideClient[] {
  return activity.filter(client => !isOwn(own, client) && (client.goneAt === null || client.goneAt > shownSince)).slice(-OUTSIDE_MAX).map(client => ({
    id: JSON.stringify([client.clientId, client.softwareName, client.softwareVersion]),
    name: short(nameOf(client)),
    about: short([...client.groups, `${client.softwareName} ${client.softwareVersion}`.trim()].filter(text => text !== '').join(' · ')),
    reads: client.reads, writes: client.writes, isGone: client.goneAt !== null,
  }))
}

/** Members of groups that are not the app's, on any cluster. */
export async function outsideGroups({ app, names, clientIds }: Own, admin: AdminGroups): Promise<OutsideClient[]> {
  const groups = (await admin.listGroups()).filter(group => !group.groupId.startsWith(`${app}.`) && !names.has(group.groupId) && group.state !== 'Empty' && group.state !== 'Dead')
  const described = await admin.describeGroups(groups.slice(0, OUTSIDE_MAX).map(group => group.groupId))
  return described.filter(group => group.members.some(member => !clientIds.has(member.clientId))).map(group => ({
    id: JSON.stringify(['group', group.groupId]),
    name: short(group.groupId),
    about: short([...new Set(group.members.map(member => member.clientId))].join(', ')),
    reads: [...new Set(group.members.flatMap(member => [...member.topics, ...member.partitions.map(({ topic }) => topic)]))],
    writes: [], isGone: false,
  }))
}

function isOwn({ app, clientIds, names }: Own, client: ClientActivity): boolean {
  const isNamed = (text: string): boolean => text.startsWith(`${app}.`) || names.has(text)
  if (client.groups.some(isNamed)) return true
  // What Java's clients call themselves where nobody gave them a name: `producer-<transactional id>`, `consumer-<group>-1`.
  const named = client.clientId.replace(/^(?:producer|consumer)-/, '')
  if (isNamed(named) || [...names].some(name => named.startsWith(`${name}-`))) return true
  if (client.softwareName === SOFTWARE_NAME && (client.clientId === app || new RegExp(`^${app.replace(/[^\w]/g, '\\$&')}-\\d+$`).test(client.clientId))) return true
  return clientIds.has(client.clientId)
}

/** What librdkafka calls itself unless it is told otherwise says less than the name of its wrapper. */
function nameOf({ clientId, softwareName }: ClientActivity): string {
  return softwareName !== '' && (clientId === '' || clientId === 'rdkafka') ? softwareName : clientId === '' ? '?' : clientId
}

function short(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 1)}…` : text
}
