/** Loads the module that describes an app: its default export is what `app(name)` gave. */
import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError, messageOf } from '../base/errors.ts'
import { mapStacksToSources } from '../env/real/source-maps.ts'
import type { AppDescription } from '../topology/node.ts'

export interface Entry {
  readonly app: AppDescription
  /** The module's URL: worker threads and other processes load the app by it. */
  readonly url: string
  readonly path: string
}

export async function loadEntry(path: string): Promise<Entry> {
  const absolute = isAbsolute(path) ? path : resolve(process.cwd(), path)
  if (!existsSync(absolute)) throw new MillraceError('USAGE', `There is no file ${absolute}. Name the module whose default export is an app: millrace start app.js.`)
  const url = pathToFileURL(absolute).href
  mapStacksToSources()
  let loaded: unknown
  try {
    loaded = await import(url)
  } catch (error) {
    const hint = error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION' ? ' This Node cannot run TypeScript: compile it first, or use Node 22.18 or later.' : ''
    throw new MillraceError('USER_CODE', `${absolute} could not be loaded: ${messageOf(error)}${hint}`, { cause: error })
  }
  // A namespace object has what the module exports; the default must describe an app.
  const app = typeof loaded === 'object' && loaded !== null && 'default' in loaded ? loaded.default : undefined
  if (!isApp(app)) throw new MillraceError('USER_CODE', `The default export of ${absolute} is no app. Write: export default app('name').task(…).`)
  return { app, url, path: absolute }
}

function isApp(value: unknown): value is AppDescription {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string' && 'tasks' in value && Array.isArray(value.tasks)
}
