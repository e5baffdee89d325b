/**
 * Where engines are kept and where they come from, read from the environment.
 *
 *   $MILLRACE_ENGINES    the folder; else $XDG_CACHE_HOME/millrace/engines, else ~/.cache/millrace/engines
 *   $MILLRACE_MAVEN      base URL of a Maven repository; else a mirror of central in ~/.m2/settings.xml, else Maven Central
 *
 * L1. A mirror is taken from settings.xml only where it says plainly that it stands for central: `central`, `*` or
 *     `external:*`, an http(s) URL, no variables. Anything cleverer is Maven's own business, and ignored.
 */
import { join, resolve } from 'node:path'
import { MillraceError } from '../../base/errors.ts'
import type { Disk } from '../../env/env.ts'
import { readText } from '../files.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const MAVEN_CENTRAL = 'https://repo.maven.apache.org/maven2'

/** Absolute. */
export function enginesDirectory(environment: Environment): string {
  const named = environment['MILLRACE_ENGINES']
  if (named !== undefined && named !== '') return resolve(named)
  const cache = environment['XDG_CACHE_HOME']
  if (cache !== undefined && cache.startsWith('/')) return join(cache, 'millrace', 'engines')
  const home = homeOf(environment)
  if (home === undefined) throw new MillraceError('CONFIG_INVALID', 'No folder for engines: neither $MILLRACE_ENGINES nor $HOME is set. Set MILLRACE_ENGINES to a folder.')
  return join(home, '.cache', 'millrace', 'engines')
}

/** Base URL without a slash at its end. */
export function repositoryUrl(environment: Environment, disk: Disk): string {
  const named = environment['MILLRACE_MAVEN']
  if (named !== undefined && named !== '') {
    const url = URL.canParse(named) ? new URL(named) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) throw new MillraceError('CONFIG_INVALID', `MILLRACE_MAVEN is '${named}': it takes the base URL of a Maven repository, such as ${MAVEN_CENTRAL}`)
    return named.replace(/\/+$/, '')
  }
  const home = homeOf(environment)
  const settings = home === undefined ? undefined : join(home, '.m2', 'settings.xml')
  return (settings !== undefined && disk.exists(settings) ? mirrorOfCentral(readText(disk, settings)) : undefined) ?? MAVEN_CENTRAL
}

/** L1. */
export function mirrorOfCentral(settingsXml: string): string | undefined {
  for (const [, mirror = ''] of settingsXml.replace(/<!--[\s\S]*?-->/g, '').matchAll(/<mirror>([\s\S]*?)<\/mirror>/g)) {
    const of = /<mirrorOf>\s*([^<]*?)\s*<\/mirrorOf>/.exec(mirror)?.[1]
    const url = /<url>\s*([^<]*?)\s*<\/url>/.exec(mirror)?.[1]
    if (of !== undefined && ['central', '*', 'external:*'].includes(of) && url !== undefined && /^https?:\/\/[^${}&]+$/.test(url)) return url.replace(/\/+$/, '')
  }
  return undefined
}

function homeOf(environment: Environment): string | undefined {
  const home = environment['HOME'] ?? environment['USERPROFILE']
  return home === '' ? undefined : home
}
