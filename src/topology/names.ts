/** Names of apps, tasks, operators and topics, and how an error of a description says where it stands. */
import { MillraceError } from '../base/errors.ts'
import type { SourceSite } from './node.ts'

const NAME = /^[a-zA-Z0-9_-]{1,80}$/
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/

/** A problem of the description: says what and where. */
export function topologyError(message: string, site?: SourceSite | undefined): MillraceError {
  return new MillraceError('TOPOLOGY_INVALID', site === undefined ? message : `${message} (${siteText(site)})`, { detail: site === undefined ? {} : { site: siteText(site) } })
}

/** `file:line:column`, with a file URL made a path. */
export function siteText(site: SourceSite): string {
  const file = site.file.startsWith('file://') ? decodeURIComponent(site.file.slice('file://'.length)) : site.file
  return `${file}:${site.line}:${site.column}`
}

/** Checks a name of an app, task or operator: no dot, so that `<app>.<task>.<name>` has one meaning. */
export function checkName(what: string, name: string, site?: SourceSite | undefined): void {
  if (!NAME.test(name)) throw topologyError(`${what} name '${name}' must be 1 to 80 of a-z, A-Z, 0-9, _ and - (no dot: it separates app, task and operator in topic names)`, site)
}

/** Checks the name of a topic by Kafka's rule. */
export function checkTopicName(name: string, site?: SourceSite | undefined): void {
  if (!TOPIC.test(name) || name === '.' || name === '..') throw topologyError(`topic name '${name}' must be 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'`, site)
}
